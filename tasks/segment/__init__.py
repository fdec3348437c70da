"""Cut recordings into utterances: data/recordings → data/utterances, 1–15 s of speech with what is said in it.

Measured, judged by the limits of `quality`, split into `train` and `test`. What is refused goes to
data/quarantine/segment.parquet, with the sound of a few for each reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tasks.params import QualityParams, RecordsParams, SegmentParams
from tasks.quarantine import Quarantine, excerpt
from tasks.records import SCORES, UTTERANCES, shard_of, table_of
from tasks.rowstore import RowStore
from tasks.segment.clips import Clip, ClipAudio, Cuts, Refusal
from tasks.segment.quality.duplicates import duplicates
from tasks.segment.quality.judge import judge
from tasks.segment.scores import Scored, scored
from tasks.segment.sources import CARRIED, read_sources
from tasks.segment.split import split_of
from tasks.shards import Shard, ShardCache
from tasks.stage import Metrics, Stage

#: Raise it when the same clips would give another table.
VERSION = 1
STAGE = Stage(
    deps={"recordings": "data/recordings"},
    outs={"utterances": "data/utterances", "quarantine": "data/quarantine/segment.parquet"},
    params=("segment", "quality", "records"),
    code=(
        "tasks/audio",
        "tasks/asr.py",
        "tasks/mos.py",
        "tasks/shards.py",
        "model_src/voiceloom_model/speaker.py",
        "model_src/voiceloom_model/speaker_weights.py",
        "model_src/voiceloom_model/text/normalise",
    ),
)


def run(
    *,
    recordings: Path,
    utterances: Path,
    quarantine: Path,
    segment: SegmentParams,
    quality: QualityParams,
    records: RecordsParams,
) -> Metrics:
    """Cut, measure and judge every recording; `ValueError` when all, or too much, cannot be used."""
    cuts = Cuts(read_sources(recordings), segment)
    pieces = list(cuts.pieces())
    clips = [piece for piece in pieces if isinstance(piece, Clip)]
    kept, dropped = _judged(scored(clips, cuts.store, quality), quality)
    refusals = [*(piece for piece in pieces if isinstance(piece, Refusal)), *dropped]
    rows = [(one, _row(one, segment)) for one in kept]
    totals = _write(rows, utterances, cuts.store, records.shards)
    refused = Quarantine("segment")
    _refuse(refused, refusals, cuts.store)
    refused.close(quarantine, len(kept), segment.max_error_rate)
    _check_split(totals, segment)
    return {
        "utterances": len(kept),
        "held_out": totals["test"],
        "minutes": round(totals["seconds"] / 60, 3),
        **refused.metrics(),
    }


def _judged(clips: Sequence[Scored], quality: QualityParams) -> tuple[list[Scored], list[Refusal]]:
    """The clips within the limits, each once, and why the others are out."""
    failures = {one.clip.id: judge(one.scores, quality) for one in clips}
    within = [one.clip for one in clips if failures[one.clip.id] is None]
    failures.update(duplicates(within) if quality.drop_duplicates else {})
    kept, refusals = [], []
    for one in clips:
        failure = failures[one.clip.id]
        if failure is None:
            kept.append(one)
        else:
            refusals.append(Refusal(one.clip.id, one.clip.source.row["source_path"], failure, one.clip))
    return kept, refusals


def _row(one: Scored, segment: SegmentParams) -> dict:
    """An utterance without its audio."""
    clip = one.clip
    consents = {label["speaker"]: label["consent_id"] for label in clip.source.row["segments"] if label["speaker"]}
    said = {"text": clip.text, "speaker": clip.speaker}
    said["consent_id"] = consents.get(clip.row["speaker"], clip.source.row["consent_id"])
    return {
        "id": clip.id,
        "recording_id": clip.source.row["id"],
        **{name: clip.source.row[name] for name in CARRIED},
        **said,
        "split": split_of(clip.text, segment.held_out_share, segment.held_out_min_words),
        "content_key": clip.key,
        **{name: clip.row[name] for name in ("audio_key", "start_s", "end_s", "duration_s", "sample_rate_hz")},
        **{field.name: one.scores[field.name] for field in SCORES},
    }


def _write(rows: Sequence[tuple[Scored, dict]], folder: Path, store: RowStore, shards: int) -> Counter:
    """Write the table; how many utterances each split has, and all seconds together."""
    cache = ShardCache("segment", VERSION, UTTERANCES)
    totals: Counter = Counter()
    members: list[list[tuple[Scored, dict]]] = [[] for _ in range(shards)]
    for one, row in rows:
        members[shard_of(row["id"], shards)].append((one, row))
        totals[row["split"]] += 1
        totals["seconds"] += row["duration_s"]
    for number, mine in enumerate(members):
        mine.sort(key=lambda member: member[1]["id"])
        target = folder / f"shard-{number:03d}.parquet"
        cache.write(target, [row for _, row in mine], partial(_shard, mine, store))
    return totals


def _shard(members: Sequence[tuple[Scored, dict]], store: RowStore) -> Shard:
    """One shard with its audio."""
    audio = ClipAudio(store, [one.clip for one, _ in members])
    rows = [{**row, "audio": {"bytes": audio[one.clip], "path": f"{row['id']}.flac"}} for one, row in members]
    return Shard(table_of(rows, UTTERANCES), {})


def _refuse(refused: Quarantine, refusals: Sequence[Refusal], store: RowStore) -> None:
    """Put refusals into the quarantine, a few of each reason with their sound."""
    clips: dict[str, Clip] = {}
    for refusal in refusals:
        refused.add(refusal.id, refusal.source_path, refusal.failure)
        if refusal.clip is not None:
            clips[refusal.id] = refusal.clip
    chosen = [clips[name] for name in refused.worth_hearing() if name in clips]
    audio = ClipAudio(store, chosen)
    for clip in chosen:
        refused.attach(clip.id, excerpt(audio[clip]))


def _check_split(totals: Counter, segment: SegmentParams) -> None:
    """Stop before training when there is nothing to learn from, or nothing to be judged by."""
    if not totals["train"] or (segment.held_out_share and not totals["test"]):
        raise ValueError(
            f"stage segment: {totals['train']} utterances to train on and {totals['test']} held out; change "
            f"segment.held_out_share ({segment.held_out_share}) or segment.held_out_min_words "
            f"({segment.held_out_min_words})"
        )
