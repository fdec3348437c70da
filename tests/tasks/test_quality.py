"""What is measured of an utterance, what its limits say, and which clips are copies."""

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from tasks import mos
from tasks.audio import decode, ffmpeg_path, from_flac, resample, to_flac
from tasks.params import load_params
from tasks.segment.quality.duplicates import duplicates
from tasks.segment.quality.judge import LIMITS, cer, judge, letters_per_s
from tasks.segment.quality.signal import fingerprint, fingerprint_levels, power_frames, signal_scores
from tasks.segment.quality.steps import least_alike, quality_steps

RATE = 16000
TEXT = "Thank you for calling our office, please stay on the line."


@pytest.fixture(scope="module")
def limits():
    return load_params(Path(__file__).parents[2] / "params.yaml").quality


def noise(seconds, level=0.1, seed=0):
    return (level * np.random.default_rng(seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def at_16_bits(wave):
    return from_flac(to_flac(wave, RATE))[0]


def through_mp3(wave, folder, bit_rate):
    sf.write(folder / "original.wav", wave, RATE)
    command = [ffmpeg_path(), "-v", "error", "-y", "-i", folder / "original.wav", "-b:a", bit_rate, folder / "copy.mp3"]
    subprocess.run(command, check=True)
    copy, rate = decode(folder / "copy.mp3")
    return resample(copy, rate, RATE)


def bandwidth(wave, rate=RATE):
    return signal_scores(wave, rate)["bandwidth_hz"]


# Bandwidth, loudness, fingerprint


def test_bandwidth_is_that_of_the_recording_and_not_of_the_file(say):
    speech = say(TEXT)
    assert bandwidth(at_16_bits(speech)) >= 7500
    for band_hz in (2000, 4000, 6000):
        narrow = resample(resample(speech, RATE, 2 * band_hz), 2 * band_hz, RATE)
        assert bandwidth(at_16_bits(narrow)) == pytest.approx(band_hz, abs=250)
        assert bandwidth(resample(narrow, RATE, 48000), 48000) == pytest.approx(band_hz, abs=250)


def test_noise_around_a_telephone_recording_adds_no_band(say):
    telephone = resample(resample(say(TEXT), RATE, 8000), 8000, RATE)
    hissing = telephone + noise(len(telephone) / RATE, 0.002)[: len(telephone)]
    assert 3000 <= bandwidth(at_16_bits(hissing)) <= 4000
    assert bandwidth(noise(3.0)) == 0.0
    hum = 0.1 * np.sin(2 * np.pi * 6000 * np.arange(3 * RATE) / RATE).astype(np.float32)
    assert bandwidth(telephone + np.resize(hum, len(telephone))) <= 4250


def test_an_mp3_ends_where_its_encoder_cut(say, tmp_path):
    assert 4500 <= bandwidth(through_mp3(say(TEXT), tmp_path, "16k")) <= 6000
    assert bandwidth(through_mp3(say(TEXT), tmp_path, "64k")) >= 7000


def test_silence_and_a_few_samples_have_scores_too():
    for wave in (np.zeros(RATE, np.float32), np.zeros(10, np.float32), noise(0.001)):
        scores = signal_scores(wave, RATE)
        assert np.isfinite(scores["loudness_lufs"]) and scores["bandwidth_hz"] == 0.0 and scores["fingerprint"]


def test_loudness_follows_gain_and_the_fingerprint_does_not(say):
    loud, quiet = signal_scores(say(TEXT), RATE), signal_scores(0.1 * say(TEXT), RATE)
    assert loud["loudness_lufs"] - quiet["loudness_lufs"] == pytest.approx(20, abs=0.1)
    assert loud["fingerprint"] == quiet["fingerprint"]


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_a_fingerprint_has_sixteen_small_numbers_a_frame_at_every_rate(say, rate):
    wave = say(TEXT)
    levels = fingerprint_levels(fingerprint(power_frames(resample(wave, RATE, rate), rate), rate))
    assert levels.shape[1] == 16 and levels.max() == 15 and levels.min() >= 0
    assert len(levels) == pytest.approx(len(wave) / RATE / 0.016, rel=0.03)


# Limits


def scores(**changes):
    good = dict(loudness_lufs=-23, clipped_share=0, snr_db=40, bandwidth_hz=8000, letters_per_s=12, dnsmos=3.3)
    return {
        **good,
        "heard_text": "as heard",
        "cer": 0.0,
        "language_probability": 0.9,
        "voice_similarity": 0.8,
        **changes,
    }


ALL_LIMITS = {
    **{"dnsmos": True, "min_dnsmos": 2.5, "asr_model": "whisper-base", "max_cer": 0.2},
    **{"min_language_probability": 0.5, "second_voice": True, "min_voice_similarity": 0.5},
}


@pytest.mark.parametrize(
    ("score", "value", "reason", "says"),
    [
        ("loudness_lufs", -55.0, "too_quiet", "-55.0 LUFS loud, below -40"),
        ("clipped_share", 0.02, "clipped", "2.00% of samples are clipped, above 0.10%"),
        ("snr_db", 4.2, "low_snr", "4.2 dB above the noise, below 10"),
        ("bandwidth_hz", 2000.0, "narrow_band", "heard up to 2000 Hz, below 2500"),
        ("letters_per_s", 0.5, "too_slow", "0.5 letters a second, below"),
        ("letters_per_s", 44.0, "too_fast", "44.0 letters a second, above 30"),
        ("dnsmos", 1.5, "low_mos", "DNSMOS rates it 1.50, below 2.5"),
        ("cer", 0.5, "text_mismatch", "50.0% of its letters heard otherwise, above 20.0%: 'as heard'"),
        ("language_probability", 0.1, "wrong_language", "probability 0.10, below 0.5"),
        ("voice_similarity", 0.31, "second_voice", "by 0.31 (cosine), below 0.5"),
    ],
)
def test_each_limit_has_its_reason_with_value_and_limit(limits, score, value, reason, says):
    strict = limits.model_copy(update=ALL_LIMITS)
    assert judge(scores(), strict) is None
    failure = judge(scores(**{score: value}), strict)
    assert failure is not None and failure.reason == reason and says in failure.message


def test_the_first_reason_wins_and_null_breaks_nothing(limits):
    strict = limits.model_copy(update=ALL_LIMITS)
    failure = judge(scores(loudness_lufs=-60, snr_db=0, cer=1.0), strict)
    assert failure is not None and failure.reason == "too_quiet"
    unmeasured = scores(dnsmos=None, cer=None, language_probability=None, voice_similarity=None)
    assert judge(unmeasured, strict) is None
    off = limits.model_copy(update={limit.param: None for limit in LIMITS})
    assert judge(scores(loudness_lufs=-99, snr_db=-9, bandwidth_hz=0, letters_per_s=0), off) is None


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("Hello, world!", 10),
        ("Flat 42", 4 + 2 * 4),
        ("Žluťoučký kůň", 12),
        ("w", 3),
        ("A.M.", 6),
        ("I am", 3),
        ("你好。", 6),
        ("さくら", 9),
        ("한국어", 3 + 3 + 2),
        ("— … !", 0),
    ],
)
def test_letters_are_counted_in_every_script(text, letters):
    assert letters_per_s(text, 2.0) == pytest.approx(letters / 2)


