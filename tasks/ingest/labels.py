"""The labels of a recording: which of them may be used, before and after its length is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple

from tasks.ingest.names import safe_name
from tasks.ingest.readers.source import Segment
from tasks.rowstore import Failure

#: Labels are drawn by hand: one may end this much after the recording does.
_SLACK_S = 0.5


class Labels(NamedTuple):
    """Labels as rows of `records.SEGMENT`, and those that cannot be used, by id."""

    usable: list[dict]
    refused: list[tuple[str, Failure]]


def label_id(recording_id: str, label: Mapping) -> str:
    """The id of a label's utterance: by its own name, or by where it starts in milliseconds."""
    name = label["id"] or f"{max(0, round(1000 * label['start_s'])):08d}"
    return f"{recording_id}/{name}"


def agreed_labels(recording_id: str, segments: Sequence[Segment], speaker: str, consents: Mapping[str, str]) -> Labels:
    """The labels that make sense and whose speakers agreed; `consents` are consent ids by speaker.

    A label without a speaker is spoken by the recording's `speaker`.
    """
    found = Labels([], [])
    taken: set[str] = set()
    for segment in segments:
        label = {**asdict(segment), "id": segment.id and safe_name(segment.id)}
        who = segment.speaker or speaker
        label["consent_id"] = consents.get(who)
        failure = _failure(segment)
        if failure is None and label["id"] in taken:
            failure = Failure("duplicate_id", "an earlier label of this recording has the same id")
        if failure is None and label["consent_id"] is None:
            failure = no_consent(who)
        if failure is None:
            taken |= {label["id"]} - {None}
            found.usable.append(label)
        else:
            found.refused.append((label_id(recording_id, {**label, "start_s": _finite(segment.start_s)}), failure))
    return found


def labels_within(recording_id: str, labels: Sequence[dict], duration_s: float) -> Labels:
    """The labels that lie in a recording of `duration_s`, none reaching beyond its end."""
    found = Labels([], [])
    for label in labels:
        if label["start_s"] >= duration_s or label["end_s"] > duration_s + _SLACK_S:
            message = f"the label ends at {label['end_s']:.2f} s, the recording at {duration_s:.2f} s"
            found.refused.append((label_id(recording_id, label), Failure("bad_label", message)))
        else:
            found.usable.append({**label, "end_s": min(label["end_s"], duration_s)})
    return found


def no_consent(speaker: str) -> Failure:
    """Why a speaker's recording is not taken in."""
    return Failure("no_consent", f"data/consent.yaml has no consent of speaker {speaker!r} to the corpus's licence")


def _failure(segment: Segment) -> Failure | None:
    if not 0 <= segment.start_s < segment.end_s < math.inf:
        return Failure("bad_label", f"a label cannot go from {segment.start_s:g} s to {segment.end_s:g} s")
    if not segment.text.strip():
        return Failure("no_transcript", "the label has no text")
    return None


def _finite(time_s: float) -> float:
    return time_s if math.isfinite(time_s) else 0.0
