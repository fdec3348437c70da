from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.audio import from_flac, to_flac
from tasks.params import load_params
from tasks.records import UTTERANCES, check_schema, read_rows, read_shards
from tasks.rowstore import Rejected
from tasks.segment import activity, cut, vad
from tasks.segment.split import split_of
from tasks.stage import run_stage

RATE = 16000
TEXTS = ("Please enter your number.", "The conference is now closed.", "Goodbye, and thank you.", "Try again later.")


@pytest.fixture(scope="module")
def params():
    return load_params(Path(__file__).parents[2] / "params.yaml").segment


def silence(seconds):
    return np.zeros(int(seconds * RATE), np.float32)


def hiss(wave, level):
    return wave + level * np.random.default_rng(0).standard_normal(len(wave)).astype(np.float32)


def cut_one(wave, params, clipped_share=0.0, rate=RATE):
    recording = cut.Recording(clipped_share, {"bytes": to_flac(wave, rate)}, "transcript", "as said", [], None, "en-US")
    (row,) = cut.cut(recording, params)
    return row


def reason(*arguments, **options):
    with pytest.raises(Rejected) as caught:
        cut_one(*arguments, **options)
    return caught.value.failure.reason


def test_silence_around_speech_is_trimmed_and_speech_is_not(say, params):
    speech = say(TEXTS[0])
    bare = np.flatnonzero(np.abs(speech) > 0.02)[[0, -1]] / RATE
    row = cut_one(np.concatenate([silence(1.5), speech, silence(2.0)]), params)
    assert row["start_s"] == pytest.approx(1.5 + bare[0] - params.padding_s, abs=0.1)
    assert row["end_s"] == pytest.approx(1.5 + bare[1] + params.padding_s, abs=0.1)
    assert row["start_s"] <= 1.5 + bare[0] and row["end_s"] >= 1.5 + bare[1]
    wave, rate = from_flac(row["flac"])
    assert len(wave) / rate == row["duration_s"] == pytest.approx(row["end_s"] - row["start_s"])


def test_a_recording_cut_close_loses_no_word(say, params):
    speech = say(TEXTS[2])
    first, last = np.flatnonzero(np.abs(speech) > 0.02)[[0, -1]]
    row = cut_one(speech[first:last], params)
    assert row["start_s"] == 0.0
    assert row["end_s"] == pytest.approx((last - first) / RATE, abs=0.001)


def test_the_detector_is_awake_when_a_recording_begins_with_a_word(say):
    speech = say("Activated.")
    wave = speech[np.flatnonzero(np.abs(speech) > 0.02)[0] :]
    assert np.flatnonzero(vad.speech_windows(vad.speech_probabilities(wave), 0.5))[0] <= 2


@pytest.mark.parametrize(
    ("loud", "first", "last"),
    [
        ("..........####....", 10, 14),  # nothing loud outside: as the detector says
        (".......##.####....", 7, 14),  # the beginning of a word, and the closure of a plosive
        ("..........####..##", 10, 18),
        ("##........####....", 10, 14),  # too far away to belong to the word
    ],
)
def test_words_are_kept_where_the_detector_comes_late_or_leaves_early(loud, first, last):
    speech = np.array([10 <= index < 14 for index in range(18)])
    bounds = activity.bounds(np.array([mark == "#" for mark in loud]), speech, 0.0)
    assert bounds == pytest.approx((first * vad.WINDOW_S, last * vad.WINDOW_S))


def test_what_is_no_usable_utterance_says_why(say, params):
    speech = say(TEXTS[0])
    short = params.model_copy(update={"min_duration_s": 5.0, "max_duration_s": 6.0})
    long = params.model_copy(update={"max_duration_s": 0.6})
    assert reason(silence(2.0), params) == "no_speech"
    assert reason(hiss(silence(2.0), 0.05), params) == "no_speech"
    assert reason(speech, short) == "too_short"
    assert reason(speech, long) == "too_long"


def test_snr_falls_with_noise_and_is_about_right(say, params):
    speech = say(TEXTS[1])
    power = np.mean(speech[np.abs(speech) > 0.01] ** 2)
    found = [cut_one(hiss(speech, np.sqrt(power / 10 ** (db / 10))), params)["snr_db"] for db in (30, 20)]
    assert found == [pytest.approx(30, abs=4), pytest.approx(20, abs=4)]
    assert cut_one(speech, params)["snr_db"] > found[0]


