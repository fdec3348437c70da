"""A training so small that a test can wait for it."""

from tasks.params import AudioParams, TrainParams

AUDIO = AudioParams(sample_rate_hz=16000, n_fft=1024, hop_length=256, n_mels=80, f_min_hz=0, f_max_hz=8000)
TRAIN = TrainParams(
    size="tiny",
    seed=1,
    threads=1,
    precision="32-true",
    warmup_steps=8,
    adversarial_steps=3,
    frames_per_batch=256,
    segment_frames=32,
    learning_rate=1e-3,
    final_learning_rate=1e-4,
    ema_decay=0.9,
    checkpoint_every=2,
    validate_every=100,
)