@pytest.mark.parametrize(
    ("text", "heard", "expected"),
    [
        ("Voice mail, please.", "voicemail PLEASE", 0.0),
        ("straße", "STRASSE", 0.0),
        ("今天天气很好。", "今天 天气 很坏", 1 / 6),
        ("four", "for", 0.25),
        ("Press five on the tenth, Doctor.", "Press 5 on the 10th, Dr.", 0.0),
        ("hello", "", 1.0),
        ("—", "", 0.0),
    ],
)
def test_errors_are_counted_on_letters_alone(text, heard, expected):
    assert cer(text, heard, "zh" if "今" in text else "en-US") == pytest.approx(expected)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_can_be_compared_and_counted(text, heard):
    assert cer(text, text, "en") == 0.0 and cer(text, heard, "en") >= 0.0
    assert letters_per_s(text, 1.0) >= 0.0


# Copies


def clip(name, wave, text=TEXT, speaker="ann"):
    flac = to_flac(wave, RATE)
    print_ = fingerprint(power_frames(from_flac(flac)[0], RATE), RATE)
    row = {"audio_key": str(hash(flac)), "duration_s": len(wave) / RATE, "fingerprint": print_}
    return SimpleNamespace(id=name, text=text, speaker=speaker, row=row)


def reasons(*clips):
    return {name: failure.reason for name, failure in duplicates(clips).items()}


def test_the_same_bytes_are_found_whatever_is_said_to_be_in_them(say):
    wave = say(TEXT)
    found = duplicates([clip("c", wave), clip("a", wave, "Other words."), clip("b", wave, speaker="bob")])
    assert {name: failure.reason for name, failure in found.items()} == dict.fromkeys("bc", "duplicate_audio")
    assert "that of a" in found["b"].message


def test_a_recording_made_anew_is_a_copy(say, tmp_path):
    wave = say(TEXT)
    trimmed = wave[320:]
    copies = {
        "1 quieter": 0.2 * wave,
        "2 later": np.concatenate([np.zeros(320, np.float32), wave]),
        "3 trimmed": trimmed,
        "4 telephone": resample(resample(wave, RATE, 8000), 8000, RATE),
        "5 mp3": through_mp3(wave, tmp_path, "32k"),
        "6 hissing": wave + noise(len(wave) / RATE, 0.001)[: len(wave)],
    }
    clips = [clip("0 original", wave), *(clip(name, copy) for name, copy in copies.items())]
    assert reasons(*clips) == dict.fromkeys(copies, "near_duplicate")
    assert reasons(*reversed(clips)) == reasons(*clips)
    assert "a copy of 0 original" in duplicates(clips)["5 mp3"].message


def test_another_reading_is_no_copy(say):
    first, second = say("Goodbye, and thank you."), say("Goodbye and thank you!")
    assert abs(len(first) / len(second) - 1) < 0.05
    assert reasons(clip("a", first, "Goodbye"), clip("b", second, "Goodbye")) == {}


