"""Long recordings: what a recogniser hears is made up here, from where the words really are, but in the slow tests."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asr import Word
from tasks.audio import from_flac, to_flac
from tasks.params import load_params
from tasks.rowstore import Rejected
from tasks.segment import cut, match, sound, vad, words
from tasks.segment.activity import activity
from tasks.segment.labels import Label, merged
from tasks.segment.match import match as match_words
from tasks.segment.sentences import sentences, tokens
from tasks.segment.sound import Sound
from tasks.segment.stretches import Region, speech_regions, stretches

RATE = 16000
TEXTS = (
    "Please enter your number.",
    "The conference is now closed.",
    "Goodbye, and thank you.",
    "Seventeen messages are waiting.",
    "Call again on the 4th floor.",
    "Weasels have eaten our phone system.",
    "Your mailbox is full.",
)
PAUSES = (0.6, 0.25, 1.4, 0.3, 2.5, 0.5, 0.8)


@pytest.fixture(scope="module")
def params():
    return load_params(Path(__file__).parents[2] / "params.yaml").segment


def room(seconds, seed=0):
    return (2e-4 * np.random.default_rng(seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def joined(say, texts=TEXTS, pauses=PAUSES, voice=lambda number, wave: wave):
    """Spoken texts with room tone between them: wave, and where each one's sound is."""
    parts, spans, at = [], [], 0
    for number, (text, pause) in enumerate(zip(texts, pauses, strict=False)):
        wave = voice(number, say(text))
        first, last = np.flatnonzero(np.abs(wave) > 0.01)[[0, -1]]
        parts += [room(pause, number), wave[first : last + 1]]
        start = at + len(parts[-2])
        at = start + len(parts[-1])
        spans.append((start / RATE, at / RATE))
    wave = np.concatenate([*parts, room(0.7)])
    return wave + room(len(wave) / RATE, 9)[: len(wave)], spans


def hear(texts, spans, jitter=0.0, probability=0.9):
    """What a recogniser would write: each word somewhere about where it is."""
    rng = np.random.default_rng(1)
    rows = []
    for text, (start, end) in zip(texts, spans, strict=True):
        own = text.split()
        edges = start + (end - start) * np.cumsum([0, *(len(word) for word in own)]) / sum(map(len, own))
        for word, first, last in zip(own, edges[:-1], edges[1:], strict=True):
            late = rng.uniform(-jitter, jitter)
            rows.append({"text": f" {word}", "start_s": first + late, "end_s": last + late, "probability": probability})
    return rows


def recording(wave, kind, text="", heard=None, segments=(), language="en-US"):
    return cut.Recording(0.0, {"bytes": to_flac(wave, RATE)}, kind, text, segments, heard, language)


def kept(rows):
    return [row for row in rows if row["reason"] is None]


def reasons(rows):
    return [row["reason"] for row in rows if row["reason"]]


def assert_bounds(rows, spans, padding):
    for row, (start, end) in zip(rows, spans, strict=True):
        assert start - padding - 0.1 <= row["start_s"] <= start + 0.02
        assert end - 0.02 <= row["end_s"] <= end + padding + 0.12


def test_a_book_is_cut_into_its_sentences_between_its_words(say, params):
    wave, spans = joined(say)
    rows = cut.cut(recording(wave, "book", " ".join(TEXTS), hear(TEXTS, spans, jitter=0.15)), params)
    assert [row["text"] for row in rows] == list(TEXTS)
    assert_bounds(rows, spans, params.padding_s)
    assert [row["id"] for row in rows] == [f"{round(row['start_s'] * 1000):08d}" for row in rows]
    row = rows[3]
    flac, rate = from_flac(row["flac"])
    assert len(flac) / rate == row["duration_s"] == pytest.approx(row["end_s"] - row["start_s"])
    assert row["snr_db"] > 20 and row["speaker"] is None and len(row["audio_key"]) == 40


