"""Made-up utterances: tones that follow their tokens."""

import numpy as np

from voiceloom_model.config import VitsSizes
from voiceloom_model.features import MelConfig, log_mel
from voiceloom_model.training.data import Utterance

MEL = MelConfig()
#: VITS small enough for a test; its rates multiply to the hop length.
SMALL_VITS = VitsSizes(
    text_layers=1,
    text_ffn=32,
    posterior_layers=2,
    flow_layers=1,
    duration_flows=2,
    duration_channels=16,
    upsample_rates=(8, 8, 4),
    upsample_kernels=(16, 16, 8),
    upsample_channels=32,
    resblock=2,
    resblock_kernels=(3,),
    resblock_dilations=((1, 2),),
)


def make_utterance(index: int, n_tokens: int = 9, n_frames: int = 70) -> Utterance:
    """Tokens with a tone of their own each, so that there is something to align."""
    rng = np.random.default_rng(index)
    tokens = rng.integers(3, 40, n_tokens)
    samples = np.arange(n_frames * MEL.hop_length)
    pitch = 120 + 25 * tokens[samples * n_tokens // len(samples)]
    wave = 0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / MEL.sample_rate_hz) + 0.01 * rng.standard_normal(len(samples))
    vector = rng.uniform(size=256).astype(np.float32)
    vector /= np.linalg.norm(vector)
    return Utterance(
        id=f"made/{index}",
        tokens=tokens,
        stress=rng.integers(0, 3, n_tokens),
        durations=np.bincount(np.arange(n_frames) * n_tokens // n_frames, minlength=n_tokens),
        language=1,
        mel=log_mel(wave.astype(np.float32), MEL).T.astype(np.float16),
        wave=np.round(wave * 32767).astype(np.int16),
        speaker=vector,
        speaker_mean=vector,
        f0=pitch[:: MEL.hop_length].astype(np.float32),
    )
