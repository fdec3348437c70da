"""What the data stages leave behind when they are killed, when the disk is full, and when the user errs."""

import json
import os
import resource
import signal
import subprocess
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.stage import run_stage


def stored_keys(root, step):
    """The key of every row in the store, as often as it was computed."""
    files = (root / "runs/rowstore").glob(f"{step}-*/*.parquet")
    return Counter(key for path in files for key in pq.read_table(path, columns=["key"])["key"].to_pylist())


def fill(project, say, count=96):
    """Many recordings, all different, of a few sentences."""
    project.keep_duplicates()
    sentences = ["Goodbye, and thank you.", "Please enter your number.", "Try again later."]
    rng = np.random.default_rng(0)
    for number in range(count):
        wave = np.tile(say(sentences[number % 3]), 3)
        hiss = 1e-3 * rng.standard_normal(len(wave)).astype(np.float32)
        project.add(f"r{number:03d}", wave + hiss, sentences[number % 3])


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_in_the_middle(project, stage):
    """Start a stage as the user does, with one worker, and SIGKILL it once two of its six batches are stored."""
    environment = project.environment(VOICELOOM_WORKERS="1")
    store = project.root / "runs/rowstore"
    process = subprocess.Popen(project.command(stage), cwd=project.root, env=environment)
    deadline = time.monotonic() + 60
    while len(list(store.glob(f"{stage}-*/*.parquet"))) < 2:
        assert process.poll() is None and time.monotonic() < deadline, "the stage ended before it could be killed"
        time.sleep(0.001)
    workers = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return workers


def gone(pid):
    """Whether a process has ended; one that only waits to be buried has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for child processes in /proc")
@pytest.mark.parametrize("stage", ["ingest", "segment"])
def test_a_killed_stage_goes_on_where_it_was(stage, new_project, say):
    undisturbed, killed = new_project("undisturbed"), new_project("killed")
    for project in (undisturbed, killed):
        fill(project, say)
        if stage == "segment":
            assert project.stage("ingest").returncode == 0
    workers = kill_in_the_middle(killed, stage)
    finished = stored_keys(killed.root, stage)
    assert 32 <= len(finished) < 96
    outputs = {"ingest": "recordings", "segment": "utterances"}
    assert not (killed.root / "data" / outputs[stage]).exists()
    for project in (undisturbed, killed):
        done = project.stage(stage)
        assert done.returncode == 0, done.stderr
    assert killed.hashes() == undisturbed.hashes()
    rates = json.loads((killed.root / f"runs/stages/{stage}.rows.json").read_text())
    assert (rates["computed"], rates["reused"]) == (96 - len(finished), len(finished))
    assert set(stored_keys(killed.root, stage).values()) == {1}
    deadline = time.monotonic() + 10
    while not all(gone(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker outlived its killed parent"
        time.sleep(0.05)


def limit_files(size):
    """In a child process: files end at `size` bytes, the nearest to a full disk that needs no rights."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["ingest", "segment"])
@pytest.mark.parametrize("stored", [False, True], ids=["while-storing", "while-a-shard-is-written"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(stage, stored, new_project, say):
    project = new_project()
    project.params["records"]["shards"] = 1  # one large file, and so larger than any batch
    project.write_params(project.params)
    fill(project, say, count=40)
    if stage == "segment":
        assert project.stage("ingest").returncode == 0
    if stored:
        assert project.stage(stage).returncode == 0
    before = project.hashes()
    batches = sorted(path.stat().st_size for path in (project.root / "runs/rowstore").glob(f"{stage}-*/*.parquet"))
    limit = batches[-1] + 1000 if stored else 50_000
    done = project.stage(stage, preexec_fn=partial(limit_files, limit))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "the disk is full" in done.stderr and "run the same command again" in done.stderr
    assert project.hashes() == before
    assert not list(project.root.rglob("*.partial"))
    assert not (project.root / "runs/staging" / stage).exists()
    assert project.stage(stage).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
@pytest.mark.parametrize("full", ["runs/rowstore", "runs/staging"])
def test_a_disk_that_is_really_full(full, new_project, say):
    project = new_project()
    fill(project, say, count=40)
    disk = project.root / full
    disk.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount")
    try:
        done = project.stage("ingest")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "the disk is full" in done.stderr
        assert not (project.root / "data/recordings").exists()
        assert not list(disk.rglob("*.partial"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    ("section", "key", "value", "sentence"),
    [
        ("audio", "hop_length", 300, "hop_length 300 does not divide n_fft 1024"),
        ("segment", "padings_s", 0.1, "segment.padings_s: unknown key; did you mean 'padding_s'?"),
    ],
)
def test_a_wrong_parameter_is_one_sentence(section, key, value, sentence, project):
    project.params[section][key] = value
    project.write_params(project.params)
    done = project.stage("segment")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert sentence in done.stderr


def test_a_corpus_folder_that_is_not_there_is_one_sentence(project):
    project.params["corpora"][0]["source"]["path"] = "nowhere"
    project.write_params(project.params)
    done = project.stage("fetch")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "corpus tiny: the folder nowhere is not there" in done.stderr
    assert (project.corpus / "metadata.csv").exists()


def test_memory_does_not_grow_with_the_recordings_of_other_shards(project, say, monkeypatch):
    """While one shard is assembled, the audio of no other is in memory."""
    from tasks import ingest

    fill(project, say, count=40)
    held = []

    def write(rows, *arguments):
        held.append(len(rows))
        return whole(rows, *arguments)

    whole = ingest.table_of
    monkeypatch.setattr(ingest, "table_of", write)
    run_stage("ingest", project.root)
    assert len(held) == 4 and sum(held) == 40 and max(held) < 25
