"""The data card of a little speech: its figures, its page, and that it is the same every time."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tasks.audio import to_flac
from tasks.features.card import write_card
from tasks.features.card.measures import MEASURES, histogram
from tasks.features.card.page import duration, number
from tasks.features.card.sounds import BUDGET_BYTES, EACH, data_uri
from tasks.features.card.sums import KEPT
from tasks.quarantine import Quarantine
from tasks.records import FEATURES, UTTERANCES, shard_of, write_shard
from tasks.rowstore import Failure

RATE = 16000
SHARDS = 3
STATISTICS = {
    "hours": {by: {} for by in ("speaker", "language", "licence", "corpus", "split")},
    "utterances": {by: {} for by in ("speaker", "language", "licence", "corpus", "split")},
    "phonemes": {"a": 20, "b": 9, "ˈ": 3},
    "unknown_symbols": {"ʘ": 2},
    "front_ends": {"en-US": {"name": "made", "version": "1"}},
}


def tone(seconds, hertz=200):
    return (0.1 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def utterance(name, **changes):
    wave = tone(1.0)
    row = {
        **{"id": f"made/{name}", "recording_id": name, "corpus": "made", "speaker": "ann", "language": "en-US"},
        **{"licence": "CC0-1.0", "consent_id": "c-ann", "text": "Ab <b> & ba.", "split": "train"},
        **{"content_key": name, "audio_key": name, "start_s": 0.0, "end_s": 1.0, "duration_s": 1.0},
        **{"sample_rate_hz": RATE, "loudness_lufs": -23.0, "clipped_share": 0.0, "snr_db": 42.0},
        **{"bandwidth_hz": 8000.0, "letters_per_s": 12.0, "dnsmos": None, "heard_text": None, "cer": None},
        **{"language_probability": None, "voice_similarity": None, "phonemes": "ab ba."},
        "audio": {"bytes": to_flac(wave, RATE), "path": f"{name}.flac"},
    }
    return row | changes


def features_of(row):
    empty = {"phoneme_ids": [], "stress_ids": [], "n_frames": 0, "mel": [], "f0_hz": [], "energy_db": [], "mfcc": []}
    return {name: {**row, **empty, "speaker_embedding": []}[name] for name in FEATURES.names}


def refused(stage, folder, *failures):
    """A quarantine of (id, reason, has sound)."""
    quarantine = Quarantine(stage)
    for name, reason, _ in failures:
        quarantine.add(name, "file.wav", Failure(reason, f"{reason} because of {name}"))
    for name, _, has_sound in failures:
        if has_sound:
            quarantine.attach(name, to_flac(tone(8.0), RATE))
    path = folder / f"{stage}.parquet"
    quarantine.close(path, kept=10**6, max_error_rate=1.0)
    return path


def statistics_of(rows):
    hours = {by: {row[by]: 0.0 for row in rows} for by in STATISTICS["hours"]}
    utterances = {by: {row[by]: 0 for row in rows} for by in STATISTICS["hours"]}
    for row in rows:
        for by in hours:
            hours[by][row[by]] += row["duration_s"] / 3600
            utterances[by][row[by]] += 1
    return {**STATISTICS, "hours": hours, "utterances": utterances}


class Made:
    """A card of `rows`, and of `more` utterances that the features stage refused."""

    def __init__(self, folder, rows, quarantines=(), more=(), statistics=None):
        for number_ in range(SHARDS):
            mine = [row for row in [*rows, *more] if shard_of(row["id"], SHARDS) == number_]
            kept = [features_of(row) for row in rows if shard_of(row["id"], SHARDS) == number_]
            bare = [{name: row[name] for name in UTTERANCES.names} for row in mine]
            write_shard(bare, folder / "utterances", number_, UTTERANCES)
            if kept:
                write_shard(kept, folder / "features", number_, FEATURES)
        self.paths = [folder / "reports" / name for name in ("data.json", "data.html", "data_plots.json")]
        tables = (folder / "features", folder / "utterances", quarantines)
        write_card(*tables, statistics or statistics_of(rows), *self.paths)

    @property
    def card(self):
        return json.loads(self.paths[0].read_text())

    @property
    def page(self):
        return self.paths[1].read_text()

    @property
    def plots(self):
        return json.loads(self.paths[2].read_text())

    @property
    def hashes(self):
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.paths]


@pytest.fixture
def rows():
    french = {
        "speaker": "eve",
        "language": "fr",
        "licence": "CC-BY-4.0",
        "consent_id": "c-eve",
        "phonemes": "ab\u0303y",
    }
    return [
        utterance("1", duration_s=2.5, dnsmos=3.2),
        utterance("2", split="test", phonemes="ab ʒ."),
        utterance("3", speaker="bob", phonemes="a."),
        utterance("4", **french),
    ]


def test_figures_are_of_what_was_kept(tmp_path, rows):
    card = Made(tmp_path, rows, more=[utterance("refused", duration_s=14.0, snr_db=3.0)]).card
    assert [(one["speaker"], one["consent_id"], one["utterances"]) for one in card["attribution"]] == [
        *(("ann", "c-ann", 2), ("bob", "c-ann", 1), ("eve", "c-eve", 1)),
    ]
    assert card["attribution"][0]["hours"] == pytest.approx(3.5 / 3600, abs=1e-6)
    assert [box for box in card["duration_s"] if box["utterances"]] == [
        {"from": 1, "to": 2, "utterances": 3},
        {"from": 2, "to": 3, "utterances": 1},
    ]
    assert card["measures"]["snr_db"] == {"mean": 42.0, "median": 42.0, "p5": 42.0, "p95": 42.0, "utterances": 4}
    assert card["measures"]["dnsmos"]["utterances"] == 1 and "cer" not in card and "cer" not in card["measures"]
    assert card["words"] == {"total": 16, "distinct": 4}


def test_coverage_is_by_language_split_and_speaker(tmp_path, rows):
    languages = Made(tmp_path, rows).card["phonemes"]["languages"]
    assert languages["en-US"]["counts"] == {"a": 4, "b": 3, "ʒ": 1}
    assert languages["en-US"]["only_held_out"] == ["ʒ"]
    assert languages["en-US"]["missing_by_speaker"] == {"bob": ["b", "ʒ"]}
    assert languages["fr"]["missing_by_speaker"] == {} and "\u0303" in languages["fr"]["counts"]


def test_what_was_dropped_is_counted_by_stage_and_reason(tmp_path, rows):
    quarantines = [
        refused("ingest", tmp_path, ("x", "silent", False), ("y", "silent", False), ("z", "bad_text", False)),
        refused("segment", tmp_path, ("a", "low_mos", True), ("b", "second_voice", True)),
        refused("features", tmp_path),
    ]
    made = Made(tmp_path, rows, quarantines)
    assert made.card["dropped"] == {
        "ingest": {"bad_text": 1, "silent": 2},
        "segment": {"low_mos": 1, "second_voice": 1},
    }
    assert "low_mos because of a" in made.page and "1 low_mos" in made.page
    assert made.page.count("<audio") == 4 + 2


def test_plots_have_every_bin_of_what_was_measured(tmp_path, rows):
    plots = Made(tmp_path, rows).plots
    assert {one["measure"] for one in plots} == {
        *("duration_s", "snr_db", "loudness_lufs", "clipped_share", "bandwidth_hz", "letters_per_s", "dnsmos"),
    }
    assert sum(one["count"] for one in plots if one["measure"] == "snr_db") == 4
    assert set(plots[0]) == {"measure", "lower", "upper", "bin", "count"}


def test_the_same_tables_give_the_same_bytes(tmp_path, rows):
    quarantine = [refused("segment", tmp_path, ("a", "low_mos", True))]
    assert Made(tmp_path / "one", rows, quarantine).hashes == Made(tmp_path / "two", rows, quarantine).hashes


class _Page(HTMLParser):
    """Collects what a page loads, and checks that its tags close."""

    def __init__(self, page):
        super().__init__()
        self.open, self.loaded, self.unnamed = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.loaded += [value for name, value in attrs if name in ("src", "href")]
        if tag in ("audio", "svg") and not named.get("aria-label"):
            self.unnamed.append(tag)
        if tag not in ("meta", "br", "link", "img", "rect", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag not in ("rect", "line"):
            assert self.open.pop() == tag


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(tmp_path, rows):
    page = Made(tmp_path, rows, [refused("segment", tmp_path, ("<script>alert(1)</script>", "low_mos", True))]).page
    found = _Page(page)
    assert found.open == [] and found.unnamed == []
    assert all(value.startswith("data:audio/mpeg;base64,") for value in found.loaded)
    assert "<script" not in page and "&lt;script&gt;" in page and "Ab &lt;b&gt; &amp; ba." in page
    assert "<title>Voiceloom data card</title>" in page and 'lang="en"' in page


def test_few_sounds_of_each_reason_and_no_more_than_there_is_room_for(tmp_path, rows, monkeypatch):
    many = [(f"{reason}-{index}", reason, True) for reason in ("low_mos", "low_snr") for index in range(EACH + 2)]
    page = Made(tmp_path, rows, [refused("segment", tmp_path, *many)]).page
    assert page.count("<audio") == 4 + 2 * EACH and len(page) < BUDGET_BYTES
    short, long = (len(data_uri(to_flac(tone(seconds), RATE))) for seconds in (1.0, 8.0))
    monkeypatch.setattr("tasks.features.card.sounds.BUDGET_BYTES", 4 * short + 2 * long)
    page = Made(tmp_path, rows, [refused("segment", tmp_path, *many)]).page
    assert "because of low_mos-0" in page and "because of low_snr-0" in page
    assert page.count("<audio") == 4 + 2


def test_a_few_of_many_kept_are_heard_and_long_lists_are_cut(tmp_path):
    many = [utterance(str(index), speaker=f"speaker {index:02d}") for index in range(40)]
    made = Made(tmp_path, many)
    assert made.page.count("<audio") == KEPT
    assert "And 15 more, in reports/data.json." in made.page and len(made.card["attribution"]) == 40
    shown = set(re.findall(r"<code>(.*?)</code>", made.page))
    fewer = set(re.findall(r"<code>(.*?)</code>", Made(tmp_path / "fewer", many[:-1]).page))
    assert len(shown & fewer) >= KEPT - 1


def test_words_read_by_rule_and_unknown_symbols_are_named(tmp_path, rows):
    statistics = statistics_of(rows) | {"oov": {"en-US": {"loomish": 3}}}
    made = Made(tmp_path, rows, statistics=statistics)
    assert made.card["oov"] == {"en-US": {"loomish": 3}} and "loomish" in made.page and "ʘ" in made.page


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 20000])
def test_any_sample_rate_becomes_a_small_mp3(rate):
    uri = data_uri(to_flac(np.resize(tone(8.0), 9 * rate), rate))
    assert uri.startswith("data:audio/mpeg;base64,") and len(uri) < 60_000


def test_every_measure_has_a_column_and_counts_all_values():
    assert {measure.column for measure in MEASURES} <= set(UTTERANCES.names)
    for measure in MEASURES:
        assert list(measure.edges) == sorted(set(measure.edges))
        values = np.array([measure.edges[0] - 1, measure.edges[-1] + 1, measure.edges[1]])
        assert sum(box["utterances"] for box in histogram(values, measure.edges)) == 3


def test_numbers_are_as_they_are_read():
    assert [number(value) for value in (0, 12345, 3.14159, 0.00001, 123.4)] == [
        "0",
        "12\u202f345",
        "3.14",
        "0.00001",
        "123",
    ]
    assert [duration(hours) for hours in (0.001, 0.5, 1.999, 30.25)] == ["4 s", "30 min", "2 h 00 min", "30 h 15 min"]


def test_a_missing_table_is_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no shard"):
        write_card(tmp_path, tmp_path, (), STATISTICS, *(tmp_path / name for name in "abc"))
    assert not Path(tmp_path / "a").exists()
