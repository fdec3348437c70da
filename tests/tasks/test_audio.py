import io
import math
import struct
import subprocess

import numpy as np
import pyloudnorm
import pytest
import soundfile as sf

from tasks import audio
from tasks.audio import decoding
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


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".webm", ".g722"])
def test_any_codec_becomes_mono_with_its_rate_and_length(suffix, wav, tmp_path):
    path = transcode(wav, tmp_path / f"other{suffix}", *(["-ac", "1"] if suffix == ".g722" else []))
    wave, rate = audio.decode(path)
    assert wave.ndim == 1 and wave.dtype == np.float32
    assert len(wave) / rate == pytest.approx(1.0, abs=0.1)
    middle = wave[len(wave) // 4 : len(wave) * 3 // 4]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


def film(wav, target, seconds=1.0):
    picture = ["-f", "lavfi", "-t", str(seconds), "-i", "color=size=32x32:rate=5"]
    command = [audio.ffmpeg_path(), "-v", "error", "-y", *picture, "-i", wav, "-shortest", "-movflags", "faststart"]
    command = command if seconds <= 1 else [part for part in command if part != "-shortest"]
    subprocess.run([*command, target], check=True, capture_output=True)
    return target


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi"])
def test_a_film_gives_its_sound(suffix, wav, tmp_path):
    wave, rate = audio.decode(film(wav, tmp_path / f"film{suffix}"))
    assert len(wave) / rate == pytest.approx(1.0, abs=0.1) and np.abs(wave).max() > 0.2
    assert suffix in audio.SUFFIXES


def test_a_film_may_go_on_without_sound_but_not_without_its_end(wav, tmp_path):
    path = film(wav, tmp_path / "film.mp4", seconds=4)
    assert len(audio.decode(path)[0]) == pytest.approx(RATE, abs=RATE / 10)
    path.write_bytes(path.read_bytes()[:4000])
    assert reason(path) == "truncated"


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".webm"])
def test_what_is_shorter_than_its_header_promises_is_truncated(suffix, wav, tmp_path):
    path = transcode(wav, tmp_path / f"cut{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert reason(path) == "truncated"


def test_an_mp3_without_an_index_is_whole_until_it_is_cut_within_a_frame(wav, tmp_path):
    path = transcode(wav, tmp_path / "a.mp3", "-write_xing", "0")
    assert len(audio.decode(path)[0]) == pytest.approx(RATE, rel=0.1)
    path.write_bytes(path.read_bytes()[:-100])
    assert reason(path) == "truncated"


def test_a_flac_that_never_knew_its_length_is_whole(wav):
    command = [audio.ffmpeg_path(), "-v", "error", "-i", wav, "-f", "flac", "pipe:1"]
    path = wav.with_suffix(".flac")
    path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    assert len(audio.decode(path)[0]) == RATE


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
        ("a.wav", b"\x89PNG\r\n\x1a\n" + bytes(900), "not_audio"),
        ("a.g722", b"PK\x03\x04" + bytes(900), "not_audio"),
        ("a.au", np.random.default_rng(1).bytes(9000), "not_audio"),
        ("a.gsm", np.random.default_rng(1).bytes(100), "truncated"),
    ],
)
def test_what_is_no_audio_says_why(name, content, expected, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert reason(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("at", "value", "expected"),
    [
        (22, struct.pack("<H", 0), "not_audio"),
        (22, struct.pack("<H", 60000), "not_audio"),
        (24, struct.pack("<I", 0), "not_audio"),
        (24, struct.pack("<I", 1), "not_audio"),
        (24, struct.pack("<I", 2**31 - 1), "not_audio"),
        (40, struct.pack("<I", 2000), "truncated"),
        (40, struct.pack("<I", 10**6), "truncated"),
        (44, b"RIFF\0\0\0\0WAVEfmt ", "not_audio"),
    ],
)
def test_headers_that_lie_are_caught(at, value, expected, tmp_path):
    path = tmp_path / "lie.wav"
    sf.write(path, tone(), RATE)
    content = bytearray(path.read_bytes())
    content[at : at + len(value)] = value
    path.write_bytes(content)
    assert reason(path) == expected


def test_the_wrong_suffix_does_not_matter_where_there_is_a_header(wav, tmp_path):
    mp3 = transcode(wav, tmp_path / "a.mp3")
    for path, name in ((mp3, "mp3.wav"), (wav, "wav.g722"), (wav, "wav.m4a")):
        wave, rate = audio.decode(copy(path, tmp_path / name))
        assert len(wave) / rate == pytest.approx(1.0, abs=0.1)


def copy(source, target):
    target.write_bytes(source.read_bytes())
    return target


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_samples_that_are_not_numbers_are_counted_and_refused(bad, tmp_path):
    path = tmp_path / "nan.wav"
    sf.write(path, np.array([[0.1, bad], [0.2, 0.1], [bad, bad]], np.float32), RATE, subtype="FLOAT")
    with pytest.raises(Rejected, match="3 of its samples") as caught:
        audio.decode(path)
    assert caught.value.failure.reason == "not_audio"


@pytest.mark.parametrize("playlist", ["#EXTM3U\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {}\n"])
def test_a_play_list_reads_no_other_file(playlist, wav, tmp_path):
    path = tmp_path / "list.mp3"
    path.write_text(playlist.format(wav.name))
    assert reason(path) == "not_audio"
    path.write_bytes(path.read_bytes() + b"# \x01\n")  # no text any more, for us
    assert reason(path) == "not_audio"
    path.write_text(playlist.format("https://127.0.0.1:9/a.mp3"))
    assert reason(path) == "not_audio"


def test_what_is_no_regular_file_is_not_waited_for(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.wav")
    assert reason(tmp_path / "pipe.wav") == "not_audio"


def test_eight_channels_become_their_mean(tmp_path):
    path = tmp_path / "eight.wav"
    sf.write(path, np.stack([tone(frequency=200 * (1 + n)) for n in range(8)], axis=1), RATE, subtype="FLOAT")
    expected = np.mean([tone(frequency=200 * (1 + n)) for n in range(8)], axis=0)
    assert np.abs(audio.decode(path)[0] - expected).max() < 1e-6


@pytest.mark.parametrize("suffix", [".wav", ".m4a"])
def test_channels_that_cancel_each_other_leave_the_louder_one(suffix, tmp_path):
    wav = tmp_path / "inverted.wav"
    sf.write(wav, np.stack([0.95 * tone(), -tone()], axis=1), RATE)
    path = wav if suffix == ".wav" else transcode(wav, tmp_path / "inverted.m4a")
    wave, _ = audio.decode(path)
    assert np.sqrt(np.mean(wave[2000:-2000] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


def test_a_silent_channel_is_no_cancelling_one(tmp_path):
    path = tmp_path / "left.wav"
    sf.write(path, np.stack([tone(), np.zeros(RATE, np.float32)], axis=1), RATE, subtype="FLOAT")
    assert np.abs(audio.decode(path)[0] - tone() / 2).max() < 1e-6


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg", ".m4a"])
def test_blocks_are_the_whole(suffix, wav, tmp_path, monkeypatch):
    path = wav if suffix == ".wav" else transcode(wav, tmp_path / f"a{suffix}")
    whole, _ = audio.decode(path)
    monkeypatch.setattr(decoding, "_BLOCK", 2000)
    monkeypatch.setattr("tasks.audio.ffmpeg._BLOCK_BYTES", 2000)
    with audio.opened(path) as (_rate, blocks):
        parts = list(blocks)
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-6 and len(parts) > 1


@pytest.mark.parametrize("suffix", [".flac", ".m4a", ".aac"])
def test_what_is_longer_than_allowed_is_refused_before_its_end(suffix, wav, tmp_path):
    path = transcode(wav, tmp_path / f"a{suffix}")
    with pytest.raises(Rejected, match="too_long"):
        audio.decode(path, max_duration_s=0.5)
    assert len(audio.decode(path, max_duration_s=1.5)[0])


def test_a_bomb_is_stopped_while_it_goes_off(tmp_path, monkeypatch):
    path = tmp_path / "bomb.flac"
    with sf.SoundFile(path, "w", RATE, 1, format="FLAC") as file:
        for _ in range(60):
            file.write(np.zeros(60 * RATE, np.int16))
    assert path.stat().st_size < 2e6
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] & 0xF0, 0, 0, 0, 0])  # its header does not say how long it is
    path.write_bytes(content)
    monkeypatch.setattr("tasks.audio.ffmpeg._BLOCK_BYTES", 4 * RATE)
    taken = 0
    with pytest.raises(Rejected, match="more than 5 s came out"), audio.opened(path, 5) as (_rate, blocks):
        for block in blocks:
            taken += len(block)
    assert 4 * RATE < taken <= 5 * RATE


def test_resampling_keeps_time_and_pitch():
    wave = audio.resample(tone(rate=44100), 44100, RATE)
    assert len(wave) == RATE
    assert np.argmax(np.abs(np.fft.rfft(wave))) == 440


def test_resampling_block_by_block_is_resampling():
    wave = tone(3.0, rate=44100)
    parts = list(audio.resample_blocks(np.array_split(wave, 7), 44100, RATE))
    whole = audio.resample(wave, 44100, RATE)
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-5
    assert next(iter(audio.resample_blocks([wave], RATE, RATE))) is wave


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
@pytest.mark.parametrize("seconds", [0.05, 0.39, 0.4, 0.46, 3.333, 20.07])
def test_loudness_is_pyloudnorms_however_it_comes(rate, seconds):
    count = int(rate * seconds)
    wave = np.random.default_rng(1).standard_normal(count) * np.abs(np.sin(np.arange(count) / rate))
    wave = (0.1 * wave).astype(np.float32)
    expected = pyloudnorm.Meter(rate, block_size=min(0.4, count / rate)).integrated_loudness(wave.astype(np.float64))
    meter = audio.LoudnessMeter(rate)
    for part in np.array_split(wave, 7):
        meter.add(part)
    assert meter.lufs() == pytest.approx(expected, abs=0.01)
    assert audio.loudness_lufs(wave, rate) == pytest.approx(expected, abs=0.01)


def test_silence_and_nothing_have_no_loudness():
    assert audio.loudness_lufs(np.zeros(RATE, np.float32), RATE) == -math.inf
    assert audio.LoudnessMeter(RATE).lufs() == -math.inf


@pytest.mark.parametrize("gain_db", [0.04, -0.04])
def test_what_is_near_its_target_keeps_its_samples(gain_db):
    wave, reached = audio.normalise_loudness(tone(2.0), RATE, -23.0)
    near = (wave * 10 ** (gain_db / 20)).astype(np.float32)
    again, still = audio.normalise_loudness(near, RATE, -23.0)
    assert again is near and still == pytest.approx(reached + gain_db, abs=0.001)


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


def test_flat_tops_and_levels_are_the_same_block_by_block():
    wave = np.clip(tone(1.0, level=0.9), -0.5, 0.5)
    wave[5000:9000] = 0.5
    tops, level = audio.FlatTops(0.5), audio.LevelMeter(RATE)
    for part in np.array_split(wave, 97):
        tops.add(part)
        level.add(part)
    assert tops.share() == audio.clipped_share(wave) > 0.25
    assert level.dbfs() == pytest.approx(audio.peak_level_dbfs(wave, RATE))


def test_16_bits_come_back_to_the_bit():
    samples = np.random.default_rng(1).integers(-32768, 32768, 5000).astype(np.int16)
    buffer = io.BytesIO()
    sf.write(buffer, samples, RATE, format="FLAC", subtype="PCM_16")
    wave, _ = audio.from_flac(buffer.getvalue())
    again, _ = sf.read(io.BytesIO(audio.to_flac(wave, RATE)), dtype="int16")
    assert np.array_equal(again, samples)


def test_flac_returns_what_went_in_to_16_bits():
    wave, rate = audio.from_flac(audio.to_flac(tone(), RATE))
    assert rate == RATE
    assert np.abs(wave - tone()).max() <= 1 / 32768
