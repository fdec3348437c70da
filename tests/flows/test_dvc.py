"""What is stale and one stage reproduced, with real DVC on a toy project."""

import logging
import pickle
import signal
import threading
import time

import pytest

from flows._dvc import StageError, _stage_error, reproduce, stage_order, stale_stages
from tests.servers import lives


def bring_up_to_date(project):
    for stage in stage_order(project.root):
        reproduce(project.root, stage)
    project.ran()


def test_everything_is_stale_at_first_in_the_order_of_dvc_yaml(project):
    assert stale_stages(project.root) == ["zeta", "beta", "alone", "alpha"]
    assert not project.is_clean()


def test_nothing_is_stale_after_all_stages_ran(project):
    bring_up_to_date(project)
    assert stale_stages(project.root) == []
    assert project.is_clean()


def test_what_depends_on_a_stale_stage_is_stale_too(project):
    bring_up_to_date(project)
    project.write("source", "Other text")
    assert stale_stages(project.root) == ["zeta", "beta", "alpha"]


def test_single_item_leaves_the_rest_alone(project):
    bring_up_to_date(project)
    project.write("source", "Other text")
    assert reproduce(project.root, "zeta")
    assert project.ran() == ["zeta"]


def test_a_stage_whose_inputs_came_out_the_same_does_not_run(project):
    bring_up_to_date(project)
    project.write("source", "TEXT")
    assert reproduce(project.root, "zeta")
    assert not reproduce(project.root, "beta")
    assert project.ran() == ["zeta"]


def test_the_run_cache_restores_what_ran_before(project):
    bring_up_to_date(project)
    for text in ("Other text", "Text"):
        project.write("source", text)
        assert reproduce(project.root, "zeta")
    assert project.ran() == ["zeta"]


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("wrong", 2, "zeta: the text is wrong"),
        ("crash", 3, "zeta: `python -m tasks.stage zeta` ended with status 3"),
        ("kill", 137, "zeta: `python -m tasks.stage zeta` ended with status 137"),
    ],
)
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])  # one replaces itself by the command, one may not
def test_a_failure_carries_status_and_sentence(project, monkeypatch, shell, text, code, sentence):
    monkeypatch.setenv("SHELL", shell)
    project.write("source", text)
    with pytest.raises(StageError) as caught:
        reproduce(project.root, "zeta")
    assert (caught.value.code, str(caught.value)) == (code, sentence)
    assert stale_stages(project.root)[0] == "zeta"


@pytest.mark.parametrize(
    ("trace", "transient"),
    [
        ("requests.exceptions.ConnectionError: HTTPConnectionPool\n\nValueError: MLflow at x", True),
        ("urllib.error.URLError: <urlopen error>\nOSError: cannot fetch", True),
        ("ConnectionResetError: [Errno 104]", True),
        ("ValueError: the ConnectionError of a sentence", False),
        ("FileNotFoundError: data/raw", False),
    ],
)
def test_a_lost_connection_is_told_from_a_mistake(tmp_path, trace, transient):
    (tmp_path / "runs" / "logs").mkdir(parents=True)
    (tmp_path / "runs" / "logs" / "zeta.txt").write_text(f"Traceback (most recent call last):\n{trace}\n")
    error = _stage_error(tmp_path, "zeta", RuntimeError("failed to run: x, exited with 2"))
    assert (error.code, error.transient) == (2, transient)


def test_an_error_survives_being_pickled():
    error = pickle.loads(pickle.dumps(StageError("zeta", 137, "killed", transient=True)))
    assert (error.stage, error.code, str(error), error.transient) == ("zeta", 137, "zeta: killed", True)


def test_an_interruption_ends_the_child(project):
    project.write("source", "slow")
    pid_file = project.root / "slow.pid"

    def interrupt_when_running():
        while not pid_file.is_file() or not pid_file.read_text():
            time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    def raise_timeout(*_):
        raise TimeoutError("too long")

    before = signal.signal(signal.SIGUSR1, raise_timeout)
    threading.Thread(target=interrupt_when_running, daemon=True).start()
    try:
        with pytest.raises(TimeoutError):
            reproduce(project.root, "zeta")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not lives(int(pid_file.read_text()))


def test_a_held_lock_is_waited_for(project, monkeypatch):
    from dvc.repo import Repo

    monkeypatch.setattr("dvc.lock.DEFAULT_TIMEOUT", 0.1)
    monkeypatch.setattr("flows._dvc.LOCK_WAITS_S", (0.2,) * 50)
    held = threading.Event()

    def hold():
        with Repo(str(project.root)) as repo, repo.lock:
            held.set()
            time.sleep(1)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    assert stale_stages(project.root) != []
    thread.join()


def test_a_lock_held_for_good_is_one_sentence(project, monkeypatch):
    from dvc.repo import Repo

    monkeypatch.setattr("dvc.lock.DEFAULT_TIMEOUT", 0.1)
    monkeypatch.setattr("flows._dvc.LOCK_WAITS_S", ())
    with Repo(str(project.root)) as repo, repo.lock, pytest.raises(ValueError, match="another DVC command"):
        stale_stages(project.root)


def test_dvc_has_no_log_handlers_of_its_own(project):
    stale_stages(project.root)
    assert not any(logging.getLogger(name).handlers for name in ("dvc", "dvc_objects", "dvc_data"))


def test_outside_of_a_project_is_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="not a DVC project"):
        stale_stages(tmp_path)
    with pytest.raises(FileNotFoundError, match="root folder"):
        stage_order(tmp_path)
