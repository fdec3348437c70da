import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.shards import Shard, ShardCache

SCHEMA = pa.schema([("id", pa.string()), ("value", pa.int64())])


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("VOICELOOM_STORE", str(tmp_path / "store"))


class Maker:
    """Makes a shard of some values, and counts how often it was asked to."""

    def __init__(self, *values):
        self.values, self.asked = values, 0

    def __call__(self):
        self.asked += 1
        rows = [{"id": str(value), "value": value} for value in self.values]
        return Shard(pa.Table.from_pylist(rows, schema=SCHEMA), {"sum": sum(self.values)})


def test_a_shard_made_of_the_same_parts_is_not_made_again(tmp_path):
    make = Maker(1, 2)
    first, second = tmp_path / "a.parquet", tmp_path / "out" / "b.parquet"
    assert ShardCache("step", 1, SCHEMA).write(first, ["x", 1], make) == {"sum": 3}
    assert ShardCache("step", 1, SCHEMA).write(second, ["x", 1], make) == {"sum": 3}
    assert make.asked == 1
    assert first.read_bytes() == second.read_bytes()
    assert pq.read_table(first)["value"].to_pylist() == [1, 2]


@pytest.mark.parametrize(
    "other",
    [("step", 2, SCHEMA, ["x"]), ("step", 1, pa.schema([("id", pa.string())]), ["x"]), ("step", 1, SCHEMA, ["y"])],
    ids=["version", "schema", "parts"],
)
def test_anything_else_is_made_anew(tmp_path, other):
    make = Maker(1)
    ShardCache("step", 1, SCHEMA).write(tmp_path / "a", ["x"], make)
    *made_by, parts = other
    ShardCache(*made_by).write(tmp_path / "b", parts, make)
    assert make.asked == 2


def test_a_shard_without_rows_is_no_file_but_has_its_summary(tmp_path):
    target = tmp_path / "a.parquet"
    for _ in range(2):
        assert ShardCache("step", 1, SCHEMA).write(target, [], Maker()) == {"sum": 0}
    assert not target.exists()


def test_what_is_changed_outside_does_not_change_what_is_kept(tmp_path):
    target = tmp_path / "a.parquet"
    ShardCache("step", 1, SCHEMA).write(target, [], Maker(1))
    kept = target.read_bytes()
    target.write_bytes(b"somebody was here")
    ShardCache("step", 1, SCHEMA).write(target, [], Maker(1))
    assert target.read_bytes() == kept


def test_a_shard_that_could_not_be_made_leaves_nothing(tmp_path):
    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ShardCache("step", 1, SCHEMA).write(tmp_path / "a", [], fail)
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_shards_no_run_has_used_for_a_week_are_swept(tmp_path):
    old, young = Maker(1), Maker(2)
    cache = ShardCache("step", 1, SCHEMA)
    cache.write(tmp_path / "a", ["old"], old)
    cache.write(tmp_path / "b", ["young"], young)
    for folder in (tmp_path / "store" / "shards-step").iterdir():
        if json.loads((folder / "summary.json").read_text()) == {"sum": 1}:
            os.utime(folder, (0, 0))
    again = ShardCache("step", 1, SCHEMA)
    again.write(tmp_path / "a", ["old"], old)
    again.write(tmp_path / "b", ["young"], young)
    assert (old.asked, young.asked) == (2, 1)