def test_only_the_same_words_of_the_same_speaker_are_compared(say):
    wave = say(TEXT)
    assert reasons(clip("a", wave), clip("b", 0.5 * wave, "Other words.")) == {}
    assert reasons(clip("a", wave), clip("b", 0.5 * wave, speaker="bob")) == {}
    assert reasons(clip("a", wave), clip("b", 0.5 * wave, TEXT.upper() + "!")) == {"b": "near_duplicate"}
    assert reasons(clip("a", wave), clip("b", 0.5 * np.pad(wave, (0, len(wave) // 10)))) == {}
    assert reasons(clip("a", wave, "…"), clip("b", 0.5 * wave, "—")) == {}


@pytest.mark.slow
def test_real_readings_and_their_telephone_copies_are_told_apart(tmp_path):
    """Asterisk's prompts: recorded twice for two menus, and packaged in two codecs."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip("needs apt-get and dpkg-deb")
    names = ["asterisk-core-sounds-en-g722", "asterisk-core-sounds-en-gsm"]
    got = subprocess.run(["apt-get", "download", *names], cwd=tmp_path, capture_output=True, check=False)
    if got.returncode:
        pytest.skip("the Debian packages of Asterisk's prompts cannot be downloaded")
    for package in tmp_path.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, tmp_path], check=True)
    folder = next((tmp_path / "usr/share/asterisk/sounds").glob("en_US*"))

    def prompt(name):
        wave, rate = decode(folder / name)
        return resample(wave, rate, RATE)

    for take in ("dec-list-vol", "inc-list-vol", "lock", "leave", "rest-list-vol"):
        inside, outside = (prompt(f"confbridge-{take}-{menu}.g722") for menu in ("in", "out"))
        telephone = prompt(f"confbridge-{take}-in.gsm")
        assert reasons(clip("a", inside, take), clip("b", outside, take)) == {}
        assert reasons(clip("a", inside, take), clip("b", telephone, take)) == {"b": "near_duplicate"}


# Networks


def test_only_what_is_switched_on_is_measured(limits):
    assert quality_steps(limits) == []
    on = limits.model_copy(update={"dnsmos": True, "second_voice": True})
    assert [keyed.step.name for keyed in quality_steps(on)] == ["quality-dnsmos", "quality-voice"]


def test_keys_follow_audio_and_language_alone(limits):
    on = limits.model_copy(update={"dnsmos": True, "asr_model": "whisper-tiny", "second_voice": True})
    stricter = on.model_copy(update={"min_dnsmos": 3.0, "max_cer": 0.1})
    for keyed, again in zip(quality_steps(on), quality_steps(stricter), strict=True):
        assert keyed.key_of("audio", "en-US") == again.key_of("audio", "en-GB") != keyed.key_of("other", "en-US")
    listen = quality_steps(on)[1]
    assert listen.key_of("audio", "en-US") != listen.key_of("audio", "fr-FR")


@pytest.mark.slow
def test_the_networks_tell_good_from_bad(say, limits):
    speech = say(TEXT)
    on = limits.model_copy(update={"dnsmos": True, "asr_model": "whisper-tiny", "second_voice": True})
    dnsmos, listen, voice = (keyed.step.function for keyed in quality_steps(on))
    noisy = speech + noise(9)[: len(speech)]
    (clean,), (hissing,) = (dnsmos((to_flac(wave, RATE), "en")) for wave in (speech, noisy))
    assert clean["dnsmos"] > hissing["dnsmos"] + 0.5
    (heard,) = listen((to_flac(speech, RATE), "en-US"))
    assert cer(TEXT, heard["heard_text"], "en") < 0.1 and heard["language_probability"] is None
    assert listen((to_flac(speech, RATE), "fr"))[0] == {"heard_text": None, "language_probability": None}
    higher = resample(say("I am another one, and I speak after her."), RATE, int(RATE / 1.35))
    (alone,), (two,) = (voice((to_flac(wave, RATE), "en")) for wave in (speech, np.concatenate([speech, higher])))
    assert two["voice_similarity"] < 0.55 < alone["voice_similarity"]
    assert voice((to_flac(speech[: 2 * RATE], RATE), "en")) == [{"voice_similarity": None}]


@pytest.mark.slow
def test_a_multilingual_model_hears_another_language(say, limits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (listen,) = quality_steps(limits.model_copy(update={"asr_model": "whisper-base"}))
    (english,), (german) = (listen.step.function((to_flac(say(TEXT), RATE), tag)) for tag in ("en-GB", "de"))
    assert english["language_probability"] > 0.8 and cer(TEXT, english["heard_text"], "en") < 0.1
    assert german[0]["language_probability"] < 0.2


def test_only_windows_apart_are_compared():
    assert least_alike(np.eye(2)) is None
    assert least_alike(np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])) == pytest.approx(0.6)


def test_the_networks_of_dnsmos_have_one_hash():
    assert mos.weights_hash() == mos.weights_hash() and len(mos.weights_hash()) == 64
