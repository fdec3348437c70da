import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tasks.audio import to_flac
from tasks.params import TrainParams
from tasks.records import FEATURES, write_shard
from tasks.train import STAGE, run
from tasks.train.job import new_job
from tests.tiny import AUDIO, TRAIN
from voiceloom_model.features import MelConfig, log_mel
from voiceloom_model.text import encode

OUTPUTS = {"model.safetensors", "discriminators.safetensors", "config.json", "curves.json"}

COMMAND = """
import sys
from pathlib import Path
from test_train import AUDIO, TRAIN, run
run(features=Path("features"), checkpoint=Path(sys.argv[1]), learning=Path("learning.json"), train=TRAIN, audio=AUDIO)
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
    write_features(tmp_path / "features")
    return tmp_path


def write_features(features: Path) -> None:
    rows = [feature_row(index, "test" if index == 5 else "train") for index in range(6)]
    write_shard(rows, features, 0, FEATURES)
    write_statistics(features, "tone")


def write_statistics(features: Path, *speakers: str) -> None:
    statistics = {
        "mel": {"mean": [-5.0] * 80, "std": [2.0] * 80},
        "speakers": {name: {"embedding": [1 / 16] * 256} for name in speakers},
        "hours": {"language": {"en-US": 0.1}},
    }
    (features / "statistics.json").write_text(json.dumps(statistics))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_checkpoint_can_be_loaded_and_says_what_it_heard(workplace):
    from voiceloom_model.nn.synthesizer import Synthesizer

    metrics = run(
        features=workplace / "features",
        checkpoint=workplace / "out",
        learning=workplace / "learning.json",
        train=TRAIN,
        audio=AUDIO,
    )
    assert {path.name for path in (workplace / "out").iterdir()} == OUTPUTS
    learning = json.loads((workplace / "learning.json").read_text(encoding="utf-8"))
    assert learning and all(set(row) == {"step", "valid_mel_text", "valid_mel_posterior"} for row in learning)
    assert metrics["train_rows"] == 5 and metrics["held_out_rows"] == 1
    assert metrics["valid_mel_posterior_last"] < metrics["valid_mel_posterior_first"]
    voice = Synthesizer.from_folder(workplace / "out")
    assert not voice.training and float(voice.mel_mean[0]) == -5.0
    config = json.loads((workplace / "out" / "config.json").read_text())
    assert list(config["speakers"]) == ["tone"] and config["languages"] == ["en-US"]


def test_same_inputs_give_the_same_bytes(workplace):
    for name in ("one", "two"):
        shutil.rmtree(workplace / "runs", ignore_errors=True)
        run(
            features=workplace / "features",
            checkpoint=workplace / name,
            learning=workplace / "learning.json",
            train=TRAIN,
            audio=AUDIO,
        )
    assert contents(workplace / "one") == contents(workplace / "two")


def key(workplace, train=TRAIN) -> str:
    return new_job(workplace / "features", train, AUDIO, STAGE.code).folder.name


def test_input_key_follows_data_parameters_and_the_weights_begun_with(workplace):
    first = key(workplace)
    assert first == key(workplace)
    assert first != key(workplace, TRAIN.model_copy(update={"seed": 2}))
    write_shard([feature_row(9, "train")], workplace / "features", 1, FEATURES)
    assert first != key(workplace)
    adapted = TRAIN.model_copy(update={"start": "base"})
    (workplace / "base").mkdir()
    (workplace / "base" / "model.safetensors").write_bytes(b"one")
    before = key(workplace, adapted)
    (workplace / "base" / "model.safetensors").write_bytes(b"two")
    assert before != key(workplace, adapted)


def test_no_training_split_is_one_sentence(workplace):
    write_shard([feature_row(0, "test")], workplace / "features", 0, FEATURES)
    with pytest.raises(ValueError, match="no utterance of the train split"):
        run(
            features=workplace / "features",
            checkpoint=workplace / "out",
            learning=workplace / "learning.json",
            train=TRAIN,
            audio=AUDIO,
        )


@pytest.mark.slow
def test_sigkill_in_the_middle_then_again_gives_the_undisturbed_bytes(workplace):
    run(
        features=workplace / "features",
        checkpoint=workplace / "whole",
        learning=workplace / "learning.json",
        train=TRAIN,
        audio=AUDIO,
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", COMMAND, "cut"], env=environment, cwd=workplace)
    state = workplace / "runs" / "train" / key(workplace) / "state.pt"
    deadline = time.monotonic() + 120
    while not state.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert state.is_file() and not (workplace / "cut").exists()
    run(
        features=workplace / "features",
        checkpoint=workplace / "cut",
        learning=workplace / "learning.json",
        train=TRAIN,
        audio=AUDIO,
    )
    assert contents(workplace / "whole") == contents(workplace / "cut")


def test_the_next_run_drops_the_state_of_a_finished_one(workplace):
    for seed in (1, 2):
        params = TRAIN.model_copy(update={"seed": seed})
        run(
            features=workplace / "features",
            checkpoint=workplace / f"out{seed}",
            learning=workplace / "learning.json",
            train=params,
            audio=AUDIO,
        )
    assert len(list((workplace / "runs" / "train").iterdir())) == 1


def with_params(**changes) -> TrainParams:
    return TrainParams.model_validate(TRAIN.model_dump() | changes)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A checkpoint to begin with."""
    root = tmp_path_factory.mktemp("base")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_features(root / "features")
        run(
            features=root / "features",
            checkpoint=root / "checkpoint",
            learning=root / "learning.json",
            train=TRAIN,
            audio=AUDIO,
        )
    return root / "checkpoint"


