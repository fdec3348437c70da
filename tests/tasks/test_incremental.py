"""A small change to a corpus costs what it touches: as many rows, as many shards, and no byte elsewhere."""

import json
import shutil

import numpy as np
import pytest

from tasks.stage import run_stage

STEPS = ("ingest", "segment", "features-acoustic", "features-speaker", "features-phonemes")
TABLES = ("recordings", "utterances", "features")
SENTENCES = ("Please enter your number.", "The conference is now closed.", "Goodbye, and thank you.")

pytestmark = pytest.mark.slow


def wave_of(say, number):
    hiss = 1e-3 * np.random.default_rng(number).standard_normal(48000).astype(np.float32)
    speech = say(SENTENCES[number % 3])
    return speech + hiss[: len(speech)] if len(speech) <= 48000 else speech[:48000] + hiss


@pytest.fixture
def filled(project, say):
    project.keep_duplicates()
    for number in range(12):
        project.add(f"r{number:02d}", wave_of(say, number), f"{SENTENCES[number % 3]} Number {number}.")
    return project


def run_data_stages(project):
    """Rows computed by each step, and the hash of each file of the tables."""
    for stage in ("ingest", "segment", "features"):
        run_stage(stage, project.root)
    rates = {step: json.loads((project.root / f"runs/stages/{step}.rows.json").read_text()) for step in STEPS}
    files = {path: sha for path, sha in project.hashes().items() if path.split("/")[1] in TABLES}
    return {step: rate["computed"] for step, rate in rates.items()}, files


def changed_files(before, after):
    """How many files of each table differ."""
    differing = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return {table: sum(path.split("/")[1] == table for path in differing) for table in TABLES}


def rewrite_line(project, name, text):
    lines = (project.corpus / "metadata.csv").read_text().splitlines()
    lines = [f"{name}|{text}||" if line.startswith(f"{name}|") else line for line in lines]
    (project.corpus / "metadata.csv").write_text("\n".join(line for line in lines if line) + "\n")


def test_each_small_change_costs_one_row_and_one_shard(filled, say):
    computed, before = run_data_stages(filled)
    assert set(computed.values()) == {12}
    for name, change, rows in (
        ("changed", lambda: filled.add("r03", wave_of(say, 99), None), (1, 1, 1, 1, 0)),
        ("added", lambda: filled.add("new", wave_of(say, 77), "One more sentence."), (1, 1, 1, 1, 1)),
        ("corrected", lambda: rewrite_line(filled, "r05", "Another reading of it."), (0, 0, 0, 0, 1)),
        ("nothing", lambda: None, (0, 0, 0, 0, 0)),
    ):
        change()
        computed, after = run_data_stages(filled)
        assert tuple(computed.values()) == rows, name
        shards = 0 if name == "nothing" else 1
        assert changed_files(before, after) == dict.fromkeys(TABLES, shards), name
        before = after


def test_a_removed_clip_costs_nothing_and_one_shard(filled):
    _, before = run_data_stages(filled)
    (filled.corpus / "wavs" / "r04.wav").unlink()
    lines = (filled.corpus / "metadata.csv").read_text().splitlines()
    (filled.corpus / "metadata.csv").write_text("\n".join(line for line in lines if not line.startswith("r04|")) + "\n")
    computed, after = run_data_stages(filled)
    assert set(computed.values()) == {0}
    assert changed_files(before, after) == dict.fromkeys(TABLES, 1)


def test_a_changed_limit_measures_nothing_again(filled):
    _, before = run_data_stages(filled)
    filled.params["quality"]["max_letters_per_s"] = 29.5
    filled.write_params(filled.params)
    computed, after = run_data_stages(filled)
    assert set(computed.values()) == {0}
    assert after == before


def test_without_the_row_store_everything_comes_out_the_same(filled):
    _, before = run_data_stages(filled)
    shutil.rmtree(filled.root / "runs")
    computed, after = run_data_stages(filled)
    assert set(computed.values()) == {12}
    assert after == before
