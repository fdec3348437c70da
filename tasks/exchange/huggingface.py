"""A Hugging Face dataset: data/SPLIT-SHARD.parquet with an `Audio` column, and README.md with its splits and terms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tasks.exchange.rows import Chosen
from tasks.records import UTTERANCES

#: `id` is the name here, `utterance_id` the whole id in the project the rows come from.
SCHEMA = pa.schema(
    [pa.field("id", pa.string()), *(pa.field(f.name, f.type) for f in UTTERANCES if f.name != "id")]
).append(pa.field("utterance_id", pa.string()))
_TERMS = ("corpus", "speaker", "language", "licence", "consent_id")


def write(chosen: Chosen, folder: Path) -> None:
    """Write the Parquet files and the README."""
    (folder / "data").mkdir()
    schema = SCHEMA.with_metadata({"huggingface": json.dumps({"info": {"features": _features()}})})
    terms: set[tuple[str, ...]] = set()
    splits: set[str] = set()
    with ExitStack() as stack:
        writers: dict[Path, pq.ParquetWriter] = {}
        for path, rows in _by_file(chosen, folder / "data"):
            if path not in writers:
                writers[path] = stack.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
            writers[path].write_table(pa.Table.from_pylist(rows, schema=schema))
            terms |= {tuple(row[name] for name in _TERMS) for row in rows}
            splits |= {row["split"] for row in rows}
    (folder / "README.md").write_text(_readme(sorted(splits), sorted(terms)), encoding="utf-8")


def _by_file(chosen: Chosen, folder: Path) -> Iterator[tuple[Path, list[dict]]]:
    """Yield rows with the file that they belong to."""
    for shard, batch in chosen.batches():
        for split in sorted({row["split"] for row in batch}):
            rows = [_row(chosen.names[row["id"]], row) for row in batch if row["split"] == split]
            yield folder / f"{split}-{shard.removeprefix('shard-')}.parquet", rows


def _row(name: str, row: dict) -> dict:
    audio = {"bytes": row["audio"]["bytes"], "path": f"{name}.flac"}
    return {**row, "id": name, "utterance_id": row["id"], "audio": audio}


def _features() -> dict:
    """The columns as `datasets` calls them, so that the audio is decoded without being cast."""
    names = {"double": "float64", "float": "float32"}
    return {
        field.name: {"_type": "Audio"}
        if field.name == "audio"
        else {"_type": "Value", "dtype": names.get(str(field.type), str(field.type))}
        for field in SCHEMA
    }


def _readme(splits: list[str], terms: list[tuple[str, ...]]) -> str:
    files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in splits]
    head = {
        "configs": [{"config_name": "default", "data_files": files}],
        "language": sorted({language.partition("-")[0] for _, _, language, _, _ in terms}),
        "task_categories": ["text-to-speech"],
    }
    table = ["| " + " | ".join(row) + " |" for row in (_TERMS, ("---",) * len(_TERMS), *terms)]
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n\n" + "\n".join(table) + "\n"
