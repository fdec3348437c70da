"""A training kit: what is packed is made again as it was, training goes on where it stopped, damage is a sentence."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import load_file

from flows.kit import WEIGHTS, unpack_kit
from tasks.audio import from_flac, to_flac
from tasks.kit import contents
from tasks.kit.ladder import LADDER, restored
from tasks.kit.opus import decoded, encoded
from tasks.kit.origins import Origin, Span, origin_of, spans_of
from tasks.kit.pack import Options, pack
from tasks.kit.pieces import INDEX, join_pieces, write_pieces
from tasks.kit.remake import remake
from tasks.kit.running import OutOfTime, Runner
from tasks.kit.state import place_state, read_state, write_state
from tasks.params import load_params
from tasks.records import FEATURES, UTTERANCES, read_rows, write_shard
from tasks.stage import run_stage
from tasks.train.job import new_job
from tasks.train.work import work
from tests import tiny
from tests.tiny import AUDIO
from voiceloom_model.features import MelConfig, log_mel
from voiceloom_model.text import encode
from voiceloom_model.training import checkpoint

REPOSITORY = Path(__file__).parents[2]
SENTENCES = ("Please enter your number.", "The conference is now closed.", "Goodbye, and thank you.", "One moment.")
TRAIN = tiny.TRAIN.model_copy(update={"warmup_steps": 4, "adversarial_steps": 2})
STEPS = TRAIN.warmup_steps + TRAIN.adversarial_steps


# Sound


@pytest.mark.parametrize("rate", [16000, 22050])
def test_opus_keeps_length_place_and_sound(say, rate):
    from tasks.audio import resample

    wave = resample(say(SENTENCES[0]), 16000, rate)
    content = encoded(wave, rate, 32)
    assert len(content) * 8 < 45_000 * len(wave) / rate
    sound, opus_hz = decoded(content)
    back = resample(sound, opus_hz, rate)
    assert abs(len(back) - len(wave)) <= 2
    size = min(len(back), len(wave))
    error = np.square(back[:size] - wave[:size]).sum() / np.square(wave).sum()
    assert error < 0.15  # shifted by one millisecond it would be above 0.5


def test_a_variant_is_cut_from_the_recording_it_was_made_of():
    recordings = {"a/x", "a/x~0.9", "a/y~1.2"}
    assert origin_of("a/x~0.9", [0.9, 1.2], recordings) == Origin("a/x", 0.9)
    assert origin_of("a/y~1.2", [0.9, 1.2], recordings) == Origin("a/y~1.2", 1.0)  # there is no a/y
    assert origin_of("a/x~0.9", [], recordings) == Origin("a/x~0.9", 1.0)
    cuts = [(Origin("x", 1.0), 1.0, 2.0), (Origin("x", 0.5), 2.2, 4.2), (Origin("x", 1.0), 5.0, 6.0)]
    assert spans_of(cuts) == {"x": [Span(1.0, 2.1), Span(5.0, 6.0)]}


# A kit


@pytest.fixture(scope="module")
def packed(tmp_path_factory, say, request):
    """A workspace whose utterances are cut, and the kit packed from it."""
    conftest = request.config.pluginmanager.get_plugin(str(REPOSITORY / "tests" / "conftest.py"))
    project = conftest.Project(tmp_path_factory.mktemp("kit") / "project")
    for number, text in enumerate(SENTENCES * 2):
        wave = np.concatenate([say(text), say(SENTENCES[number // 4])])
        project.add(f"r{number}", wave, f"{text} {SENTENCES[number // 4]}")
    project.params["corpora"][0]["variants"] = [0.9]
    project.params["quality"]["drop_duplicates"] = False
    project.params["train"] |= TRAIN.model_dump(exclude_defaults=True)
    project.params["train"]["parts"] = {"alignment": "mel"}  # it begins sooner
    project.write_params(project.params)
    wheels = project.root / "wheels"
    wheels.mkdir()
    (wheels / "nothing-1-py3-none-any.whl").write_bytes(b"wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        patch.setenv("VOICELOOM_WORKERS", "0")
        for stage in ("ingest", "segment"):
            run_stage(stage, project.root)
        about = pack(project.root, project.root / "kit", project.params, Options(wheels=wheels))
    return project, project.root / "kit", about


def rows_of(folder):
    return {row["id"]: row for row in read_rows(folder, UTTERANCES)}


def test_utterances_are_made_again_as_they_were(packed, tmp_path, monkeypatch):
    project, kit, about = packed
    monkeypatch.setenv("VOICELOOM_WORKERS", "0")
    before = rows_of(project.root / "data/utterances")
    assert remake(kit, tmp_path / "utterances", {"tiny": [0.9]}) == len(before) == about["utterances"] == 16
    assert about["opus_kbps"] >= 16 and about["hours"]["made again"] > about["hours"]["recorded"] > 0
    after = rows_of(tmp_path / "utterances")
    for name, row in before.items():
        made = after[name]
        assert {**made, "audio": 0, "audio_key": 0} == {**row, "audio": 0, "audio_key": 0}
        (old, rate), (new, new_rate) = from_flac(row["audio"]["bytes"]), from_flac(made["audio"]["bytes"])
        assert rate == new_rate and len(old) == len(new)
        assert np.corrcoef(old, new)[0, 1] > 0.9, name  # a cut that is off by a millisecond has less than 0.7


def test_a_damaged_or_missing_file_of_a_kit_is_named(packed, tmp_path):
    kit = shutil.copytree(packed[1], tmp_path / "kit")
    assert contents.verified(kit)["opus_kbps"]
    content = (kit / contents.SOUNDS).read_bytes()
    (kit / contents.SOUNDS).write_bytes(content[:-1] + b"x")
    with pytest.raises(ValueError, match=r"sounds\.parquet is damaged"):
        contents.verified(kit)
    (kit / contents.SOUNDS).unlink()
    with pytest.raises(FileNotFoundError, match=r"sounds\.parquet is missing"):
        contents.verified(kit)
    (kit / contents.MANIFEST).write_text("[]")
    with pytest.raises(ValueError, match="bring the kit here again"):
        contents.verified(kit)


def test_what_cannot_be_packed_is_a_sentence(packed, tmp_path, monkeypatch):
    project, kit, _ = packed
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("VOICELOOM_WORKERS", "0")
    wheels = project.root / "wheels"
    sounds = (kit / contents.SOUNDS).stat().st_size / contents.MIB
    small = Options(max_mib=contents.size_mib(kit) - sounds + 0.13, wheels=wheels)
    with pytest.raises(ValueError, match=r"the recordings take .* at 16 kbit/s.*--max-mb"):
        pack(project.root, tmp_path / "small", project.params, small)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="is not empty"):
        pack(project.root, kit, project.params, Options(wheels=wheels))
    with pytest.raises(ValueError, match="no corpus 'big' to leave out; there are: tiny"):
        pack(project.root, tmp_path / "new", project.params, Options(wheels=wheels, without=("big",)))
    with pytest.raises(ValueError, match=r"nothing of .* is left"):
        pack(project.root, tmp_path / "new", project.params, Options(wheels=wheels, without=("tiny",)))


# A state


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """A workspace in which training stopped after the first state it saved."""

    def stop(folder, state, save=checkpoint.save_state):
        save(folder, state)
        raise KeyboardInterrupt

    root = workspace(tmp_path / "there", monkeypatch)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint, "save_state", stop)
        work(new_job(root / "data/features", TRAIN, AUDIO, CODE))
    return root


CODE = ("model_src/voiceloom_model/training",)


def workspace(root, monkeypatch):
    """A folder with made-up features, which is the current one from now on."""
    monkeypatch.setattr(
        "tasks.kit.state.STAGE", type("Stage", (), {"deps": {"features": "data/features"}, "code": CODE})
    )
    (root / "data").mkdir(parents=True)
    monkeypatch.chdir(root)
    write_features(root / "data/features")
    settings = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    settings |= {"train": TRAIN.model_dump(), "audio": AUDIO.model_dump()}
    (root / "params.yaml").write_text(yaml.safe_dump(settings))
    return root


def write_features(folder):
    """Six tones, one of them held out."""
    tokens, rows = encode("hɛlˈoʊ wˈɜɹld."), []
    for index in range(6):
        n_frames = 64 + 8 * index
        wave = (0.2 * np.sin(np.arange(n_frames * 256) * (0.05 + 0.01 * index))).astype(np.float32)
        rows.append(
            {
                **{"id": f"made/{index}", "corpus": "made", "speaker": "tone", "language": "en-US"},
                **{"licence": "CC0-1.0", "consent_id": "none", "text": "Hello world.", "content_key": str(index)},
                **{"split": "train" if index else "test", "duration_s": n_frames * 0.016, "sample_rate_hz": 16000},
                **{"phonemes": "hɛlˈoʊ wˈɜɹld.", "phoneme_ids": tokens.ids, "stress_ids": tokens.stress},
                **{"n_frames": n_frames, "mel": log_mel(wave, MelConfig()).astype(np.float16).ravel()},
                **{name: np.zeros(n_frames, np.float16) for name in ("f0_hz", "energy_db")},
                "mfcc": np.zeros(13 * n_frames, np.float16),
                "speaker_embedding": np.full(256, 1 / 16, np.float32),
                "audio": {"bytes": to_flac(wave, 16000), "path": f"made/{index}.flac"},
            }
        )
    write_shard(rows, folder, 0, FEATURES)
    write_statistics(folder, "tone")


def write_statistics(folder, *speakers):
    statistics = {
        "mel": {"mean": [-5.0] * 80, "std": [2.0] * 80},
        "speakers": {name: {"embedding": [1 / 16] * 256} for name in speakers},
        "hours": {"language": {"en-US": 0.1}},
    }
    (folder / "statistics.json").write_text(json.dumps(statistics))


def finish(root) -> dict[str, np.ndarray]:
    job = new_job(root / "data/features", TRAIN, AUDIO, CODE)
    work(job)
    assert job.metrics()["steps"] == STEPS
    return load_file(job.folder / "checkpoint/model.safetensors")


def test_a_whole_state_goes_on_elsewhere_as_if_nothing_had_been(interrupted, tmp_path, monkeypatch):
    params = load_params(interrupted / "params.yaml")
    about = write_state(Path(), params, tmp_path / "out", 0.5, 60)
    assert about["kind"] == "whole" and about["step"] == 2 and about["phase"] == "warmup"
    assert len(list((tmp_path / "out").glob("*.part"))) > 2
    expected = finish(interrupted)
    here = workspace(tmp_path / "here", monkeypatch)
    said = unpack_kit(tmp_path / "out", here)
    assert "step 2" in said[0] and "lost on the way: nothing" in said[0]
    assert (here / WEIGHTS / "model.safetensors").is_file()
    found = finish(here)
    assert all(np.array_equal(found[name], value) for name, value in expected.items())
    with pytest.raises(ValueError, match="is a finished run"):
        place_state(Path(), params, read_state(tmp_path / "out")[0])


def test_a_smaller_state_goes_on_from_the_same_step(interrupted, tmp_path, monkeypatch):
    params = load_params(interrupted / "params.yaml")
    whole = write_state(Path(), params, tmp_path / "out", 16, 60)
    about = write_state(Path(), params, tmp_path / "out", 16, 0.3 * whole["mib"])
    assert about["kind"] != "whole" and about["step"] == 2 and "float16" in about["lost"]
    here = workspace(tmp_path / "here", monkeypatch)
    unpack_kit(tmp_path / "out", here)
    finish(here)
    with pytest.raises(ValueError, match="averaged weights alone take"):
        write_state(interrupted, params, tmp_path / "out", 16, 0.01)


def test_each_rung_is_smaller_and_keeps_the_average(interrupted):
    state = checkpoint.load_state(new_job(interrupted / "data/features", TRAIN, AUDIO, CODE).folder)
    assert state is not None
    sizes = []
    for rung in LADDER:
        reduced = rung.reduce(state)
        sizes.append(_bytes(reduced))
        full = restored(reduced)
        assert full["step"] == 2 and set(full["model"]) == set(state["model"])
        assert all(value.dtype == torch.float32 for value in full["ema"]["values"].values())
        for name, value in state["ema"]["values"].items():
            assert torch.allclose(full["ema"]["values"][name], value, rtol=1e-3, atol=1e-6)
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < 0.2 * sizes[0]


def _bytes(value) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    return sum(map(_bytes, value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()))


def test_another_network_or_a_later_step_is_refused(interrupted, tmp_path):
    params = load_params(interrupted / "params.yaml")
    write_state(Path(), params, tmp_path / "out", 16, 60)
    held, _ = read_state(tmp_path / "out")
    with pytest.raises(ValueError, match=r"train\.size small"):
        place_state(Path(), params, {**held, "train": {**held["train"], "size": "small"}})
    held["state"]["step"] = 1
    with pytest.raises(ValueError, match="is at step 2, beyond 1"):
        place_state(Path(), params, held)
    write_statistics(interrupted / "data/features", "tone", "hum")
    with pytest.raises(ValueError, match=r"other speakers.*hum"):
        place_state(Path(), params, held)


def test_a_damaged_or_missing_piece_is_named(tmp_path):
    content = bytes(range(256)) * 20000
    paths = write_pieces(content, tmp_path, 2, {"step": 7})
    assert [path.name for path in paths] == [*(f"state-{n}-of-3.part" for n in (1, 2, 3)), INDEX]
    assert join_pieces(tmp_path) == (content, json.loads((tmp_path / INDEX).read_text()))
    paths[1].write_bytes(b"x" + paths[1].read_bytes()[1:])
    with pytest.raises(ValueError, match=r"state-2-of-3\.part is damaged"):
        join_pieces(tmp_path)
    paths[1].unlink()
    with pytest.raises(FileNotFoundError, match=r"state-2-of-3\.part is missing"):
        join_pieces(tmp_path)
    paths[-1].write_text("{")
    with pytest.raises(ValueError, match=r"state\.json is damaged"):
        join_pieces(tmp_path)
    assert len(write_pieces(b"short", tmp_path, 2, {})) == 2 and join_pieces(tmp_path)[0] == b"short"


# On the machine it was brought to


def test_a_process_ends_in_time(tmp_path):
    runner = Runner(tmp_path, dict(os.environ), 0.5)
    sleep = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    assert runner.until("train", sleep, 0.4)[0] < 0
    with pytest.raises(OutOfTime, match="the time was over during features"):
        runner.run("features", sleep)
    assert runner.seconds["train"] < 5


def kit_run(kit, work, *options):
    command = [sys.executable, str(kit / "run.py"), "--no-install", "--device", "cpu", "--workers", "0"]
    command += ["--work", str(work), "--minutes", "3", *options]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "nowhere")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
def test_from_kit_to_trained_weights_in_pieces(packed, tmp_path):
    ended = kit_run(packed[1], tmp_path / "work", "--state-out", str(tmp_path / "out"))
    assert ended.returncode == 0, ended.stderr[-2000:]
    report = json.loads((tmp_path / "work/runs/kit/report.json").read_text())
    assert report["finished"] and set(report["seconds"]) == {"utterances", "features", "train", "state-out"}
    held, about = read_state(tmp_path / "out")
    assert (about["step"], about["phase"], about["kind"]) == (STEPS, "adversarial", "whole")
    trained = load_file(tmp_path / "work/models/checkpoint/model.safetensors")
    averaged = held["state"]["ema"]["values"]
    assert all(np.array_equal(trained[name], value) for name, value in averaged.items())
    assert trained.keys() >= averaged.keys() and len(averaged) > 20


def test_a_damaged_kit_does_not_run(packed, tmp_path):
    kit = shutil.copytree(packed[1], tmp_path / "kit")
    (kit / contents.TEACHER).write_bytes(b"other")
    ended = kit_run(kit, tmp_path / "work")
    assert ended.returncode == 2 and "teacher.parquet is damaged" in ended.stderr
    assert not (tmp_path / "work").exists()
