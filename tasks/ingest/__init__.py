"""Take recordings in: data/raw, any layout and codec → data/recordings, one row a recording, mono, one rate.

What has no text, no consent or no sound goes to data/quarantine/ingest.parquet, by name and with the reason. Which
file each recording came from is in reports/sources.parquet.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tasks.engine import Step, compute
from tasks.ingest import decode
from tasks.ingest.consent import load_consents
from tasks.ingest.decode import Keys
from tasks.ingest.entries import Entry, corpus_entries
from tasks.ingest.labels import labels_within
from tasks.ingest.sources import Sources
from tasks.params import AudioParams, Corpus, IngestParams, RecordsParams
from tasks.quarantine import Quarantine
from tasks.records import RECORDINGS, shard_of, table_of
from tasks.rowstore import Failure, Outcome, Rejected, RowStore
from tasks.shards import Shard, ShardCache
from tasks.stage import Metrics, Stage

#: Raise it when the same rows would give another table.
VERSION = 1

STAGE = Stage(
    deps={"raw": "data/raw", "consent": "data/consent.yaml"},
    outs={
        "recordings": "data/recordings",
        "quarantine": "data/quarantine/ingest.parquet",
        "sources": "reports/sources.parquet",
    },
    params=("corpora", "ingest", "audio", "records"),
    code=("tasks/ingest", "tasks/audio", "tasks/shards.py"),
)


def run(  # noqa: PLR0913
    *,
    raw: Path,
    consent: Path,
    recordings: Path,
    quarantine: Path,
    sources: Path,
    corpora: list[Corpus],
    ingest: IngestParams,
    audio: AudioParams,
    records: RecordsParams,
) -> Metrics:
    """Decode, level and store every recording; `ValueError` when all, or too many, cannot be used."""
    refused = Quarantine("ingest")
    consents = load_consents(consent)
    entries = [entry for corpus in corpora for entry in corpus_entries(corpus, raw, consents, refused)]
    keys = _keys(entries, ingest, audio, refused)
    shards = _by_shard([entry for entry in entries if entry.id in keys], records.shards)
    step = Step(
        name="ingest",
        version=decode.VERSION,
        function=partial(decode.decode, ingest=ingest, rate_hz=audio.sample_rate_hz),
        schema=decode.SCHEMA,
        cost=decode.cost,
    )
    store = step.store()
    compute(step, {keys[entry.id].row: entry.place for shard in shards for entry in shard}, store)
    cache, origins = ShardCache("ingest", VERSION, RECORDINGS), Sources()
    kept = labels = 0
    seconds = 0.0
    for number, shard in enumerate(shards):
        rows = _rows(shard, keys, store, refused)
        cache.write(recordings / f"shard-{number:03d}.parquet", rows, partial(_shard, rows, keys, store))
        origins.add(shard, rows)
        kept += len(rows)
        labels += sum(len(row["segments"]) for row in rows)
        seconds += sum(row["duration_s"] for row in rows)
    origins.write(sources)
    refused.close(quarantine, kept and kept + labels, ingest.max_error_rate)
    return {"recordings": kept, "minutes": round(seconds / 60, 3), **refused.metrics()}


def _keys(entries: list[Entry], ingest: IngestParams, audio: AudioParams, refused: Quarantine) -> dict[str, Keys]:
    """The keys of what can be read now, by id."""
    found = {}
    for entry in entries:
        try:
            found[entry.id] = decode.keys(entry.place, ingest, audio)
        except Rejected as rejected:
            refused.add(entry.id, entry.row["source_path"], rejected.failure)
    return found


def _by_shard(entries: list[Entry], shards: int) -> list[list[Entry]]:
    """Entries by shard, sorted: computed in this order, a shard's rows lie together in the row store too."""
    found: list[list[Entry]] = [[] for _ in range(shards)]
    for entry in sorted(entries, key=lambda entry: entry.id):
        found[shard_of(entry.id, shards)].append(entry)
    return found


def _rows(shard: list[Entry], keys: Mapping[str, Keys], store: RowStore, refused: Quarantine) -> list[dict]:
    """The rows of one shard without their audio; failures go to the quarantine."""
    outcomes = store.get(
        (keys[entry.id].row for entry in shard), [name for name in decode.SCHEMA.names if name != "flac"]
    )
    rows = []
    for entry in shard:
        row, failures = _row(entry, keys[entry.id].content, outcomes[keys[entry.id].row])
        for refused_id, failure in failures:
            refused.add(refused_id, entry.row["source_path"], failure)
        if row is not None:
            rows.append(row)
    return rows


def _shard(rows: list[dict], keys: Mapping[str, Keys], store: RowStore) -> Shard:
    """One shard with its audio."""
    outcomes = store.get((keys[row["id"]].row for row in rows), ["flac"])
    sounds = (outcomes[keys[row["id"]].row].rows[0]["flac"] for row in rows)
    with_audio = [
        {**row, "audio": {"bytes": flac, "path": f"{row['id']}.flac"}} for row, flac in zip(rows, sounds, strict=True)
    ]
    return Shard(table_of(with_audio, RECORDINGS), {})


def _row(entry: Entry, content_key: str, outcome: Outcome) -> tuple[dict | None, list[tuple[str, Failure]]]:
    """A recording's row but for its audio, None when it is refused; and what is refused of it, by id."""
    if outcome.failure is not None:
        return None, [(entry.id, outcome.failure)]
    made = outcome.rows[0]
    labels = labels_within(entry.id, entry.row["segments"], made["duration_s"])
    if entry.row["segments"] and not labels.usable:
        nothing = Failure("no_transcript", "no label of the recording lies within it")
        return None, [*labels.refused, (entry.id, nothing)]
    return {**entry.row, "segments": labels.usable, **made, "content_key": content_key}, labels.refused
