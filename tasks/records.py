"""The tables that pass between stages: schemas declared once, checked at every boundary, sharded by id.

Rows lie in `shard-NNN.parquet`: shard = hash(id) mod N, sorted by id, with fixed compression and row groups, so the
same rows give the same bytes and one changed row rewrites one file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 256

AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

#: Who speaks, and on what terms; on every row from the first stage to the model card.
ORIGIN = [
    pa.field("corpus", pa.string(), nullable=False),
    pa.field("speaker", pa.string(), nullable=False),
    pa.field("language", pa.string(), nullable=False),
    pa.field("licence", pa.string(), nullable=False),
    pa.field("consent_id", pa.string(), nullable=False),
]

#: A stretch of a recording that its corpus labels; `id` names the utterance within the recording.
SEGMENT = pa.struct(
    [
        pa.field("id", pa.string()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("speaker", pa.string()),
        pa.field("low_hz", pa.float64()),
        pa.field("high_hz", pa.float64()),
        pa.field("consent_id", pa.string()),
    ]
)

#: `text_kind` says what `text` is: the words of the whole recording (`transcript`), a text that it reads from and
#: may be longer (`book`), nothing (`segments`: each has its own; `none`: speech recognition is to write it).
RECORDINGS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        *ORIGIN,
        pa.field("source_path", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("text_kind", pa.string(), nullable=False),
        pa.field("segments", pa.list_(SEGMENT), nullable=False),
        pa.field("content_key", pa.string(), nullable=False),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("sample_rate_hz", pa.int32(), nullable=False),
        pa.field("loudness_lufs", pa.float32(), nullable=False),
        pa.field("clipped_share", pa.float32(), nullable=False),
        pa.field("audio", AUDIO, nullable=False),
    ]
)

#: What is measured of every utterance; what costs a network is null unless `quality` asks for it.
SCORES = [
    pa.field("loudness_lufs", pa.float32(), nullable=False),
    pa.field("clipped_share", pa.float32(), nullable=False),
    pa.field("snr_db", pa.float32(), nullable=False),
    pa.field("bandwidth_hz", pa.float32(), nullable=False),
    pa.field("letters_per_s", pa.float32(), nullable=False),
    pa.field("dnsmos", pa.float32()),
    pa.field("heard_text", pa.string()),
    pa.field("cer", pa.float32()),
    pa.field("language_probability", pa.float32()),
    pa.field("voice_similarity", pa.float32()),
]

#: `audio_key` is the hash of the audio's bytes, `content_key` that of what decided the cut.
UTTERANCES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("recording_id", pa.string(), nullable=False),
        *ORIGIN,
        pa.field("text", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("content_key", pa.string(), nullable=False),
        pa.field("audio_key", pa.string(), nullable=False),
        pa.field("start_s", pa.float64(), nullable=False),
        pa.field("end_s", pa.float64(), nullable=False),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("sample_rate_hz", pa.int32(), nullable=False),
        *SCORES,
        pa.field("audio", AUDIO, nullable=False),
    ]
)

#: Matrices are flat, row-major (bands × frames), with `n_frames` beside them; per-frame rows have n_frames values.
FEATURES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        *ORIGIN,
        pa.field("text", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("content_key", pa.string(), nullable=False),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("sample_rate_hz", pa.int32(), nullable=False),
        pa.field("phonemes", pa.string(), nullable=False),
        pa.field("phoneme_ids", pa.list_(pa.int16()), nullable=False),
        pa.field("stress_ids", pa.list_(pa.int8()), nullable=False),
        pa.field("n_frames", pa.int32(), nullable=False),
        pa.field("mel", pa.list_(pa.float16()), nullable=False),
        pa.field("f0_hz", pa.list_(pa.float16()), nullable=False),
        pa.field("energy_db", pa.list_(pa.float16()), nullable=False),
        pa.field("mfcc", pa.list_(pa.float16()), nullable=False),
        pa.field("speaker_embedding", pa.list_(pa.float32()), nullable=False),
        pa.field("audio", AUDIO, nullable=False),
    ]
)

#: Where a recording came from: its file under data/raw, the row in it where it is a table, and the file's hash.
SOURCES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source_path", pa.string(), nullable=False),
        pa.field("member", pa.int64()),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("duration_s", pa.float64(), nullable=False),
    ]
)

#: How much of a recording, and of a speaker in it, a voice is trained on and judged by.
HEARD = pa.schema(
    [
        pa.field("recording_id", pa.string(), nullable=False),
        *ORIGIN,
        pa.field("trained_s", pa.float64(), nullable=False),
        pa.field("held_out_s", pa.float64(), nullable=False),
    ]
)

QUARANTINE = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("message", pa.string(), nullable=False),
        pa.field("retryable", pa.bool_(), nullable=False),
        pa.field("audio", AUDIO),  # of a few for each reason, to listen to
    ]
)


def shard_of(row_id: str, shards: int) -> int:
    """The shard a row belongs to, from its id alone."""
    return int.from_bytes(hashlib.blake2b(row_id.encode(), digest_size=8).digest(), "big") % shards


def check_schema(found: pa.Schema, expected: pa.Schema, where: str) -> None:
    """Raise `ValueError` naming the first column that is not as declared."""
    for field in expected:
        index = found.get_field_index(field.name)
        if index < 0:
            raise ValueError(f"{where}: column {field.name!r} is missing; expected {field.type}")
        if found.field(index).type != field.type:
            raise ValueError(f"{where}: column {field.name!r} is {found.field(index).type}; expected {field.type}")
    extra = set(found.names) - set(expected.names)
    if extra:
        raise ValueError(f"{where}: unexpected column {sorted(extra)[0]!r}")


def write_table(table: pa.Table, path: Path) -> None:
    """Write one Parquet file the same way every time."""
    pq.write_table(
        table.replace_schema_metadata(None),
        path,
        compression="zstd",
        compression_level=3,
        row_group_size=ROW_GROUP,
        use_dictionary=False,
        write_statistics=False,
        store_schema=True,
    )


def write_shard(rows: list[dict], folder: Path, shard: int, schema: pa.Schema) -> Path:
    """Write one shard of a table; `rows` may come in any order."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"shard-{shard:03d}.parquet"
    write_table(table_of(rows, schema), path)
    return path


