"""Nothing that a run started outlives it, and one run at a time works in a workspace."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA

from flows._mending import keep_lock, mend
from flows._processes import RUN, end_marked, leash, marked
from flows._workspace import BusyError, holder, is_held, only_run, run_mark, stop_holder
from tests.servers import lives

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20

#: A child that begins another in a session of its own, as torchrun does, and waits with it.
FAMILY = """
    import pathlib, subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    pathlib.Path(sys.argv[1]).write_text(str(child.pid))
    time.sleep(60)
"""

HOLDER = """
    import pathlib, subprocess, sys, time
    from flows._workspace import only_run
    with only_run(pathlib.Path(sys.argv[1])):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
        pathlib.Path(sys.argv[2]).write_text(str(child.pid))
        time.sleep(60)
"""


def begin(script, *arguments):
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'model_src'}"}
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)], env=environment)


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def written(path):
    until(lambda: path.is_file() and path.read_text())
    return int(path.read_text())


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "workspace" / ".dvc").mkdir(parents=True)
    return tmp_path / "workspace"


def test_a_family_ends_with_the_body(tmp_path):
    with marked("a-family"):
        child = begin(FAMILY, tmp_path / "pid")
        grandchild = written(tmp_path / "pid")
    assert not lives(child.pid) and not lives(grandchild)
    assert RUN not in os.environ


def test_those_left_by_a_dead_parent_end_too(tmp_path):
    with marked("orphans"):
        child = begin(FAMILY, tmp_path / "pid")
        grandchild = written(tmp_path / "pid")
        child.kill()
        child.wait()
        assert lives(grandchild)
    assert not lives(grandchild)


def test_who_does_not_listen_is_killed(tmp_path):
    deaf = "import pathlib, signal, sys, time; signal.signal(15, signal.SIG_IGN)\n"
    deaf += "pathlib.Path(sys.argv[1]).write_text('1'); time.sleep(60)"
    environment = os.environ | {RUN: "deaf"}
    child = subprocess.Popen([sys.executable, "-c", deaf, str(tmp_path / "ready")], env=environment)
    written(tmp_path / "ready")
    assert [process.pid for process in end_marked("deaf", grace_s=0.3)] == [child.pid]
    assert child.wait() == -signal.SIGKILL


def test_others_are_left_alone():
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=os.environ | {RUN: "theirs"})
    try:
        with leash("ours"):
            pass
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_tidying_up_after_an_earlier_run_ends_nothing_of_a_later():
    with marked("workspace"):
        first = os.environ[RUN]
        with marked("workspace"):
            assert os.environ[RUN] == first
    with marked("workspace"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        assert not end_marked(first)
        assert child.poll() is None
        assert end_marked("workspace")


def test_when_the_run_is_killed_its_processes_end(workspace, tmp_path):
    run = begin(HOLDER, workspace, tmp_path / "pid")
    child = written(tmp_path / "pid")
    assert is_held(workspace)
    with pytest.raises(BusyError, match=f"process {run.pid}, since 20"), only_run(workspace):
        pass
    run.kill()
    run.wait()
    until(lambda: not lives(child))
    assert not is_held(workspace)


def test_what_a_dead_run_left_ends_before_the_next_begins(workspace):
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], env=os.environ | {RUN: run_mark(workspace)}
    )
    with only_run(workspace, name="the-run"):
        assert left.wait() == -signal.SIGTERM
        assert json.loads((workspace / ".dvc/tmp/voiceloom.json").read_text())["run"] == "the-run"
        assert f"process {os.getpid()}" in holder(workspace)
    assert not is_held(workspace)


def test_a_run_can_be_asked_to_end_by_its_name(workspace, tmp_path):
    assert not stop_holder(workspace, "")
    run = begin(HOLDER, workspace, tmp_path / "pid")
    child = written(tmp_path / "pid")
    assert not stop_holder(workspace, "another")
    assert stop_holder(workspace, "")
    assert run.wait() == -signal.SIGTERM
    until(lambda: not lives(child))


def test_a_run_by_hand_is_waited_for(workspace, tmp_path):
    run = begin(HOLDER, workspace, tmp_path / "pid")
    written(tmp_path / "pid")
    run.terminate()
    with only_run(workspace, wait_s=PATIENCE_S):
        run.wait()


def test_outside_of_a_project_nothing_is_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="not a DVC project"), only_run(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_half_a_dvc_lock_is_replaced_by_the_last_whole_one(workspace):
    (workspace / ".dvc" / "tmp").mkdir()
    lock = workspace / "dvc.lock"
    lock.write_text("schema: '2.0'\nstages:\n  a: {cmd: b}\n")
    keep_lock(workspace)
    whole = lock.read_text()
    for half in ("", "schema: '2.0'\nstages:\n  a: {cmd: [b", "schema: '2.0'\n"):
        lock.write_text(half)
        with only_run(workspace):
            assert lock.read_text() == whole
    lock.write_text(conflict := "<<<<<<< ours\n")
    with only_run(workspace):
        assert lock.read_text() == conflict
    lock.write_text(other := whole.replace("b", "c"))
    with only_run(workspace):
        assert lock.read_text() == other


def test_a_lock_cut_off_anywhere_can_be_read_again(workspace):
    (workspace / ".dvc" / "tmp").mkdir()
    lock = workspace / "dvc.lock"
    content = (Path(__file__).parents[2] / "dvc.lock").read_bytes()
    lock.write_bytes(content)
    keep_lock(workspace)
    for end in random.Random(0).sample(range(len(content)), 40):
        lock.write_bytes(content[:end])
        mend(workspace)
        left = lock.read_bytes()  # cut off after a whole line, it may simply know fewer stages
        assert left == content or (content[:end] == left and COMPILED_LOCKFILE_SCHEMA(yaml.safe_load(left))), end


@pytest.mark.parametrize(
    ("pid", "stays"), [(os.getpid(), True), (2**30, False), (None, False)], ids=["own", "dead", "cut"]
)
def test_dvcs_list_of_the_dead_is_forgotten(workspace, pid, stays):
    rwlock = workspace / ".dvc" / "tmp" / "rwlock"
    rwlock.parent.mkdir()
    entry = {"pid": pid, "cmd": "dvc repro"}
    rwlock.write_text(
        '{"write": {' if pid is None else json.dumps({"write": {"/out": entry}, "read": {"/in": [entry]}})
    )
    with only_run(workspace):
        assert rwlock.is_file() is stays


def test_a_number_that_another_process_has_since_is_no_holder(workspace):
    rwlock = workspace / ".dvc" / "tmp" / "rwlock"
    rwlock.parent.mkdir()
    rwlock.write_text(json.dumps({"write": {"/out": {"pid": os.getpid(), "cmd": "dvc repro"}}}))
    os.utime(rwlock, (1, 1))
    with only_run(workspace):
        assert not rwlock.is_file()