def weights_of(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "model.safetensors")


def test_a_start_gives_its_weights_and_its_discriminators(workplace, base):
    train = with_params(start=str(base), learning_rate=1e-12, final_learning_rate=1e-12, adversarial_steps=0)
    run(
        features=workplace / "features",
        checkpoint=workplace / "out",
        learning=workplace / "learning.json",
        train=train,
        audio=AUDIO,
    )
    before, after = weights_of(base), weights_of(workplace / "out")
    assert before.keys() == after.keys()
    assert all(np.allclose(before[name], value, atol=1e-6) for name, value in after.items())
    judges = [(folder / "discriminators.safetensors").read_bytes() for folder in (base, workplace / "out")]
    assert judges[0] == judges[1]


@pytest.mark.parametrize("mode", ["lora", "speaker"])
def test_an_adaptation_leaves_a_whole_checkpoint_and_a_small_adapter(workplace, base, mode):
    from voiceloom_model.nn.synthesizer import Synthesizer

    train = with_params(start=str(base), adaptation=mode, lora_rank=2, adversarial_steps=2 if mode == "lora" else 0)
    run(
        features=workplace / "features",
        checkpoint=workplace / "out",
        learning=workplace / "learning.json",
        train=train,
        audio=AUDIO,
    )
    voice = Synthesizer.from_folder(workplace / "out")
    before, after = weights_of(base), weights_of(workplace / "out")
    assert set(after) - set(before) == {"speakers.weight"} and np.abs(after["speakers.weight"][1]).max() > 0
    changed = {name for name, value in before.items() if not np.array_equal(value, after[name])}
    assert bool(changed) == (mode == "lora") and not any(name.startswith("posterior") for name in changed)
    spoken = json.loads((workplace / "out" / "config.json").read_text())["speakers"]["tone"]
    assert spoken == pytest.approx((1 / 16 + after["speakers.weight"][1]).tolist(), abs=1e-6)
    adapter = workplace / "out" / "adapter" / "adapter.safetensors"
    assert adapter.stat().st_size < (base / "model.safetensors").stat().st_size / 4
    assert voice.config.n_speakers == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"parts": {"vocoder": "istft"}}, "no part 'vocoder'.*the parts are: text_encoder"),
        ({"parts": {"decoder": "melgan"}}, "no decoder 'melgan'.*istft, hifigan"),
        ({"start": "nowhere"}, "train.start names nowhere, which is not there"),
        ({"adaptation": "lora"}, "name it in train.start"),
        ({"start": "BASE", "adaptation": "speaker"}, "set train.adversarial_steps to 0"),
        ({"start": "BASE", "parts": {"decoder": "hifigan"}}, "asks for decoder 'hifigan', but .* has 'source'"),
        ({"start": "BASE", "size": "small", "start_with": "decoder"}, "does not fit this network"),
        ({"max_minutes": 1e-6}, "max_minutes 1e-06 were over before the first step"),
    ],
)
def test_what_a_user_must_mend_is_one_sentence(workplace, base, changes, said):
    if changes.get("start") == "BASE":
        changes = changes | {"start": str(base)}
    with pytest.raises((ValueError, FileNotFoundError), match=said) as caught:
        run(
            features=workplace / "features",
            checkpoint=workplace / "out",
            learning=workplace / "learning.json",
            train=with_params(**changes),
            audio=AUDIO,
        )
    assert "\n" not in str(caught.value) and not (workplace / "out").exists()