def test_other_sample_rates_are_cut_at_the_same_time(say, params):
    import soxr

    speech = say(TEXTS[0])
    one, other = cut_one(speech, params), cut_one(soxr.resample(speech, RATE, 22050), params, rate=22050)
    assert other["sample_rate_hz"] == 22050
    assert other["start_s"] == pytest.approx(one["start_s"], abs=0.05)
    assert other["end_s"] == pytest.approx(one["end_s"], abs=0.05)


def test_a_long_recording_is_heard_as_one(say, monkeypatch):
    wave = np.concatenate([say(text) for text in TEXTS])
    whole = vad.speech_probabilities(wave)
    assert len(whole) == -(-len(wave) // vad.WINDOW)
    monkeypatch.setattr(vad, "_BLOCK", 7)
    np.testing.assert_allclose(vad.speech_probabilities(wave), whole, atol=1e-5)


def test_a_click_is_not_speech_and_a_dip_does_not_end_it():
    probabilities = np.array([0.9, 0.1, 0.1, 0.9, 0.9, 0.4, 0.9, 0.2, 0.9])
    assert vad.speech_windows(probabilities, 0.5).astype(int).tolist() == [0, 0, 0, 1, 1, 1, 1, 0, 0]


@given(st.text(max_size=40), st.floats(0, 1), st.integers(1, 4))
def test_equal_texts_never_straddle(text, share, words):
    assert split_of(text, share, words) == split_of(f" {text.casefold()}. ", share, words)


def test_the_share_and_length_of_what_is_held_out():
    texts = [f"{a}{b} is the word" for a in "abcdefghijklmnop" for b in "abcdefghijklmnopqrstuvwxyz"]
    held = sum(split_of(text, 0.25, 3) == "test" for text in texts)
    assert held / len(texts) == pytest.approx(0.25, abs=0.06)
    assert {split_of(text, 1.0, 3) for text in ("two words", "one")} == {"train"}
    assert {split_of(text, 1.0, 3) for text in ("three more words", "今日は")} == {"test"}
    assert {split_of(text, 0.0, 1) for text in texts} == {"train"}


@pytest.fixture
def spoken(project, say):
    for number, text in enumerate(TEXTS):
        project.add(f"s{number}", say(text), text)
    project.add("again", say(TEXTS[0]), TEXTS[0].upper())
    project.params["segment"]["max_error_rate"] = 0.5
    project.write_params(project.params)
    run_stage("ingest", project.root)
    return project


def test_utterances_carry_everything_about_their_recording(spoken):
    metrics = run_stage("segment", spoken.root)
    folder = spoken.root / "data/utterances"
    for table in read_shards(folder, UTTERANCES):
        check_schema(table.schema, UTTERANCES, "utterances")
    found = {row["id"]: row for row in read_rows(folder, UTTERANCES)}
    assert metrics["utterances"] == len(found) == 4
    assert metrics["held_out"] == sum(row["split"] == "test" for row in found.values()) > 0
    row = found["tiny/s1"]
    assert (row["recording_id"], row["text"], row["consent_id"]) == ("tiny/s1", TEXTS[1], "c-ann")
    assert metrics["quarantined_duplicate_audio"] == 1
    assert {"tiny/again", "tiny/s0"} & found.keys() == {"tiny/again"}


def test_what_is_refused_is_named(spoken):
    spoken.add("noise", hiss(silence(2.0), 0.05), "no words")
    run_stage("ingest", spoken.root)
    assert run_stage("segment", spoken.root)["quarantined_no_speech"] == 1
    rows = spoken.rows("data/quarantine/segment.parquet")
    (row,) = [row for row in rows if row["reason"] == "no_speech"]
    assert (row["id"], row["stage"], row["source"]) == ("tiny/noise", "segment", "tiny/wavs/noise.wav")


def test_another_split_computes_nothing_anew(spoken):
    run_stage("segment", spoken.root)
    spoken.params["segment"]["held_out_share"] = 0.2
    spoken.write_params(spoken.params)
    run_stage("segment", spoken.root)
    assert '"computed": 0' in (spoken.root / "runs/stages/segment.rows.json").read_text()


def test_nothing_held_out_or_nothing_left_is_one_sentence(spoken):
    for section, value, message in (
        ("held_out_min_words", 50, "0 held out; change segment.held_out_share"),
        ("min_duration_s", 14.0, r"5 of 5 items could not be used \(too_short 5\)"),
    ):
        before = dict(spoken.params["segment"])
        spoken.params["segment"][section] = value
        spoken.write_params(spoken.params)
        with pytest.raises(ValueError, match=message):
            run_stage("segment", spoken.root)
        spoken.params["segment"] = before
    assert not (spoken.root / "data/utterances").exists()
