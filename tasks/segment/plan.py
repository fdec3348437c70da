"""What a recording is to be cut into, before anything is cut."""

from __future__ import annotations

from typing import NamedTuple

from tasks.params import SegmentParams
from tasks.segment.activity import Span


class Plan(NamedTuple):
    """An utterance between two moments of a recording, or, with a reason, what cannot be one.

    None: the recording's own id, text and speaker.
    """

    start_s: float
    end_s: float
    id: str | None = None
    text: str | None = None
    speaker: str | None = None
    reason: str | None = None
    message: str | None = None


def name_of(start_s: float) -> str:
    """The name of an utterance in its recording, when its corpus has none: the millisecond at which it begins."""
    return f"{round(start_s * 1000):08d}"


def wrong_length(span: Span, segment: SegmentParams) -> tuple[str, str] | None:
    """Reason and message when a stretch is too short or too long for an utterance."""
    duration_s = span[1] - span[0]
    if duration_s < segment.min_duration_s:
        return "too_short", f"{duration_s:.2f} s of speech, below {segment.min_duration_s:g} s"
    if duration_s > segment.max_duration_s:
        return "too_long", f"{duration_s:.2f} s of speech, above {segment.max_duration_s:g} s"
    return None
