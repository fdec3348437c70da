"""The stage of TensorRT engines, and that its pipeline stands aside: not run by default, never pushed."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from made_voice import make_bundle

from tasks import tensorrt as stage
from tasks.params import TensorrtParams, load_params
from voiceloom_model.config import SIZES, model_config
from voiceloom_model.gpu import build
from voiceloom_model.gpu import library as installed
from voiceloom_model.gpu.library import Gpu
from voiceloom_model.gpu.parity import Distance
from voiceloom_model.nn.synthesizer import context_frames
from voiceloom_model.runtime import windows

ROOT = Path(__file__).parents[2]
PARAMS = TensorrtParams(precision="fp16", token_buckets=[64, 512], frame_buckets=[256, 1344], max_wave_db=-30.0)


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("bundle") / "voice")


@pytest.fixture
def at_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "engines"


def test_neither_tensorrt_is_one_sentence(voice, at_work, monkeypatch):
    monkeypatch.setattr(installed, "LIBRARIES", ("no_such_module", "nor_this"))
    with pytest.raises(ValueError, match="TensorRT is not installed: pip install tensorrt-rtx"):
        stage.run(voice=voice, engines=at_work, tensorrt=PARAMS)
    assert not at_work.exists()


@pytest.mark.parametrize(("context", "short_of"), [(50, 0), (50, 1), (None, 700)])
def test_the_widest_window_must_fit_a_bucket(context, short_of):
    """The widest is a last one, which a remainder joined: its context lies on one side."""
    last = windows.NEXT_FRAMES + windows.LEAST_FRAMES - 1 + (context or 0) - short_of
    if not short_of:
        return stage.check_frames(context, [256, last])
    with pytest.raises(ValueError, match=f"the last of tensorrt.frame_buckets is {last}"):
        stage.check_frames(context, [256, last])


@pytest.mark.parametrize("size", SIZES)
def test_the_committed_buckets_hold_the_windows_of_every_preset(size):
    config = model_config(size, n_symbols=2, n_languages=1)
    stage.check_frames(context_frames(config), load_params(ROOT / "params.yaml").tensorrt.frame_buckets)


@pytest.mark.parametrize("buckets", [[], [0, 8], [8, 8], [9, 8]])
def test_buckets_ascend(buckets):
    with pytest.raises(ValueError, match=r"ascend|at least 1"):
        TensorrtParams(precision="fp32", token_buckets=buckets, frame_buckets=[8], max_wave_db=-30)


def test_engines_of_a_gpu_must_sound_as_the_graphs(voice, at_work, monkeypatch):
    """With a builder and a comparison that are none: there is no GPU to ask."""

    def pretend(voice, precision, lengths, folder, cache):
        folder.mkdir()
        (folder / "encoder.engine").write_bytes(bytes(1_230_000))
        (folder / "decoder.engine").write_bytes(bytes(20_000))
        return {"encoder": None, "decoder": None}

    monkeypatch.setattr(build, "build_engines", pretend)
    monkeypatch.setattr(installed, "current_gpu", lambda: Gpu("NVIDIA H200", "9.0"))
    monkeypatch.setattr("voiceloom_model.gpu.parity.engine_distance", lambda *_: Distance(0.00123, -43.21))
    metrics = stage.run(voice=voice, engines=at_work, tensorrt=PARAMS)
    assert metrics == {"encoder_mb": 1.23, "decoder_mb": 0.02, "wave_db": -43.2, "log_duration_difference": 1.2e-3}
    shutil.rmtree(at_work)
    with pytest.raises(ValueError, match=r"-43.2 dB from .* more than tensorrt.max_wave_db -60.0"):
        stage.run(voice=voice, engines=at_work, tensorrt=PARAMS.model_copy(update={"max_wave_db": -60.0}))


@pytest.mark.slow
def test_without_a_gpu_tensorrt_rtx_builds_and_nothing_is_compared(voice, at_work, monkeypatch):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")
    if installed.current_gpu() is not None:
        pytest.skip("there is a GPU")
    monkeypatch.setattr(installed, "LIBRARIES", ("tensorrt_rtx",))
    metrics = stage.run(voice=voice, engines=at_work, tensorrt=PARAMS)
    assert metrics["wave_db"] is None and metrics["decoder_mb"] > 0.1
    files = {path.name for path in at_work.iterdir()}
    assert files == {f"{graph}.engine{end}" for graph in ("encoder", "decoder") for end in ("", ".json")}


@pytest.fixture
def project(tmp_path):
    """The real project of engines inside a small one, both with a remote; commands only write their outputs."""
    engines = tmp_path / "engines"
    shutil.copytree(ROOT / "engines", engines, ignore=shutil.ignore_patterns("built", "dvc.lock", "tmp", "cache"))
    aside = yaml.safe_load((engines / "dvc.yaml").read_text(encoding="utf-8"))
    (own,) = aside["stages"].values()
    own["cmd"] = "cd .. && mkdir -p engines/built && echo code > engines/built/decoder.engine"
    (engines / "dvc.yaml").write_text(yaml.safe_dump(aside))
    for dep in own["deps"]:
        if dep != "../models/voice":
            (engines / dep).resolve().parent.mkdir(parents=True, exist_ok=True)
            (engines / dep).write_text("x")
    export = {"cmd": "mkdir -p models/voice && echo graph > models/voice/decoder.onnx", "outs": ["models/voice"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"export": export}}))
    for name in ("params.yaml", "models/.gitignore", ".gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def with_remote(folder) -> None:
    """A remote beside the project."""
    from dvc.repo import Repo

    with Repo(str(folder)) as repo, repo.config.edit() as config:
        config["core"]["remote"] = "local"
        config["remote"]["local"] = {"url": str(folder.parent / f"remote-of-{folder.name}")}


def test_engines_are_not_made_by_default_and_never_pushed(project, monkeypatch):
    from dvc.repo import Repo

    monkeypatch.chdir(project)
    Repo.init(str(project)).close()
    engines = project / "engines"
    for folder in (project, engines):
        with_remote(folder)
    with Repo(str(project)) as repo:
        repo.reproduce()
        assert not (engines / "built").exists(), "the default target has no engines"
        assert repo.status() == {}, "and misses none"
    monkeypatch.chdir(engines)
    with Repo(str(engines)) as repo:
        assert [stage.addressing for stage in repo.reproduce()] == ["tensorrt"]
        assert (engines / "built" / "decoder.engine").read_text() == "code\n"
        assert repo.reproduce() == [], "nothing changed"
    monkeypatch.chdir(project)
    for folder in (project, engines):
        with Repo(str(folder)) as repo:
            repo.push()
            repo.push(run_cache=True)
    remotes = [project.parent / f"remote-of-{project.name}", project / "remote-of-engines"]
    pushed = [path.read_text() for remote in remotes for path in remote.rglob("*") if path.is_file()]
    cached = [path.read_text() for path in project.rglob(".dvc/cache/**/*") if path.is_file()]
    assert "graph\n" in pushed and "code\n" not in pushed and "code\n" not in cached
    ignored = subprocess.run(["git", "check-ignore", "engines/built/decoder.engine"], cwd=project).returncode
    assert ignored == 0, "git does not take them either"