def table_of(rows: list[dict], schema: pa.Schema) -> pa.Table:
    """A shard as a table, by id; `rows` may come in any order."""
    ordered = sorted(rows, key=lambda row: row["id"])
    # A part at a time: one Arrow array holds at most 2 GiB of audio.
    parts = [pa.Table.from_pylist(ordered[at : at + ROW_GROUP], schema=schema) for at in range(0, len(rows), ROW_GROUP)]
    return pa.concat_tables(parts) if parts else schema.empty_table()


def shard_paths(folder: Path) -> list[Path]:
    """The files of a sharded table, in order; `FileNotFoundError` when there are none."""
    paths = sorted(folder.glob("shard-*.parquet"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no shard-*.parquet; run the stage that writes it")
    return paths


def read_table(path: Path, columns: Sequence[str] | None = None, schema: pa.Schema | None = None) -> pa.Table:
    """One file of a table, checked against `schema` where one is given."""
    with pq.ParquetFile(path) as file:  # pq.read_table takes half a second for what it imports
        if schema is not None:
            check_schema(file.schema_arrow, schema, str(path))
        return file.read(None if columns is None else list(columns))


def read_shards(folder: Path, schema: pa.Schema, columns: Iterable[str] | None = None) -> Iterator[pa.Table]:
    """Yield a sharded table file by file, checked against its schema."""
    names = list(columns) if columns is not None else None
    for path in shard_paths(folder):
        yield read_table(path, names, schema)


def read_rows(folder: Path, schema: pa.Schema, columns: Iterable[str] | None = None) -> Iterator[dict]:
    """Yield the rows of a sharded table, one file in memory at a time."""
    for table in read_shards(folder, schema, columns):
        yield from table.to_pylist()