def test_what_is_not_read_and_what_is_not_in_the_text_is_told_apart(say, params):
    wave, spans = joined(say)
    book = [*TEXTS[:2], "Nobody ever says this sentence.", TEXTS[2], *TEXTS[4:]]
    rows = cut.cut(recording(wave, "book", " ".join(book), hear(TEXTS, spans, jitter=0.1)), params)
    assert [row["text"] for row in kept(rows)] == [*TEXTS[:3], *TEXTS[4:]]
    assert_bounds(kept(rows), [*spans[:3], *spans[4:]], params.padding_s)
    missing, unread = (row for row in rows if row["reason"])
    assert (missing["id"], missing["reason"]) == ("sentence-0003", "sentence_not_found")
    assert "Nobody ever says" in missing["message"] and missing["flac"] is None
    assert unread["reason"] == "not_in_text" and "Seventeen" in unread["message"]
    assert spans[3][0] - 0.1 < unread["start_s"] < unread["end_s"] < spans[3][1] + 0.1
    assert len(from_flac(unread["flac"])[0]) > RATE


def test_a_recording_reads_only_a_part_of_its_book(say, params):
    wave, spans = joined(say)
    before = " ".join(f"Chapter {number} tells about another matter." for number in range(30))
    text = f"{before} {TEXTS[0]} {TEXTS[1]} This one was left out. {' '.join(TEXTS[2:])} {before}"
    rows = cut.cut(recording(wave, "book", text, hear(TEXTS, spans)), params)
    assert [row["text"] for row in kept(rows)] == list(TEXTS)
    assert reasons(rows) == ["sentence_not_found"]


def test_misheard_and_misprinted_words_do_not_lose_a_sentence(say, params):
    wave, spans = joined(say)
    heard_texts = list(TEXTS)
    heard_texts[3], heard_texts[5] = "17 messages are weighting.", "We souls have eaten our phone sister."
    book = list(TEXTS)
    book[1], book[6] = "The conference is now banana.", "Zebra mailbox is full."
    rows = cut.cut(recording(wave, "book", " ".join(book), hear(heard_texts, spans, jitter=0.1)), params)
    assert [row["text"] for row in rows] == book
    assert_bounds(rows, spans, params.padding_s)


def test_a_lone_word_is_found_by_its_place(say, params):
    texts = (TEXTS[0], "Comma.", TEXTS[1], TEXTS[2])
    wave, spans = joined(say, texts)
    rows = cut.cut(recording(wave, "book", " ".join(texts), hear((TEXTS[0], "Karma.", *TEXTS[1:3]), spans)), params)
    assert [row["text"] for row in rows] == list(texts)


def test_a_short_sentence_is_moved_to_where_it_is_said_again(say, params):
    texts = ("Minus.", "At.", TEXTS[0])
    wave, spans = joined(say, texts)
    heard = hear(("Minus at.", "Add.", TEXTS[0]), spans)
    rows = cut.cut(
        recording(wave, "book", "\n\n".join(texts), heard), params.model_copy(update={"min_duration_s": 0.2})
    )
    assert [row["text"] for row in rows] == list(texts)
    assert_bounds(rows, spans, params.padding_s)


def test_a_word_said_to_begin_before_the_pause_stays_with_its_sentence(say, params):
    wave, spans = joined(say)
    heard = hear(TEXTS, spans)
    first = next(row for row in heard if row["text"] == " Weasels")
    first["start_s"], first["end_s"] = spans[4][1] + 0.05, spans[4][1] + 0.4
    rows = cut.cut(recording(wave, "book", " ".join(TEXTS), heard), params)
    assert [row["text"] for row in rows] == list(TEXTS)
    assert_bounds(rows, spans, params.padding_s)


def test_a_text_of_another_book_is_refused(say, params):
    wave, spans = joined(say, TEXTS[:3])
    with pytest.raises(Rejected) as caught:
        cut.cut(recording(wave, "book", "Nothing of it. Nowhere at all.", hear(TEXTS[:3], spans)), params)
    assert caught.value.failure.reason == "text_not_found"


