"""Take recordings in: data/raw, any layout and codec → data/recordings, one row a recording, mono, one rate.

What has no text, no consent or no sound goes to data/quarantine/ingest.parquet, by name and with the reason.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tasks.engine import Step, compute
from tasks.ingest import decode
from tasks.ingest.consent import load_consents
from tasks.ingest.entries import Entry, corpus_entries
from tasks.params import AudioParams, Corpus, IngestParams, RecordsParams
from tasks.quarantine import Quarantine
from tasks.records import RECORDINGS, shard_of, write_shard
from tasks.rowstore import RowStore, writing
from tasks.stage import Metrics, Stage

STAGE = Stage(
    deps={"raw": "data/raw", "consent": "data/consent.yaml"},
    outs={"recordings": "data/recordings", "quarantine": "data/quarantine/ingest.parquet"},
    params=("corpora", "ingest", "audio", "records"),
    code=("tasks/ingest", "tasks/audio.py", "tasks/shards.py"),
)


def run(
    *,
    raw: Path,
    consent: Path,
    recordings: Path,
    quarantine: Path,
    corpora: list[Corpus],
    ingest: IngestParams,
    audio: AudioParams,
    records: RecordsParams,
) -> Metrics:
    """Decode, level and store every recording; `ValueError` when all, or too many, cannot be used."""
    refused = Quarantine("ingest")
    consents = load_consents(consent)
    entries = [entry for corpus in corpora for entry in corpus_entries(corpus, raw, consents, refused)]
    shards = _by_shard(entries, records.shards)
    keys = {entry.id: decode.key(entry.path, ingest, audio) for shard in shards for entry in shard}
    step = Step(
        name="ingest",
        version=decode.VERSION,
        function=partial(decode.decode, ingest=ingest, rate_hz=audio.sample_rate_hz),
        schema=decode.SCHEMA,
    )
    store = step.store()
    compute(step, {keys[entry.id]: entry.path for shard in shards for entry in shard}, store)
    kept, seconds = 0, 0.0
    for number, shard in enumerate(shards):
        rows = _rows(shard, keys, store, refused)
        if rows:
            with writing(recordings / f"shard-{number:03d}.parquet"):
                write_shard(rows, recordings, number, RECORDINGS)
        kept += len(rows)
        seconds += sum(row["duration_s"] for row in rows)
    refused.close(quarantine, kept, ingest.max_error_rate)
    return {"recordings": kept, "minutes": round(seconds / 60, 3), **refused.metrics()}


def _by_shard(entries: list[Entry], shards: int) -> list[list[Entry]]:
    """Entries by shard, sorted: computed in this order, a shard's rows lie together in the row store too."""
    found: list[list[Entry]] = [[] for _ in range(shards)]
    for entry in sorted(entries, key=lambda entry: entry.id):
        found[shard_of(entry.id, shards)].append(entry)
    return found


def _rows(shard: list[Entry], keys: dict[str, str], store: RowStore, refused: Quarantine) -> list[dict]:
    """The rows of one shard, with their audio; failures go to the quarantine."""
    outcomes = store.get(keys[entry.id] for entry in shard)
    rows = []
    for entry in shard:
        key = keys[entry.id]
        failure = outcomes[key].failure
        if failure is not None:
            refused.add(entry.id, entry.row["source_path"], failure)
            continue
        made = dict(outcomes[key].rows[0])
        flac = {"bytes": made.pop("flac"), "path": f"{entry.id}.flac"}
        rows.append({**entry.row, **made, "content_key": key, "audio": flac})
    return rows
