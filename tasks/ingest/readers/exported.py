"""voiceloom.json beside exported label tracks: what plain labels cannot say, so that corrected ones keep their ids.

{"recordings": {"NAME": {"speaker": "ann", "language": "en-US", "segments": [
    {"id": "00012345", "start_s": 12.345, "end_s": 15.1, "speaker": null, "text": "..."}]}}}
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from tasks.ingest.readers.lines import whole_text
from tasks.ingest.readers.places import inside
from tasks.ingest.readers.source import Segment
from tasks.rowstore import Failure

#: Labels are written with six decimals; a time that is still the same is taken from here to the last bit.
_ROUNDED_S = 1e-6
#: With how many segments a label is compared at most.
_CANDIDATES = 50


class ExportedSegment(BaseModel):
    """An utterance as it was exported; `id` is None when the whole recording was one utterance."""

    id: str | None = None
    start_s: float = Field(ge=0, allow_inf_nan=False)
    end_s: float = Field(ge=0, allow_inf_nan=False)
    speaker: str | None = None
    text: str | None = None


class ExportedRecording(BaseModel):
    """A recording as it was exported."""

    speaker: str | None = None
    language: str | None = None
    segments: list[ExportedSegment] = []


class Exported(BaseModel):
    """The whole file, recordings by name."""

    recordings: dict[str, ExportedRecording] = {}


def read_exported(folder: Path) -> dict[str, ExportedRecording]:
    """Read `folder`/voiceloom.json, or nothing where there is none; `ValueError` when it is damaged."""
    path = inside(folder, "voiceloom.json")
    if isinstance(path, Failure):
        return {}
    text = whole_text(path)
    if isinstance(text, Failure):
        raise ValueError(f"{path}: {text.message}")
    try:
        return Exported.model_validate(json.loads(text)).recordings
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid JSON ({error}); export again, or delete it to give up the ids") from None


def restore(labels: Sequence[Segment], exported: Sequence[ExportedSegment]) -> tuple[Segment, ...]:
    """Give labels the ids and speakers of the exported segments that they overlap most, each at most once.

    Where two overlap alike, nearer starts, then order decide. A label without a partner is new and keeps no id.
    """
    restored = list(labels)
    free = set(range(len(exported)))
    waiting = set(range(len(labels)))
    for _, _, label, segment in sorted(_pairs(labels, exported)):
        if label in waiting and segment in free:
            waiting.remove(label)
            free.remove(segment)
            restored[label] = _restored(labels[label], exported[segment])
    return tuple(restored)


def _pairs(labels: Sequence[Segment], exported: Sequence[ExportedSegment]) -> Iterator[tuple[float, float, int, int]]:
    """Every label and segment that overlap: (−overlap, distance of the starts, label, segment)."""
    order = sorted(range(len(exported)), key=lambda index: exported[index].start_s)
    starts = [exported[index].start_s for index in order]
    for number, label in enumerate(labels):
        after = bisect_left(starts, label.end_s)
        for index in order[max(0, after - _CANDIDATES) : after]:
            segment = exported[index]
            overlap = round(min(label.end_s, segment.end_s) - max(label.start_s, segment.start_s), 5)
            if overlap > 0:
                yield -overlap, round(abs(label.start_s - segment.start_s), 5), number, index


def _restored(label: Segment, segment: ExportedSegment) -> Segment:
    """The label with what the segment knows better; an empty id stands for the recording's own."""
    text = segment.text
    return replace(
        label,
        id=segment.id or "",
        speaker=segment.speaker or label.speaker,
        start_s=_exact(label.start_s, segment.start_s),
        end_s=_exact(label.end_s, segment.end_s),
        text=text if text and " ".join(text.split()) == label.text else label.text,
    )


def _exact(label_s: float, exported_s: float) -> float:
    return exported_s if abs(label_s - exported_s) <= _ROUNDED_S else label_s
