"""What a reader yields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """One recording as its corpus declares it.

    `path` is None when the corpus names a recording that it does not hold, `text` when it holds one that it
    does not transcribe; `speaker` is given only where the corpus has several.
    """

    id: str
    path: Path | None
    text: str | None
    speaker: str | None = None
