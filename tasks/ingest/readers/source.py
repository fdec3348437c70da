"""What a reader yields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.rowstore import Failure

TextKind = Literal["transcript", "book", "segments", "none"]


@dataclass(frozen=True)
class Segment:
    """A labelled stretch of a recording, in seconds; `id` names it within the recording where the corpus does.

    `low_hz` and `high_hz` are the frequency range of an Audacity spectral label.
    """

    start_s: float
    end_s: float
    text: str
    id: str | None = None
    speaker: str | None = None
    low_hz: float | None = None
    high_hz: float | None = None


@dataclass(frozen=True)
class Source:
    """One recording as its corpus declares it.

    `path` is None when the corpus names a recording that it does not hold; `member` is the row of a Parquet file
    at `path` whose audio column holds the recording. `text` is None when the corpus does not transcribe what it
    holds; `text_kind` says what the text is (see `tasks.records.RECORDINGS`). `speaker` and `language` are given
    only where the corpus says them for each recording. `problem` is what the reader itself found wrong with this
    one recording: it is quarantined so, the rest goes on.
    """

    id: str
    path: Path | None
    text: str | None
    speaker: str | None = None
    language: str | None = None
    text_kind: TextKind = "transcript"
    segments: tuple[Segment, ...] = ()
    member: int | None = None
    problem: Failure | None = None