def test_a_long_transcript_is_cut_and_a_short_one_is_not(say, params):
    wave, spans = joined(say)
    text, heard = " ".join(TEXTS), hear(TEXTS, spans)
    (whole,) = cut.cut(recording(wave, "transcript", text, heard), params.model_copy(update={"max_duration_s": 30.0}))
    assert (whole["id"], whole["text"]) == (None, None)
    assert [row["text"] for row in cut.cut(recording(wave, "transcript", text, heard), params)] == list(TEXTS)
    with pytest.raises(Rejected, match="too_long"):
        cut.cut(recording(wave, "transcript", text), params)


def test_a_sentence_that_is_too_long_is_cut_in_its_pauses(say, params):
    parts = ("When the evening came,", "and the lamps were lit,", "nobody at the table", "said another word.")
    wave, spans = joined(say, parts, (0.5, 0.3, 0.4, 0.2))
    short = params.model_copy(update={"max_duration_s": 4.0})
    rows = cut.cut(recording(wave, "book", " ".join(parts), hear(parts, spans)), short)
    assert " ".join(row["text"] for row in rows) == " ".join(parts)
    assert 2 <= len(rows) <= 4 and all(1.0 <= row["duration_s"] <= 4.0 for row in rows)
    quiet = [(0.0, spans[0][0]), *((a[1], b[0]) for a, b in pairwise(spans)), (spans[-1][1], 99.0)]
    for row in rows:
        for moment in (row["start_s"], row["end_s"]):
            assert any(start - 0.02 <= moment <= end + 0.02 for start, end in quiet)


def test_a_word_far_before_its_sentence_takes_nothing_else_with_it(say, params):
    texts = (TEXTS[0], TEXTS[2], "Uh.", TEXTS[5])
    wave, spans = joined(say, texts, (0.5, 0.6, 0.9, 0.9))
    heard = hear((TEXTS[0], TEXTS[2], "Weasels", "have eaten our phone system."), spans)
    heard[-6]["probability"] = 0.4
    rows = kept(cut.cut(recording(wave, "book", " ".join(texts), heard), params))
    assert [row["text"] for row in rows] == [TEXTS[0], TEXTS[2], TEXTS[5]]
    assert_bounds(rows, [*spans[:2], spans[3]], params.padding_s)


def test_a_sentence_ends_at_a_pause_though_its_mark_looks_like_an_abbreviation(say, params):
    texts = ("They met again in May.", TEXTS[1])
    wave, spans = joined(say, texts, (0.5, 0.6))
    rows = cut.cut(recording(wave, "book", " ".join(texts), hear(texts, spans)), params)
    assert [row["text"] for row in rows] == list(texts)


def test_speech_without_a_text_is_cut_where_it_ends_sentences_or_pauses(say, params):
    wave, spans = joined(say)
    heard = hear(TEXTS, spans, jitter=0.1)
    for word in heard[-4:]:
        word["probability"] = 0.2
    rows = cut.cut(recording(wave, "none", heard=heard), params)
    assert [row["text"] for row in kept(rows)] == list(TEXTS[:-1])
    assert_bounds(kept(rows), spans[:-1], params.padding_s)
    assert reasons(rows) == ["unsure_transcript"]
    heard = [{**row, "text": row["text"].replace(".", "")} for row in heard]
    rows = cut.cut(recording(wave, "none", heard=heard), params)
    assert kept(rows)[0]["text"] == "Please enter your number The conference is now closed"  # 0.2 s between them
    heard[0]["probability"] = 0.1  # a lone first word is not taken for a stray one
    heard[0]["start_s"], heard[0]["end_s"] = 0.1, 0.3
    assert kept(cut.cut(recording(wave, "none", heard=heard), params))[0]["text"].startswith("Please enter")
    with pytest.raises(Rejected, match="no_words"):
        cut.cut(recording(wave, "none", heard=[]), params)


def test_a_recording_that_is_one_sentence_keeps_its_id(say, params):
    wave, spans = joined(say, TEXTS[:1])
    (row,) = cut.cut(recording(wave, "none", heard=hear(TEXTS[:1], spans)), params)
    assert (row["id"], row["text"]) == (None, TEXTS[0])


