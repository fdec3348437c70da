import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tasks.audio import to_flac
from tasks.params import AudioParams, TrainParams
from tasks.records import FEATURES, write_shard
from tasks.train import input_key, run
from voiceloom_model.features import MelConfig, log_mel
from voiceloom_model.text import encode

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
OUTPUTS = {"model.safetensors", "discriminators.safetensors", "config.json", "curves.json"}

COMMAND = """
import sys
from pathlib import Path
from test_train import AUDIO, TRAIN, run
run(features=Path("features"), checkpoint=Path(sys.argv[1]), train=TRAIN, audio=AUDIO)
"""


def feature_row(index: int, split: str) -> dict:
    rng = np.random.default_rng(index)
    n_frames = 64 + 8 * index
    wave = 0.2 * np.sin(np.arange(n_frames * 256) * (0.05 + 0.01 * index)) + 0.01 * rng.standard_normal(n_frames * 256)
    tokens = encode("hɛlˈoʊ wˈɜɹld.")
    vector = np.full(256, 1 / 16, np.float32)
    return {
        **{"id": f"made/{index}", "corpus": "made", "speaker": "tone", "language": "en-US"},
        **{"licence": "CC0-1.0", "consent_id": "none-needed", "text": "Hello world.", "split": split},
        **{"content_key": str(index), "duration_s": len(wave) / 16000, "sample_rate_hz": 16000},
        **{"phonemes": "hɛlˈoʊ wˈɜɹld.", "phoneme_ids": tokens.ids, "stress_ids": tokens.stress},
        **{
            "n_frames": n_frames,
            "mel": log_mel(wave.astype(np.float32), MelConfig()).astype(np.float16).ravel(),
        },
        **{name: np.zeros(n_frames, np.float16) for name in ("f0_hz", "energy_db")},
        **{"mfcc": np.zeros(13 * n_frames, np.float16), "speaker_embedding": vector},
        "audio": {"bytes": to_flac(wave.astype(np.float32), 16000), "path": f"made/{index}.flac"},
    }


@pytest.fixture
def workplace(tmp_path, monkeypatch) -> Path:
    """A folder to work in, with a made-up `features`."""
    monkeypatch.chdir(tmp_path)
    rows = [feature_row(index, "test" if index == 5 else "train") for index in range(6)]
    write_shard(rows, tmp_path / "features", 0, FEATURES)
    write_statistics(tmp_path / "features")
    return tmp_path


def write_statistics(features: Path) -> None:
    statistics = {
        "mel": {"mean": [-5.0] * 80, "std": [2.0] * 80},
        "speakers": {"tone": {"embedding": [1 / 16] * 256}},
        "hours": {"language": {"en-US": 0.1}},
    }
    (features / "statistics.json").write_text(json.dumps(statistics))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_checkpoint_can_be_loaded_and_says_what_it_heard(workplace):
    from voiceloom_model.nn.synthesizer import Synthesizer

    metrics = run(features=workplace / "features", checkpoint=workplace / "out", train=TRAIN, audio=AUDIO)
    assert {path.name for path in (workplace / "out").iterdir()} == OUTPUTS
    assert metrics["train_rows"] == 5 and metrics["held_out_rows"] == 1
    assert metrics["valid_mel_posterior_last"] < metrics["valid_mel_posterior_first"]
    voice = Synthesizer.from_folder(workplace / "out")
    assert not voice.training and float(voice.mel_mean[0]) == -5.0
    config = json.loads((workplace / "out" / "config.json").read_text())
    assert list(config["speakers"]) == ["tone"] and config["languages"] == ["en-US"]


def test_same_inputs_give_the_same_bytes(workplace):
    for name in ("one", "two"):
        run(features=workplace / "features", checkpoint=workplace / name, train=TRAIN, audio=AUDIO)
    assert contents(workplace / "one") == contents(workplace / "two")


def test_input_key_follows_data_and_parameters(workplace):
    features = workplace / "features"
    key = input_key(features, TRAIN, AUDIO)
    assert key == input_key(features, TRAIN, AUDIO)
    assert key != input_key(features, TRAIN.model_copy(update={"seed": 2}), AUDIO)
    write_shard([feature_row(9, "train")], features, 1, FEATURES)
    assert key != input_key(features, TRAIN, AUDIO)


def test_no_training_split_is_one_sentence(workplace):
    write_shard([feature_row(0, "test")], workplace / "features", 0, FEATURES)
    with pytest.raises(ValueError, match="no utterance of the train split"):
        run(features=workplace / "features", checkpoint=workplace / "out", train=TRAIN, audio=AUDIO)


@pytest.mark.slow
def test_sigkill_in_the_middle_then_again_gives_the_undisturbed_bytes(workplace):
    run(features=workplace / "features", checkpoint=workplace / "whole", train=TRAIN, audio=AUDIO)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", COMMAND, "cut"], env=environment, cwd=workplace)
    state = workplace / "runs" / "train" / input_key(workplace / "features", TRAIN, AUDIO) / "state.pt"
    deadline = time.monotonic() + 120
    while not state.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert state.is_file() and not (workplace / "cut").exists()
    run(features=workplace / "features", checkpoint=workplace / "cut", train=TRAIN, audio=AUDIO)
    assert contents(workplace / "whole") == contents(workplace / "cut")


def test_the_next_run_drops_the_state_of_a_finished_one(workplace):
    for seed in (1, 2):
        params = TRAIN.model_copy(update={"seed": seed})
        run(features=workplace / "features", checkpoint=workplace / f"out{seed}", train=params, audio=AUDIO)
    assert len(list((workplace / "runs" / "train").iterdir())) == 1
