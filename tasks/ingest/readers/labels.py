"""What the readers of labelled recordings share: recordings by name, and labels that make no sense."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tasks.ingest.readers.places import GLANCE, MEDIA, find, media
from tasks.ingest.readers.source import Segment, Source
from tasks.rowstore import Failure

#: A recording with more labels than this is no recording of speech.
MOST_LABELS = 100_000
#: No recording is longer: a label beyond it has a wrong unit or a slipped digit.
_LONGEST_S = 1000 * 3600.0


class BadLabel(NamedTuple):
    """A label that cannot be used: its name within the recording, its text as far as it could be read, and why."""

    name: str
    text: str | None
    problem: Failure


def bad_label(line: int, text: str | None, message: str | Failure, track: str = "") -> BadLabel:
    """A label that is wrong at a line of its file (of one `track`, where a recording has several).

    A message becomes reason `bad_label`; it goes on from "line N: ".
    """
    problem = Failure("bad_label", f"line {line}: {message}") if isinstance(message, str) else message
    return BadLabel(f"{track}-label-{line}" if track else f"label-{line}", text, problem)


def time_problem(start_s: float, end_s: float) -> str | None:
    """What is wrong with a label's times, or None; only the recording itself can tell whether they lie in it."""
    for time_s in (start_s, end_s):
        if not math.isfinite(time_s) or time_s > _LONGEST_S:
            return f"the label has a time of {time_s:.6g} s, which no recording reaches"
    if start_s < 0:
        return f"the label starts at {start_s:.2f} s, before the recording does"
    if end_s < start_s:
        return f"the label ends at {end_s:.2f} s, before it starts at {start_s:.2f} s"
    return None


def name_of(folder: Path, path: Path) -> str:
    """A file's path below the corpus without its last suffix: the id of the recording there."""
    return path.relative_to(folder).as_posix().removesuffix(path.suffix)


def recordings(folder: Path) -> list[tuple[str, Path]]:
    """The names and paths of all recordings, in order; two of one name (a.wav, a.mp3) are both there."""
    return [(name_of(folder, path), path) for path in media(folder)]


def glance(folder: Path) -> set[str]:
    """The names of the recordings that a bounded look finds."""
    patterns = [f"*{suffix}" for suffix in MEDIA]
    return {name_of(folder, path) for path in find(folder, *patterns, entries=GLANCE)}


def labelled(source: Source, segments: Sequence[Segment], bad: Sequence[BadLabel]) -> Iterator[Source]:
    """Yield a recording with the labels that can be used, then one source for each that cannot."""
    problem = source.problem
    if problem is None and len(segments) + len(bad) > MOST_LABELS:
        problem = Failure("too_many_labels", f"it has more than {MOST_LABELS} labels")
    if problem is None and not segments:
        problem = Failure("no_transcript", "no label of it has both a length and a text")
    if problem is None or problem.reason == "no_transcript":
        yield replace(source, text=None, text_kind="segments", segments=tuple(segments), problem=problem)
        for label in bad:
            yield Source(f"{source.id}/{label.name}", source.path, label.text, problem=label.problem)
    else:
        yield replace(source, text=None, text_kind="segments", problem=problem)