@pytest.mark.slow
def test_two_voices_do_not_share_a_piece(say, params):
    import soxr

    texts = ["This is what he said to her", "and this is what she answered him the day after they met."] * 8
    pauses = (0.6, 0.3) * 8

    def voice(number, wave):
        return soxr.resample(wave, RATE, RATE / 1.7) if number % 2 else wave

    wave, spans = joined(say, texts, pauses, voice)
    text = " ".join(texts)
    rows = cut.cut(recording(wave, "book", text, hear(texts, spans)), params)
    assert [row["text"] for row in rows] == texts
    one = cut.cut(
        recording(*joined(say, texts, pauses)[:1], "book", text, hear(texts, joined(say, texts, pauses)[1])), params
    )
    assert [row["text"] for row in one] == [" ".join(texts[:2])] * 8


def label(start, end, text, name=None, speaker=None):
    return {
        "id": name,
        "start_s": start,
        "end_s": end,
        "text": text,
        "speaker": speaker,
        "low_hz": None,
        "high_hz": None,
    }


def test_labels_are_cut_where_they_say_but_not_inside_a_word(say, params):
    wave, spans = joined(say, TEXTS[:4], (0.6, 0.6, 0.6, 0.6))
    off = [(start + 0.1, end - 0.1) for start, end in spans]
    segments = [label(*off[0], TEXTS[0], "a", "ann"), label(*off[1], TEXTS[1]), label(*spans[2], " ")]
    rows = cut.cut(recording(wave, "segments", segments=segments), params)
    assert (rows[0]["id"], rows[0]["speaker"], rows[0]["text"]) == ("a", "ann", TEXTS[0])
    assert rows[1]["id"] == f"{round(rows[1]['start_s'] * 1000):08d}"
    for row, (start, end) in zip(rows, spans, strict=False):
        assert row["start_s"] <= start + 0.02 and row["end_s"] >= end - 0.02


def test_labels_that_cannot_be_cut_say_why(say, params):
    wave, spans = joined(say)
    segments = [
        label(spans[0][0], spans[0][1], TEXTS[0], "a", "ann"),
        label(spans[0][1] - 0.5, spans[1][1], TEXTS[1], "b", "bob"),
        label(spans[2][1] + 0.3, spans[2][1] + 0.2, "end before start", "c"),
        label(spans[3][1] + 0.5, spans[4][0] - 0.5, "nothing there", "d"),
        label(spans[4][0], spans[4][1], TEXTS[4], "e"),
        label(900.0, 901.0, "after the end", "f"),
    ]
    rows = cut.cut(recording(wave, "segments", segments=segments), params)
    found = {row["id"]: row["reason"] for row in rows}
    assert found == {"a": "overlap", "b": "overlap", "c": "bad_label", "d": "no_speech", "e": None, "f": "bad_label"}


def test_a_label_that_is_too_long_is_cut_where_its_words_are_known(say, params):
    wave, spans = joined(say)
    segments = [label(0.0, len(wave) / RATE, " ".join(TEXTS), "all", "ann")]
    rows = cut.cut(recording(wave, "segments", segments=segments, heard=hear(TEXTS, spans)), params)
    assert [row["text"] for row in rows] == list(TEXTS)
    assert {row["speaker"] for row in rows} == {"ann"} and rows[0]["id"] == "all-1"
    assert reasons(cut.cut(recording(wave, "segments", segments=segments), params)) == ["too_long"]


def test_subtitle_cues_of_one_sentence_are_one(params):
    cues = [Label(0, 2, "It was late", None, None), Label(2.2, 4, "and nobody came.", None, None)]
    cues += [
        Label(4.1, 5, "Then", None, None),
        Label(6.0, 7, "silence", None, None),
        Label(7.1, 8, "and more", None, "bob"),
    ]
    found = merged(cues, params)
    assert [(cue.start_s, cue.end_s, cue.text) for cue in found] == [
        (0, 4, "It was late and nobody came."),
        (4.1, 5, "Then"),
        (6.0, 7, "silence"),
        (7.1, 8, "and more"),
    ]


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("the 4th", "The fourth", "en-US"),
        ("Re-enter it!", "re enter it", "en-US"),
        ("résumé’s", "resume's", "en"),
        ("Ещё — ёлка", "еще елка", "ru"),
        ("今日は。", "今 日 は", "ja"),
    ],
)
def test_words_are_compared_however_they_are_written(one, other, language):
    assert [word.normal for word in tokens(one, language)] == [word.normal for word in tokens(other, language)]


