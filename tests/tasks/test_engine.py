import json
import os
import signal
from pathlib import Path

import pyarrow as pa
import pytest

from tasks import engine
from tasks.engine import Counts, Step, compute, map_batches, worker_count
from tasks.rowstore import Failure, Outcome, Rejected

SCHEMA = pa.schema([("value", pa.int64())])


def double(number):
    if number < 0:
        raise Rejected("negative", f"{number} is below zero")
    return [{"value": 2 * number}]


def where(batch):
    return os.getpid(), os.environ["OMP_NUM_THREADS"], len(batch)


def die(batch):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOICELOOM_WORKERS", "0")


def test_compute_does_only_what_is_missing_and_keeps_failures_as_rows():
    step = Step("double", 1, double, SCHEMA, batch_size=2)
    assert compute(step, {"a": 1, "b": -2, "c": 3}, step.store()) == Counts(computed=3, reused=0)
    assert compute(step, {"a": 1, "b": -2, "d": 4}, step.store()) == Counts(computed=1, reused=2)
    stored = step.store().get("abd")
    assert stored["b"] == Outcome("b", failure=Failure("negative", "-2 is below zero"))
    assert stored["d"].rows == [{"value": 8}]
    written = json.loads(Path("runs/stages/double.rows.json").read_text())
    assert (written["computed"], written["reused"]) == (1, 2)


def test_another_version_computes_anew():
    compute(Step("double", 1, double, SCHEMA), {"a": 1}, Step("double", 1, double, SCHEMA).store())
    assert Step("double", 2, double, SCHEMA).store().missing("a") == ["a"]


def test_rows_of_finished_batches_outlive_a_crash():
    def fail_at_three(number):
        if number == 3:
            raise ZeroDivisionError
        return [{"value": number}]

    step = Step("fragile", 1, fail_at_three, SCHEMA, batch_size=1)
    with pytest.raises(ZeroDivisionError):
        compute(step, {str(number): number for number in range(1, 5)}, step.store())
    assert step.store().missing("1234") == ["3", "4"]


def test_payloads_of_stored_rows_are_not_looked_up():
    step = Step("double", 1, double, SCHEMA)
    compute(step, {"a": 1}, step.store())

    class Lazy(dict):
        def __getitem__(self, key):
            assert key != "a"
            return 5

    assert compute(step, Lazy(a=None, b=None), step.store()).computed == 1


def test_workers_are_other_processes_with_one_thread():
    found = list(map_batches(where, [[1], [1, 2], [1, 2, 3]], workers=2))
    assert sorted(size for _, _, size in found) == [1, 2, 3]
    assert all(pid != os.getpid() and threads == "1" for pid, threads, _ in found)


def test_a_killed_worker_is_one_sentence():
    with pytest.raises(ChildProcessError, match="VOICELOOM_WORKERS lower"):
        list(map_batches(die, [[1]], workers=1))


def test_only_two_batches_a_worker_are_read_ahead(monkeypatch):
    taken = []
    monkeypatch.setattr(engine, "ProcessPoolExecutor", Immediate)
    results = map_batches(len, (taken.append(n) or [n] for n in range(100)), workers=1)
    next(results)
    assert len(taken) <= 4
    assert len(list(results)) == 99


class Immediate:
    """An executor without processes."""

    def __init__(self, *arguments, **options):
        pass

    def submit(self, function, *arguments):
        future = engine.Future()
        future.set_result(function(*arguments))
        return future

    def shutdown(self, **options):
        pass


def test_the_number_of_workers_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("VOICELOOM_WORKERS", "3")
    assert worker_count() == 3
    monkeypatch.delenv("VOICELOOM_WORKERS")
    assert worker_count() >= 1
    monkeypatch.setenv("VOICELOOM_WORKERS", "many")
    with pytest.raises(ValueError, match="'many'"):
        worker_count()


def test_the_same_rows_on_a_dask_cluster(monkeypatch):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, processes=False, protocol="tcp://", dashboard_address=None) as cluster:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)
        step = Step("double", 1, double, SCHEMA, batch_size=2)
        assert compute(step, {str(n): n for n in range(5)}, step.store()).computed == 5
    assert step.store().get("4")["4"].rows == [{"value": 8}]


def doubled(numbers):
    return [Failure("odd", "cannot be halved") if number % 2 else [{"value": 2 * number}] for number in numbers]


def test_a_step_may_work_on_many_payloads_together():
    step = Step("together", 1, doubled, SCHEMA, batch_size=4, together=True)
    assert compute(step, {str(n): n for n in range(6)}, step.store()).computed == 6
    outcomes = step.store().get(["2", "3"])
    assert outcomes["2"].rows == [{"value": 4}] and outcomes["3"].failure.reason == "odd"