def test_a_start_with_other_symbols_is_one_sentence(workplace, base):
    other = workplace / "other"
    shutil.copytree(base, other)
    config = json.loads((other / "config.json").read_text())
    config["symbols"][5], config["symbols"][6] = config["symbols"][6], config["symbols"][5]
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="other symbols than there are now"):
        run(
            features=workplace / "features",
            checkpoint=workplace / "out",
            learning=workplace / "learning.json",
            train=with_params(start=str(other)),
            audio=AUDIO,
        )


def test_too_little_of_a_speaker_is_one_sentence(workplace):
    write_shard([feature_row(9, "train") | {"speaker": "eva"}], workplace / "features", 1, FEATURES)
    write_statistics(workplace / "features", "tone", "eva")
    with pytest.raises(ValueError, match=r"2\.2 s of 'eva' to train on, and a speaker needs 5 s"):
        run(
            features=workplace / "features",
            checkpoint=workplace / "out",
            learning=workplace / "learning.json",
            train=TRAIN,
            audio=AUDIO,
        )


def test_tokens_spread_as_piper_wants_them(workplace):
    train = with_params(parts={"layout": "spread", "alignment": "mel"}, adversarial_steps=0)
    run(
        features=workplace / "features",
        checkpoint=workplace / "out",
        learning=workplace / "learning.json",
        train=train,
        audio=AUDIO,
    )
    assert json.loads((workplace / "out" / "config.json").read_text())["model"]["layout"] == "spread"


def test_only_one_process_trains_a_run(workplace, monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr("tasks.train.work.LOCK_S", 0.1)
    folder = new_job(workplace / "features", TRAIN, AUDIO, STAGE.code).folder
    folder.mkdir(parents=True)
    with FileLock(folder / "lock"), pytest.raises(ValueError, match="another process is training"):
        run(
            features=workplace / "features",
            checkpoint=workplace / "out",
            learning=workplace / "learning.json",
            train=TRAIN,
            audio=AUDIO,
        )


def test_a_stage_under_torchrun_is_one_sentence(workplace, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match=r"let torchrun start `-m tasks\.train`"):
        run(
            features=workplace / "features",
            checkpoint=workplace / "out",
            learning=workplace / "learning.json",
            train=TRAIN,
            audio=AUDIO,
        )


@pytest.mark.slow
def test_two_processes_leave_one_checkpoint(workplace):
    train = with_params(processes=2)
    metrics = run(
        features=workplace / "features",
        checkpoint=workplace / "out",
        learning=workplace / "learning.json",
        train=train,
        audio=AUDIO,
    )
    assert {path.name for path in (workplace / "out").iterdir()} == OUTPUTS
    assert metrics["steps"] == 11 and metrics["valid_mel_posterior_last"] < metrics["valid_mel_posterior_first"]


@pytest.mark.slow
def test_what_a_user_must_mend_passes_from_the_processes(workplace):
    write_shard([feature_row(0, "test")], workplace / "features", 0, FEATURES)
    with pytest.raises(ValueError, match="no utterance of the train split"):
        run(
            features=workplace / "features",
            checkpoint=workplace / "out",
            learning=workplace / "learning.json",
            train=with_params(processes=2),
            audio=AUDIO,
        )
