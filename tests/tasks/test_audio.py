import subprocess

import numpy as np
import pytest
import soundfile as sf

from tasks import audio
from tasks.rowstore import Rejected

RATE = 16000


def tone(seconds=1.0, rate=RATE, level=0.3, frequency=440.0):
    return (level * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def transcode(source, target, *options):
    command = [audio.ffmpeg_path(), "-v", "error", "-y", "-i", source, *options, target]
    subprocess.run(command, check=True, capture_output=True)
    return target


def reason(path):
    with pytest.raises(Rejected) as caught:
        audio.decode(path)
    return caught.value.failure.reason


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "tone.wav"
    sf.write(path, np.stack([tone(), tone()], axis=1), RATE)
    return path


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".m4a", ".webm", ".g722"])
def test_any_codec_becomes_mono_with_its_rate_and_length(suffix, wav, tmp_path):
    path = transcode(wav, tmp_path / f"other{suffix}", *(["-ac", "1"] if suffix == ".g722" else []))
    wave, rate = audio.decode(path)
    assert wave.ndim == 1 and wave.dtype == np.float32
    assert len(wave) / rate == pytest.approx(1.0, abs=0.05)
    middle = wave[len(wave) // 4 : len(wave) * 3 // 4]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".flac", ".mp3", ".m4a", ".webm"])
def test_what_is_shorter_than_its_header_promises_is_truncated(suffix, wav, tmp_path):
    path = transcode(wav, tmp_path / f"cut{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert reason(path) == "truncated"


def test_a_streamed_wav_that_never_knew_its_length_is_whole(wav):
    content = bytearray(wav.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = b"\xff\xff\xff\xff"
    wav.write_bytes(content)
    assert len(audio.decode(wav)[0]) == RATE


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.wav", b"", "empty_file"),
        ("a.wav", "Grüße, this is a text.\n".encode() * 9, "not_audio"),
        ("a.g722", b"This is a text too.", "not_audio"),
        ("a.wav", bytes(range(256)) * 20, "not_audio"),
        ("a.wav", b"RIFF\x24\x10\x00\x00WAVEfmt ", "truncated"),
    ],
)
def test_what_is_no_audio_says_why(name, content, expected, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert reason(tmp_path / name) == expected


def test_samples_that_are_not_numbers_are_refused(tmp_path):
    path = tmp_path / "nan.wav"
    sf.write(path, np.array([0.1, np.nan, 0.2], np.float32), RATE, subtype="FLOAT")
    assert reason(path) == "not_audio"


def test_resampling_keeps_time_and_pitch():
    wave = audio.resample(tone(rate=44100), 44100, RATE)
    assert len(wave) == RATE
    assert np.argmax(np.abs(np.fft.rfft(wave))) == 440


@pytest.mark.parametrize("seconds", [0.2, 2.0])
def test_loudness_reaches_its_target_even_in_a_short_clip(seconds):
    wave, reached = audio.normalise_loudness(tone(seconds, level=0.01), RATE, -23.0)
    assert reached == pytest.approx(-23.0, abs=0.01)
    assert audio.loudness_lufs(wave, RATE) == pytest.approx(-23.0, abs=0.01)


def test_loudness_stops_before_it_clips():
    wave = tone(2.0, level=0.01)
    wave[RATE] = 0.9
    louder, reached = audio.normalise_loudness(wave, RATE, -14.0)
    assert np.abs(louder).max() <= 0.99 + 1e-6
    assert reached == pytest.approx(audio.loudness_lufs(louder, RATE), abs=0.01) and reached < -14


def test_silence_has_no_loudness():
    with pytest.raises(Rejected, match="silent"):
        audio.normalise_loudness(np.zeros(RATE, np.float32), RATE, -23.0)


def test_one_click_does_not_make_silence_loud():
    wave = np.zeros(RATE, np.float32)
    wave[100] = 1.0
    assert audio.peak_level_dbfs(wave, RATE) < -20
    assert audio.peak_level_dbfs(tone(), RATE) == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=0.2)


def test_clipping_is_found_even_when_turned_down(say):
    speech = say("Please enter your number.")
    assert audio.clipped_share(speech) < 1e-4
    clipped = np.clip(speech * 4, -0.5, 0.5)
    assert audio.clipped_share(clipped) > 0.005
    assert audio.clipped_share(0.2 * clipped) == pytest.approx(audio.clipped_share(clipped), rel=0.01)


def test_flac_returns_what_went_in_to_16_bits():
    wave, rate = audio.from_flac(audio.to_flac(tone(), RATE))
    assert rate == RATE
    assert np.abs(wave - tone()).max() <= 1 / 32768