def test_sentences_end_at_marks_and_paragraphs_and_lose_no_word():
    text = "Mr. Smith came.  “Come in!” said I.\n\nChapter two\nbegins here\n\nand ends"
    own = tokens(text, "en")
    found = sentences(text, "en", own)
    assert text[found[0].start : found[0].end] == "Mr. Smith came."
    assert [one.paragraph for one in found][-2:] == [1, 2]
    assert [word for one in found for word in range(one.first, one.last)] == list(range(len(own)))
    lines = "first line\nSecond line\ngoes on"
    assert [lines[one.start : one.end] for one in sentences(lines, "en", tokens(lines, "en"))] == [
        "first line",
        "Second line\ngoes on",
    ]


def test_what_was_left_out_or_added_begins_where_a_sentence_does():
    text = ["please", "hold", "please", "try", "again", "foxtrot"]
    found = match_words(text, ["please", "try", "again", "fox", "trot"], {0, 2, 5, 6})
    assert found.first.tolist() == [-1, -1, 0, 1, 2, 3]
    assert found.last[-1] == 4 and found.share[-1] == 1


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40), st.data())
def test_matched_words_are_in_order_and_equal_ones_share_all(text, data):
    heard = [word for word in text if data.draw(st.booleans())]
    found = match_words(text, heard, {0, len(text)})
    said = found.first[found.first >= 0]
    assert (np.diff(said) >= 0).all()
    assert (found.share > 0).sum() == len(heard)


def test_a_book_too_large_to_compare_at_once_is_split_at_rare_words(monkeypatch):
    rng = np.random.default_rng(0)
    text = [f"w{number}" for number in rng.integers(0, 300, 3000)]
    heard = [word for word in text[1000:1600] if rng.random() > 0.05]
    whole = match_words(text, heard, {0})
    monkeypatch.setattr(match, "_CELLS", 20_000)
    parts = match_words(text, heard, {0})
    assert np.mean(whole.first == parts.first) > 0.97


def test_a_recording_is_listened_to_in_stretches_that_end_in_silence(say):
    texts = TEXTS * 3
    wave, spans = joined(say, texts, PAUSES * 3)
    found = list(stretches(speech_regions(Sound(to_flac(wave, RATE)))))
    assert len(found) >= 2 and all(sum(region.length_s for region in one) <= 28.0 for one in found)
    edges = [moment for one in found for region in one for moment in (region.start_s, region.end_s)]
    assert edges == sorted(edges)
    for start, end in spans:
        assert not any(start + 0.2 < edge < end - 0.2 for edge in edges)


def test_a_word_is_placed_in_the_speech_it_shares_most_with():
    stretch = [Region(10.0, 11.6, 0.3, 0.3, 2.0), Region(20.0, 21.6, 0.3, 0.3, 8.4)]
    heard = [Word(" one", 0.4, 1.2, 0.9), Word(" two", 1.3, 2.6, 0.9)]
    (_, first), (_, second) = words.placed(heard, stretch)
    assert [word.text for word in first] == [" one"] and first[0].start_s == pytest.approx(10.4)
    assert [word.text for word in second] == [" two"]


def test_speech_without_a_word_is_given_the_one_beside_it():
    full, empty = Region(0.0, 1.0, 0.1, 0.1), Region(3.0, 3.9, 0.3, 0.3)
    heard = {full: [Word(" minus", 0.1, 0.8, 0.4), Word(" at", 0.8, 0.95, 0.3)], empty: []}
    words.fill(heard)
    (minus,), (at,) = heard[full], heard[empty]
    assert (minus.end_s, at.start_s, at.end_s) == (0.8, pytest.approx(3.3), pytest.approx(3.6))
    alone = {full: [minus], empty: []}
    words.fill(alone)
    assert alone[empty] == []


