"""The recordings behind a voice, one row each: file, hash, speaker, licence, consent, and how long it was heard."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from tasks.records import HEARD, ORIGIN, SOURCES, read_table, write_table

RECORDINGS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        *ORIGIN,
        pa.field("source_path", pa.string(), nullable=False),
        pa.field("member", pa.int64()),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("held_out_s", pa.float64(), nullable=False),
    ]
)


def write_recordings(sources: Path, heard: Path, path: Path) -> None:
    """Join where recordings came from with what was heard of them; `seconds` is what was trained on."""
    found = {row["id"]: row for row in read_table(sources, schema=SOURCES).to_pylist()}
    rows = []
    for row in read_table(heard, schema=HEARD).to_pylist():
        name = row.pop("recording_id")
        if name not in found:
            raise ValueError(
                f"{heard} names the recording {name}, which {sources} does not: run the stage ingest again"
            )
        origin = {key: found[name][key] for key in ("source_path", "member", "sha256")}
        rows.append({"id": name, **origin, "seconds": row.pop("trained_s"), **row})
    write_table(pa.Table.from_pylist(rows, schema=RECORDINGS), path)


def read_recordings(path: Path) -> list[dict]:
    """The rows that were written, by id."""
    return read_table(path, schema=RECORDINGS).to_pylist()
