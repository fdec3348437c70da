"""Virtual speakers: copies of recordings at another speed, under another name, on the same terms."""

import numpy as np
import pytest

from tasks.audio import from_flac
from tasks.ingest.place import Place
from tasks.ingest.variants import Entry, with_variants
from tasks.params import Corpus
from tasks.records import RECORDINGS, read_rows
from tasks.stage import run_stage


def tone(hertz, seconds=1.0, rate=24000):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def recordings(project):
    return {row["id"]: row for row in read_rows(project.root / "data/recordings", RECORDINGS)}


def vary(project, **fields):
    project.params["corpora"][0].update(fields)
    project.write_params(project.params)


@pytest.fixture
def two(project):
    project.add("a", tone(400), "the first", rate=24000)
    project.add("b", tone(600, 2), "the second", rate=24000)
    return project


def test_each_factor_adds_a_row_for_each_recording(two):
    run_stage("ingest", two.root)
    plain = recordings(two)
    vary(two, variants=[0.8, 1.25])
    assert run_stage("ingest", two.root)["recordings"] == 6
    found = recordings(two)
    assert {name: found[name] for name in plain} == plain
    assert set(found) == {f"tiny/{name}{suffix}" for name in "ab" for suffix in ("", "~0.8", "~1.25")}
    for name, row in found.items():
        original, _, factor = name.partition("~")
        assert row["speaker"] == ("ann" + name.removeprefix(original))
        assert row["duration_s"] == pytest.approx(plain[original]["duration_s"] / float(factor or 1), abs=1e-3)
        assert all(row[field] == plain[original][field] for field in ("text", "licence", "consent_id", "language"))


@pytest.mark.parametrize(("factor", "expected"), [(0.8, 320), (1.25, 500)])
def test_pitch_moves_with_the_factor(two, factor, expected):
    vary(two, variants=[factor])
    run_stage("ingest", two.root)
    wave, rate = from_flac(recordings(two)[f"tiny/a~{factor:g}"]["audio"]["bytes"])
    assert np.abs(np.fft.rfft(wave)).argmax() * rate / len(wave) == pytest.approx(expected, abs=2)


def test_what_was_made_is_kept_and_another_factor_is_all_that_is_new(two):
    vary(two, variants=[0.8])
    run_stage("ingest", two.root)
    before, keys = two.hashes(), {name: row["content_key"] for name, row in recordings(two).items()}
    assert len(set(keys.values())) == 4
    run_stage("ingest", two.root)
    assert two.hashes() == before
    vary(two, variants=[0.8, 0.9])
    run_stage("ingest", two.root)
    again = {name: row["content_key"] for name, row in recordings(two).items()}
    assert keys.items() <= again.items() and set(again) - set(keys) == {"tiny/a~0.9", "tiny/b~0.9"}
    assert '"computed": 2' in (two.root / "runs/stages/ingest.rows.json").read_text()


def test_a_share_of_the_recordings_is_copied_and_always_the_same(project):
    corpus = Corpus.model_validate({**project.params["corpora"][0], "variants": [0.9, 1.1], "variant_share": 0.25})
    rows = [{"id": f"tiny/{number}", "speaker": "ann", "segments": []} for number in range(400)]
    made = [entry.id for row in rows for entry in with_variants(Entry(Place(project.root), row), corpus)]
    copies = {factor: {name for name in made if name.endswith(factor)} for factor in ("~0.9", "~1.1")}
    assert len(set(made)) == 400 + sum(map(len, copies.values()))
    assert all(60 < len(names) < 140 for names in copies.values())
    assert {name.split("~")[0] for name in copies["~0.9"]} != {name.split("~")[0] for name in copies["~1.1"]}


def test_labels_move_with_the_sound_and_their_speakers_are_renamed(tmp_path):
    label = {"id": None, "start_s": 1.0, "end_s": 2.0, "text": "hello", "speaker": "bob", "low_hz": 100.0}
    labels = [{**label, "high_hz": None, "consent_id": "c"}, {**label, "high_hz": 900.0, "speaker": None}]
    corpus = {"name": "c", "source": {"kind": "folder", "path": "."}, "speaker": "ann", "language": "en"}
    terms = Corpus.model_validate({**corpus, "licence": "CC0-1.0", "variants": [0.5]})
    row = {"id": "c/x", "speaker": "ann", "segments": labels}
    entry, copy = with_variants(Entry(Place(tmp_path), row), terms)
    assert entry.row is row and entry.place.speed == 1 and copy.place.speed == 0.5
    first, second = copy.row["segments"]
    assert (first["start_s"], first["end_s"], first["low_hz"], first["high_hz"]) == (2.0, 4.0, 50.0, None)
    assert (first["speaker"], first["consent_id"], second["speaker"], second["high_hz"]) == ("bob~0.5", "c", None, 450)
    assert labels[0]["speaker"] == "bob"


@pytest.mark.parametrize("variants", [[1.0], [0.9, 0.9], [0.1]])
def test_senseless_factors_are_refused(project, variants):
    vary(project, variants=variants)
    with pytest.raises(
        ValueError, match=r"params.yaml: corpora\.0.*(variants must differ|greater than or equal to 0.5)"
    ):
        run_stage("ingest", project.root)
