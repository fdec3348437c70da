"""`voiceloom clone`: a project of its own beside the present one, which stays as it is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from flows._dvc import reproduce, stage_order, stale_stages
from flows.cli import main
from flows.clone import MODES, CloneRequest, set_up
from tasks.ingest.consent import load_consents
from tasks.params import load_params

ROOT = Path(__file__).parents[2]
AUDIO = {"sample_rate_hz": 22050, "n_fft": 1024, "hop_length": 256, "n_mels": 80, "f_min_hz": 0.0, "f_max_hz": 8000.0}


@pytest.fixture
def root(tmp_path):
    """This project's files as a clone needs them, and a base voice (of which only the description is read)."""
    from dvc.repo import Repo

    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    Repo.init(str(root)).close()
    for name in ("params.yaml", "dvc.yaml", "data/consent.yaml", "data/lexicon.tsv"):
        shutil.copy(ROOT / name, root / name)
    for name in ("tasks", "model_src", "data/sentences"):
        (root / name).symlink_to(ROOT / name)
    make_base(root / "models" / "base")
    return root


def make_base(folder):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"mel": AUDIO}))
    (folder / "model.safetensors").write_bytes(b"weights")


@pytest.fixture
def recordings(tmp_path):
    return make_recordings(tmp_path / "My speech", seconds=25)


def make_recordings(folder, seconds):
    folder.mkdir()
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 8000 * seconds // 5)
    for number in range(5):
        soundfile.write(folder / f"{number}.wav", noise, 8000)
    return folder


def asked(folder, **changes):
    words = {"name": "Eva Novak", "licence": "CC-BY-4.0", "consent": "Eva Novak, by letter, 2026-03-01"}
    return CloneRequest(folder, **(words | changes))


def voiceloom(monkeypatch, *arguments):
    """Call `voiceloom` in this process; returns its exit status."""
    monkeypatch.setattr(sys, "argv", ["voiceloom", *arguments])
    try:
        main()
    except SystemExit as stop:
        return stop.code or 0
    return 0


def contents(root):
    """Every file of the project but the clones, and what is in it."""
    files = [path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts]
    return {path: path.read_bytes() for path in files if "clones" not in path.parts and ".dvc" not in path.parts}


def test_params_say_what_is_adapted_and_to_whom(root, recordings):
    workspace = set_up(root, asked(recordings, language="cs-CZ", minutes=4.0))
    assert workspace == root / "clones" / "eva-novak"
    params = load_params(workspace / "params.yaml")
    (corpus,) = params.corpora
    assert (corpus.speaker, corpus.language, corpus.source.path) == ("Eva Novak", "cs-CZ", str(recordings))
    assert params.audio.model_dump() == AUDIO
    assert (params.train.start, params.train.adaptation, params.train.max_minutes) == ("models/base", "lora", 4.0)
    assert params.register_.model_name == "voiceloom-eva-novak"
    before = load_params(root / "params.yaml")
    assert params.train.warmup_steps < before.train.warmup_steps
    assert (params.segment, params.features, params.train.size) == (before.segment, before.features, before.train.size)


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_has_its_steps(root, recordings, mode):
    train = load_params(set_up(root, asked(recordings, mode=mode)) / "params.yaml").train
    assert train.adaptation == mode and train.max_minutes is None
    assert {name: getattr(train, name) for name in MODES[mode]} == MODES[mode]


def test_the_project_stays_as_it_is(root, recordings, monkeypatch):
    monkeypatch.chdir(root)
    before = contents(root)
    set_up(root, asked(recordings))
    assert contents(root) == before
    assert stale_stages(root) == stage_order(root)  # none of the clone's


def test_only_the_clones_speaker_is_written_down_as_consenting(root, recordings):
    workspace = set_up(root, asked(recordings))
    assert list(load_consents(workspace / "data" / "consent.yaml")) == [("Eva Novak", "CC-BY-4.0")]


def test_it_is_the_same_dag_but_for_the_base(root, recordings, monkeypatch):
    workspace = set_up(root, asked(recordings))
    monkeypatch.chdir(workspace)
    ours, theirs = (yaml.safe_load((place / "dvc.yaml").read_text())["stages"] for place in (root, workspace))
    assert theirs["train"]["deps"].pop() == "models/base"
    assert theirs == ours and stage_order(workspace) == stage_order(root)
    assert stale_stages(workspace) == stage_order(root)  # DVC opens it, and nothing has run


