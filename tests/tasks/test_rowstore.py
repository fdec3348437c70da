import errno
import os
import time

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.params import RecordsParams
from tasks.rowstore import Failure, Outcome, RowStore, row_key, writing

SCHEMA = pa.schema([("value", pa.int64()), ("flac", pa.binary())])


def rows(key, *values):
    return Outcome(key, [{"value": value, "flac": b"x" * value} for value in values])


@pytest.fixture
def store(tmp_path):
    return RowStore(tmp_path, "step-1", SCHEMA)


def test_what_was_put_is_there_for_another_reader(store, tmp_path):
    failed = Outcome("c", failure=Failure("silent", "no sound"))
    store.put([rows("a", 1, 2), rows("b"), failed])
    again = RowStore(tmp_path, "step-1", SCHEMA)
    assert again.missing(["d", "a", "c", "b", "d"]) == ["d"]
    assert again.get(["a", "b", "c", "d"]) == {"a": rows("a", 1, 2), "b": rows("b"), "c": failed}


def test_a_retryable_failure_is_tried_again_and_then_forgotten(store, tmp_path):
    store.put([Outcome("a", failure=Failure("unreadable", "try later", retryable=True))])
    store.put([Outcome("b", failure=Failure("silent", "for good"))])
    assert store.missing(["a", "b"]) == []
    assert store.missing(["a", "b"], retry=True) == ["a"]
    store.put([rows("a", 7)])
    for reader in (store, RowStore(tmp_path, "step-1", SCHEMA)):
        assert reader.missing(["a", "b"], retry=True) == []
        assert reader.get(["a"]) == {"a": rows("a", 7)}


def test_two_writers_do_not_disturb_each_other(store, tmp_path):
    other = RowStore(tmp_path, "step-1", SCHEMA)
    store.put([rows("a", 1)])
    other.put([rows("a", 1), rows("b", 2)])
    assert RowStore(tmp_path, "step-1", SCHEMA).get("ab") == {"a": rows("a", 1), "b": rows("b", 2)}


def test_another_schema_is_another_store(store, tmp_path):
    store.put([rows("a", 1)])
    assert RowStore(tmp_path, "step-1", pa.schema([("value", pa.int32())])).missing(["a"]) == ["a"]


def test_a_half_written_batch_is_not_read_and_an_old_one_is_swept(store, tmp_path):
    store.put([rows("a", 1)])
    young, old = store.folder / "young.partial", store.folder / "old.partial"
    young.write_bytes(b"PAR1")
    old.write_bytes(b"PAR1")
    long_ago = time.time() - 3 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    again = RowStore(tmp_path, "step-1", SCHEMA)
    assert again.get(["a"]) == {"a": rows("a", 1)}
    assert young.exists() and not old.exists()


def test_a_damaged_batch_is_named_with_its_cure(store, tmp_path):
    store.put([rows("a", 1)])
    (path,) = store.folder.glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=f"{path.name} is damaged; delete it"):
        RowStore(tmp_path, "step-1", SCHEMA)


def test_a_full_disk_is_one_sentence():
    full = pytest.raises(OSError, match="the disk is full: the table could not be written")
    with full, writing("the table"), open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x")
    with pytest.raises(PermissionError), writing("the table"):
        raise PermissionError(errno.EACCES, "no")


parts = st.lists(st.one_of(st.binary(), st.text(), st.integers(), st.floats(allow_nan=False)), max_size=4)


@given(parts, parts)
def test_keys_are_equal_only_for_equal_parts(one, other):
    same = [(type(part), repr(part)) for part in one] == [(type(part), repr(part)) for part in other]
    assert (row_key(*one) == row_key(*other)) == same


def test_a_key_knows_parameters_and_refuses_what_has_no_canonical_form():
    assert row_key(RecordsParams(shards=2)) == row_key(RecordsParams(shards=2))
    assert row_key(RecordsParams(shards=2)) != row_key(RecordsParams(shards=3))
    with pytest.raises(TypeError, match="not list"):
        row_key([1])
