"""`voiceloom say` with a voice that only remembers what it was told."""

import hashlib
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from flows.speak import Manner, find_bundle, say, voice_lines
from flows.subtitles import LINE_CHARACTERS, LINES, MAX_CUE_S, cues
from voiceloom_model.runtime import Speech, Timed

WORDS = (Timed("Hello,", 0.1, 0.5), Timed("you.", 0.6, 1.25), Timed("Bye!", 1.5, 61.0))


class RememberingVoice:
    sample_rate_hz = 16000
    speakers = ("eva",)
    description = SimpleNamespace(data_sha256="d" * 64)

    def say(self, text, **manner):
        type(self).told = (text, manner)
        return np.full(8000, 0.5, np.float32)

    def speak(self, text, **manner):
        return Speech(self.say(text, **manner), 16000, (), WORDS)

    def clone(self, wave, sample_rate_hz):
        return ("cloned", wave.shape, sample_rate_hz)


@pytest.fixture
def voice(monkeypatch, tmp_path):
    (tmp_path / "SHA256SUMS").write_text("a bundle's sums")
    monkeypatch.setattr("voiceloom_model.runtime.Voice.load", lambda folder: RememberingVoice())
    return RememberingVoice


def test_a_wav_of_the_voices_rate_is_written(tmp_path, voice):
    out = tmp_path / "out.wav"
    assert say("Hello.", out, tmp_path, Manner("eva", "en-US", 1.5, 3)) == 0.5
    wave, rate = soundfile.read(out)
    assert (len(wave), rate) == (8000, 16000)
    assert voice.told == ("Hello.", {"speaker": "eva", "language": "en-US", "speed": 1.5, "seed": 3})


@pytest.mark.parametrize("name", ["out.wav", "out.flac", "out.ogg", "out.mp3"])
def test_the_file_says_which_voice_made_it(tmp_path, voice, name):
    say("Hello.", tmp_path / name, tmp_path, Manner(speed=1.5, seed=3))
    with soundfile.SoundFile(tmp_path / name) as file:
        comment = file.comment
    bundle = hashlib.sha256(b"a bundle's sums").hexdigest()
    assert comment.startswith(f"Voiceloom bundle={bundle} data={'d' * 64} speed=1.5 seed=3 version=")


def test_a_format_without_room_for_a_comment_is_written_too(tmp_path, voice):
    assert say("Hello.", tmp_path / "out.au", tmp_path, Manner()) == 0.5
    assert soundfile.info(tmp_path / "out.au").duration == 0.5


def test_a_recording_as_speaker_is_imitated(tmp_path, voice):
    soundfile.write(tmp_path / "someone.wav", np.zeros((4000, 2)), 8000)
    say("Hello.", tmp_path / "out.wav", tmp_path, Manner(str(tmp_path / "someone.wav")))
    assert voice.told[1]["speaker"] == ("cloned", (4000,), 8000)


def test_subtitles_have_the_words_and_their_times(tmp_path, voice):
    assert say("Hello, you. Bye!", tmp_path / "out.wav", tmp_path, Manner("eva", seed=3), tmp_path / "out.srt") == 0.5
    assert voice.told == ("Hello, you. Bye!", {"speaker": "eva", "language": None, "speed": 1.0, "seed": 3})
    expected = "1\n00:00:00,100 --> 00:00:01,250\nHello, you.\n\n2\n00:00:01,500 --> 00:01:01,000\nBye!\n"
    assert (tmp_path / "out.srt").read_text().strip() == expected.strip()
    say("Hello.", tmp_path / "out.wav", tmp_path, Manner(), tmp_path / "out.vtt")
    assert (tmp_path / "out.vtt").read_text().startswith("WEBVTT")


def test_subtitles_in_no_known_format_are_one_sentence(tmp_path, voice):
    with pytest.raises(ValueError, match=r"\.srt, \.vtt or \.ass"):
        say("Hello.", tmp_path / "out.wav", tmp_path, Manner(), tmp_path / "out.pdf")
    with pytest.raises(FileNotFoundError, match=r"for out\.srt is not there"):
        say("Hello.", tmp_path / "out.wav", tmp_path, Manner(), tmp_path / "no" / "out.srt")


def test_a_cue_is_short_and_ends_with_a_sentence_or_a_pause():
    words = [Timed(f"word{number}", number * 0.3, number * 0.3 + 0.25) for number in range(60)]
    words[10] = words[10]._replace(text="end.)")
    words += [Timed("late", 30.0, 30.5)]
    found = list(cues(words))
    assert " ".join(cue.text for cue in found).split() == [word.text for word in words]
    assert all(len(cue.text) <= LINES * LINE_CHARACTERS and cue.end_s - cue.start_s <= MAX_CUE_S for cue in found)
    assert any(cue.text.endswith("end.)") for cue in found) and found[-1] == words[-1]
    assert all(one.end_s <= two.start_s for one, two in itertools.pairwise(found))


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