def test_git_sees_nothing_that_a_stage_makes_there(root, recordings):
    workspace = set_up(root, asked(recordings))
    for out in ("data/raw", "models/voice", "runs", ".dvc/cache"):
        (workspace / out).mkdir(parents=True, exist_ok=True)
        (workspace / out / "secret").touch()
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    names = subprocess.run(["git", "ls-files"], cwd=root, check=True, capture_output=True, text=True).stdout
    assert "clones/eva-novak/params.yaml" in names and "secret" not in names


def test_a_stage_runs_there_and_again_when_the_base_changes(root, recordings, monkeypatch):
    step = {"cmd": "cp models/base/model.safetensors out && cp tasks/stage.py out.py", "deps": ["tasks/stage.py"]}
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": {**step, "outs": ["out", "out.py"]}}}))
    workspace = set_up(root, asked(recordings))
    monkeypatch.chdir(workspace)
    assert reproduce(workspace, "train") and not reproduce(workspace, "train")
    assert (workspace / "out").read_bytes() == b"weights" and not (root / "out").exists()
    assert not (workspace / ".dvc" / "cache").exists() and (root / ".dvc" / "cache" / "files").is_dir()
    assert stale_stages(workspace) == []
    (root / "models" / "base" / "model.safetensors").write_bytes(b"better weights")
    assert stale_stages(workspace) == ["train"]


def test_asked_again_it_needs_only_the_folder_and_keeps_what_was_changed_by_hand(root, recordings):
    params = set_up(root, asked(recordings)) / "params.yaml"
    params.write_text(params.read_text().replace("held_out_share: 0.28", "held_out_share: 0.5  # mine"))
    set_up(root, CloneRequest(recordings, "Eva Novak", mode="speaker"))
    assert "held_out_share: 0.5  # mine" in params.read_text()
    assert load_params(params).train.adaptation == "speaker"


