"""From whatever a voice leaves back to recordings, licences and consents; real MLflow, real sound files."""

import numpy as np
import pytest
import soundfile

from flows.speak import Manner, find_bundle, say
from flows.trace import mark, trace
from tasks.register.registry import bundle_folder
from tests.registering import MODEL, RECORDINGS, Registering


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/mlflow.db")
        patch.chdir(root)
        made = Registering(root)
        made.digest = made.write_bundle(b"weights")
        made.register()
    return made


def check(lines, project):
    text = "\n".join(lines)
    assert text.startswith(f"{MODEL} version 1, bundle {project.digest}")
    for name, consent, seconds in RECORDINGS:
        assert f"  {name}  {name}.wav  " in text and f"CC0-1.0  {consent}  {seconds:.2f}" in text
        assert f"consent {consent}: asked, {consent}" in text
    return text


@pytest.mark.parametrize("name", ["1", f"{MODEL}/1", f"{MODEL}@champion", "@challenger"])
def test_a_version_leads_back_to_every_recording(project, name):
    check(trace(project.root, MODEL, name), project)
    check(trace(project.root, MODEL, project.digest[:9]), project)


@pytest.mark.parametrize("name", ["out.wav", "out.flac", "out.ogg"])
def test_a_sound_file_leads_back(project, tmp_path, name):
    with soundfile.SoundFile(tmp_path / name, "w", 16000, 1) as file:
        file.comment = mark(project.digest, "d" * 64, "speed=1 seed=0")
        file.write(np.zeros(1600))
    check(trace(project.root, MODEL, str(tmp_path / name)), project)


def test_what_a_slim_copy_said_leads_to_the_same_recordings(project, tmp_path):
    with soundfile.SoundFile(tmp_path / "out.wav", "w", 16000, 1) as file:
        file.comment = mark("0" * 64, "d" * 64, "speed=1 seed=0")
        file.write(np.zeros(1600))
    text = check(trace(project.root, MODEL, str(tmp_path / "out.wav")), project)
    assert "000000000000, is not registered itself" in text


def test_what_was_not_made_by_a_voice_is_one_sentence(project, tmp_path):
    soundfile.write(tmp_path / "other.wav", np.zeros(1600), 16000)
    (tmp_path / "text.txt").write_text("no sound")
    (tmp_path / "noise.raw").write_bytes(bytes(100))
    (tmp_path / "folder").mkdir()
    mistakes = {
        "other.wav": "no mark",
        "text.txt": "no sound file",
        "noise.raw": "no sound",
        "folder": "no voice bundle",
    }
    for name, expected in mistakes.items():
        with pytest.raises(ValueError, match=expected):
            list(trace(project.root, MODEL, str(tmp_path / name)))
    with pytest.raises(ValueError, match="voiceloom voices"):
        list(trace(project.root, MODEL, "9"))
    with pytest.raises(ValueError, match="nothing is registered here"):
        list(trace(tmp_path, MODEL, "9"))


def test_a_registered_voice_is_found_by_its_number(project):
    assert find_bundle(project.root, f"{MODEL}/1") == bundle_folder(project.root, MODEL, "champion")


@pytest.mark.slow
def test_what_a_real_bundle_says_carries_its_hash(tmp_path):
    from made_voice import make_bundle

    from voiceloom_model.runtime.bundle import bundle_sha256

    bundle = make_bundle(tmp_path / "voice")
    say("Hello.", tmp_path / "out.flac", bundle, Manner(seed=4))
    with soundfile.SoundFile(tmp_path / "out.flac") as file:
        assert f"bundle={bundle_sha256(bundle)} " in file.comment and "seed=4" in file.comment