def test_hours_are_read_in_blocks_as_if_they_were_whole(say, params, monkeypatch):
    import soxr

    wave, _ = joined(say)
    for rate in (RATE, 22050):
        flac = to_flac(soxr.resample(wave, RATE, rate), rate)
        whole = activity(Sound(flac), 0.5)
        with monkeypatch.context() as patch:
            patch.setattr(sound, "_WHOLE_S", 0.0)
            patch.setattr(sound, "_BLOCK_S", 1.7)
            blocks = activity(Sound(flac), 0.5)
        assert np.mean(whole.speech == blocks.speech[: len(whole.speech)]) > 0.995
        np.testing.assert_allclose(blocks.power[:-2], whole.power[: len(blocks.power) - 2], rtol=0.01, atol=1e-7)
        part = Sound(flac).at_16k(2.0, 3.0)
        assert len(part) == RATE
        assert np.corrcoef(part, next(Sound(flac).blocks_at_16k())[2 * RATE : 3 * RATE])[0, 1] > 0.99


def test_the_key_of_words_knows_a_model_folder_by_its_weights(tmp_path):
    keys = set()
    for name, content in (("a", b"one"), ("b", b"two"), ("c", b"one")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.bin").write_bytes(content)
        keys |= {words.key("content", tag, str(tmp_path / name)) for tag in ("en-US", "en-GB")}
    assert len(keys) == 2
    assert vad.weights_hash()


def test_a_recording_is_heard_twice_where_nothing_was_heard(say, monkeypatch):
    wave, spans = joined(say, TEXTS[:3], (0.6, 1.5, 1.5))
    calls = []

    def listen(part, language):
        calls.append(len(part) / RATE)
        if len(calls) == 1:
            return [Word(" Please", 0.4, 1.0, 0.9)]
        return [Word(" closed", 0.5, 1.0, 0.9), Word(" Goodbye", calls[-1] - 1.2, calls[-1] - 0.6, 0.9)]

    monkeypatch.setattr(words, "_listener", lambda model: SimpleNamespace(words=listen))
    rows = words.listen(({"bytes": to_flac(wave, RATE)}, "en-US"), model="any")
    assert [row["text"] for row in rows] == [" Please", " closed", " Goodbye"]
    assert len(calls) == 2 and calls[1] < calls[0]
    assert all(start - 0.2 < row["start_s"] < end for row, (start, end) in zip(rows, spans, strict=True))


@pytest.mark.slow
def test_what_a_real_recogniser_hears_finds_the_sentences(say, params):
    texts = TEXTS * 3
    wave, spans = joined(say, texts, tuple(np.random.default_rng(3).uniform(0.2, 3.0, len(texts))))
    content = {"bytes": to_flac(wave, RATE)}
    heard = words.listen((content, "en-US"), model="whisper-tiny")
    assert heard == words.listen((content, "en-US"), model="whisper-tiny")
    book = [text for number, text in enumerate(texts) if number != 8]
    rows = cut.cut(cut.Recording(0.0, content, "book", " ".join(book), [], heard, "en-US"), params)
    assert len(kept(rows)) >= len(book) - 1
    assert set(row["text"] for row in kept(rows)) == set(TEXTS)
    errors = []
    for row in kept(rows):
        number = int(np.argmax([min(row["end_s"], b) - max(row["start_s"], a) for a, b in spans]))
        assert row["text"] == texts[number]
        errors += [abs(row["start_s"] + 0.1 - spans[number][0]), abs(row["end_s"] - 0.1 - spans[number][1])]
    assert np.median(errors) <= 0.06
    assert "not_in_text" in reasons(rows)
    unwritten = cut.cut(cut.Recording(0.0, content, "none", "", [], heard, "en-US"), params)
    assert len(unwritten) >= 15
