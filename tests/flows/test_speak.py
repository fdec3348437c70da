"""`voiceloom say` with a voice that only remembers what it was told."""

import numpy as np
import pytest
import soundfile

from flows.speak import Manner, find_bundle, say, voice_lines


class RememberingVoice:
    sample_rate_hz = 16000
    speakers = ("eva",)

    def say(self, text, **manner):
        type(self).told = (text, manner)
        return np.full(8000, 0.5, np.float32)

    def clone(self, wave, sample_rate_hz):
        return ("cloned", wave.shape, sample_rate_hz)


@pytest.fixture
def voice(monkeypatch):
    monkeypatch.setattr("voiceloom_model.runtime.Voice.load", lambda folder: RememberingVoice())
    return RememberingVoice


def test_a_wav_of_the_voices_rate_is_written(tmp_path, voice):
    out = tmp_path / "out.wav"
    assert say("Hello.", out, tmp_path, Manner("eva", "en-US", 1.5, 3)) == 0.5
    wave, rate = soundfile.read(out)
    assert (len(wave), rate) == (8000, 16000)
    assert voice.told == ("Hello.", {"speaker": "eva", "language": "en-US", "speed": 1.5, "seed": 3})


def test_a_recording_as_speaker_is_imitated(tmp_path, voice):
    soundfile.write(tmp_path / "someone.wav", np.zeros((4000, 2)), 8000)
    say("Hello.", tmp_path / "out.wav", tmp_path, Manner(str(tmp_path / "someone.wav")))
    assert voice.told[1]["speaker"] == ("cloned", (4000,), 8000)


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [(" ", "out.wav", "no text"), ("Hello.", "no/out.wav", "folder"), ("Hello.", "out.zzz", ".wav or .flac")],
)
def test_what_cannot_be_said_is_one_sentence(tmp_path, voice, text, name, expected):
    with pytest.raises((ValueError, OSError), match=expected):
        say(text, tmp_path / name, tmp_path, Manner())


def test_the_projects_own_voice_is_the_default(tmp_path):
    folder = tmp_path / "models" / "voice"
    folder.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="holds no voice"):
        find_bundle(tmp_path, None)
    (folder / "voice.json").write_text("{}")
    assert find_bundle(tmp_path, None) == folder
    assert find_bundle(tmp_path, str(folder)) == folder
    assert list(voice_lines(tmp_path)) == ["models/voice  (made here)"]


def test_a_name_without_an_alias_is_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match="NAME@champion"):
        find_bundle(tmp_path, "voiceloom-demo")