def test_another_base_is_linked(root, recordings, tmp_path):
    make_base(tmp_path / "theirs")
    (tmp_path / "theirs" / "model.safetensors").write_bytes(b"theirs")
    for base in (Path("models/base"), tmp_path / "theirs"):
        workspace = set_up(root, asked(recordings, base=base))
    assert (workspace / "models" / "base" / "model.safetensors").read_bytes() == b"theirs"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"consent": None}, 'add --consent "who agreed, and when"'),
        ({"licence": None}, "add --licence NAME"),
        ({"language": "Czech"}, r"corpora\.0\.language"),
        ({"mode": "prefix"}, "no mode 'prefix'; there are: speaker, lora, full"),
        ({"base": Path("models/none")}, "models/none holds no base voice .* name a trained checkpoint with --base"),
        ({"folder": Path("nowhere")}, "the folder nowhere is not there"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(root, recordings, changes, sentence):
    with pytest.raises((ValueError, FileNotFoundError), match=sentence):
        set_up(root, asked(**{"folder": recordings, **changes}))
    assert not list(root.glob("clones/*"))


def test_a_base_that_is_no_checkpoint_of_ours_is_refused(root, recordings):
    (root / "models" / "base" / "config.json").write_text('{"model_type": "vits"}')
    with pytest.raises(ValueError, match="models/base is no checkpoint of Voiceloom"):
        set_up(root, asked(recordings))


def test_three_seconds_are_too_few(root, tmp_path):
    short = make_recordings(tmp_path / "short", seconds=5)
    with pytest.raises(ValueError, match=r"short holds 5 s of sound; a voice is cloned from 20 s or more"):
        set_up(root, asked(short))


def test_sounds_that_cannot_be_measured_here_are_left_to_ingest(root, tmp_path):
    folder = tmp_path / "phone"
    folder.mkdir()
    (folder / "memo.m4a").write_bytes(b"not for libsndfile")
    assert set_up(root, asked(folder)).is_dir()


def test_two_people_never_share_a_folder(root, recordings):
    set_up(root, asked(recordings))
    before = (root / "clones" / "eva-novak" / "params.yaml").read_text()
    with pytest.raises(ValueError, match=r"eva-novak is the clone of 'Eva Novak'; give 'eva novak' another --name"):
        set_up(root, asked(recordings, name="eva novak"))
    assert (root / "clones" / "eva-novak" / "params.yaml").read_text() == before


def test_outside_a_project_it_says_where_to_run(tmp_path, recordings):
    make_base(tmp_path / "models" / "base")
    with pytest.raises(FileNotFoundError, match="run from the project's root folder"):
        set_up(tmp_path, asked(recordings))


def test_the_command_runs_the_flow_there_and_registers_here(root, recordings, monkeypatch, capsys):
    ran = []
    monkeypatch.chdir(root)
    monkeypatch.setattr("flows.cli._retrain", lambda *arguments: ran.append((*arguments, Path.cwd())))
    said = ["--name", "eva", "--licence", "CC0-1.0", "--consent", "Eva, today", "--mode", "full", "--minutes", "2"]
    assert voiceloom(monkeypatch, "clone", str(recordings), *said) == 0
    workspace = root / "clones" / "eva"
    assert ran == [(workspace, "voiceloom-eva", workspace)]
    assert Path.cwd() == root
    assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{root}/mlflow.db"
    train = load_params(workspace / "params.yaml").train
    assert (train.adaptation, train.max_minutes) == ("full", 2.0)
    assert "clones/eva" in capsys.readouterr().out


def test_without_consent_the_command_starts_nothing(root, recordings, monkeypatch, capsys):
    monkeypatch.chdir(root)
    monkeypatch.setattr("flows.cli._retrain", lambda *_: pytest.fail("the flow was started"))
    assert voiceloom(monkeypatch, "clone", str(recordings), "--name", "eva", "--licence", "CC0-1.0") == 2
    error = capsys.readouterr().err
    assert (
        error.startswith("voiceloom: a voice is made only of recordings whose speaker agreed")
        and error.count("\n") == 1
    )


SENTENCES = [
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It is easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.",
    "The box was thrown beside the parked truck.",
    "Four hours of steady work faced us.",
    "A large size in stockings is hard to sell.",
    "The boy was there when the sun rose.",
    "A rod is used to catch pink salmon.",
    "The source of the huge river is the clear spring.",
]


def trained_base(root):
    """A voice of the project's own sampled world that has learned nothing."""
    import torch

    from voiceloom_model.config import model_config
    from voiceloom_model.nn.discriminators import Discriminators
    from voiceloom_model.nn.synthesizer import Synthesizer
    from voiceloom_model.text import N_LANGUAGES, N_SYMBOLS, SYMBOLS
    from voiceloom_model.training.checkpoint import save_weights

    audio = load_params(root / "params.yaml").audio.model_dump()
    torch.manual_seed(0)
    sizes = {name: audio[name] for name in ("n_mels", "n_fft", "hop_length")}
    config = model_config("tiny", n_symbols=N_SYMBOLS, n_languages=N_LANGUAGES, n_speakers=3, **sizes)
    folder = root / "models" / "base"
    description = {"model": config.to_dict(), "mel": audio, "symbols": list(SYMBOLS), "speakers": {}}
    (folder / "config.json").write_text(json.dumps(description))
    save_weights(folder / "model.safetensors", Synthesizer(config).state_dict())
    judges = Discriminators(config.discriminator_width).state_dict()
    save_weights(folder / "discriminators.safetensors", judges)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_clone_is_trained_registered_and_speaks(root, tmp_path, say, prefect_server, monkeypatch):
    from flows.environment import prepare_environment
    from flows.settings import apply_preset
    from tasks.register.registry import registered_voices

    shutil.copytree(ROOT / "presets", root / "presets")
    apply_preset(root, "tiny")
    trained_base(root)
    speech = tmp_path / "speech"
    (speech / "wavs").mkdir(parents=True)
    for number, text in enumerate(SENTENCES):
        soundfile.write(speech / "wavs" / f"{number}.wav", say(text), 16000)
    (speech / "metadata.csv").write_text("".join(f"{n}|{text}\n" for n, text in enumerate(SENTENCES)))
    steps = {"warmup_steps": 4, "adversarial_steps": 2}
    monkeypatch.setitem(MODES, "lora", {**MODES["lora"], **steps})
    monkeypatch.chdir(root)
    prepare_environment()
    before = contents(root)
    said = [str(speech), "--name", "eva", "--licence", "CC0-1.0", "--consent", "made up"]
    assert voiceloom(monkeypatch, "clone", *said) == 0
    after = contents(root)
    assert {path: after[path] for path in before} == before
    assert {path.relative_to(root).parts[0] for path in after.keys() - before.keys()} <= {"mlflow.db", "mlartifacts"}
    workspace = root / "clones" / "eva"
    adapter = json.loads((workspace / "models" / "checkpoint" / "adapter" / "adapter.json").read_text())
    assert adapter["speakers"] == ["eva"] and adapter["mode"] == "lora"
    (voice,) = registered_voices(root)
    assert voice.model_name == "voiceloom-eva"
    voice_name = "voiceloom-eva@challenger"
    assert voiceloom(monkeypatch, "say", "Hello.", "--voice", voice_name, "-o", "o.wav") == 0
    assert soundfile.info("o.wav").duration > 0
