r"""Audacity label tracks beside recordings: NAME.txt or NAME.labels.txt with lines `start<TAB>end<TAB>label`.

A label's second line `\<TAB>low<TAB>high` is the frequency range of a spectral selection. NAME.SPEAKER.labels.txt
is one track of several. Point labels (start = end) are an editor's markers and labels without text are nothing
that was said: both are passed over. `voiceloom.json` at the top (see `exported`) gives corrected labels back
their ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from tasks.ingest.readers.exported import ExportedRecording, read_exported, restore
from tasks.ingest.readers.labels import MOST_LABELS, BadLabel, bad_label, labelled, name_of, recordings, time_problem
from tasks.ingest.readers.lines import text_lines
from tasks.ingest.readers.places import GLANCE, find, has_media
from tasks.ingest.readers.source import Segment, Source
from tasks.rowstore import Failure

#: Some locales write a decimal comma; Audacity itself never groups thousands.
_NUMBER = re.compile(r"-?\d{1,15}(?:[.,]\d{1,15})?")
_LABELS = ".labels"
#: How many files `matches` opens, and how many lines may go by before a file is no label track.
_OPENED = 20
_TRIED = 20


@dataclass
class _Track:
    """What a label track holds so far; `name` is its speaker, where the file is named for one."""

    name: str = ""
    segments: list[Segment] = field(default_factory=list)
    bad: list[BadLabel] = field(default_factory=list)
    is_open: bool = False  # whether a spectral line may belong to the last segment
    is_labels: bool = False
    problem: Failure | None = None


def matches(folder: Path) -> bool:
    """Whether there are recordings, and a text file that begins like a label track."""
    texts = islice(find(folder, "*.txt", entries=GLANCE), _OPENED)
    return any(_looks_like_labels(path) for path in texts) and has_media(folder)


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield each recording with its labels, each label that makes no sense, then label tracks without recording."""
    exported = read_exported(folder)
    found = recordings(folder)
    tracks, orphans = _tracks(folder, {name for name, _ in found})
    for name, path in found:
        known = exported.get(name, ExportedRecording())
        source = Source(name, path, None, known.speaker, known.language)
        yield from _labelled(source, tracks.get(name, {}), known)
    for name in orphans:
        yield Source(name, None, None)


def _labelled(source: Source, files: dict[str, Path], known: ExportedRecording) -> Iterator[Source]:
    if not files:
        yield source
        return
    tracks = [_read_track(path, speaker) for speaker, path in sorted(files.items())]
    problem = next((track.problem for track in tracks if track.problem), None)
    segments = sorted((segment for track in tracks for segment in track.segments), key=lambda label: label.start_s)
    bad = [label for track in tracks for label in track.bad]
    yield from labelled(replace(source, problem=problem), restore(segments, known.segments), bad)


def _tracks(folder: Path, names: set[str]) -> tuple[dict[str, dict[str, Path]], list[str]]:
    """Label files by recording and speaker ("" = all of it), and the names of label tracks without recording."""
    tracks: dict[str, dict[str, Path]] = {}
    plain: dict[str, dict[str, Path]] = {}
    orphans = []
    for path in find(folder, "*.txt"):
        stem = name_of(folder, path)
        name, speaker = stem.removesuffix(_LABELS), ""
        if name != stem and name not in names and name.rpartition(".")[0] in names:
            name, _, speaker = name.rpartition(".")
        if name in names:
            (plain if name == stem else tracks).setdefault(name, {})[speaker] = path
        elif _looks_like_labels(path):
            orphans.append(name)
    return plain | tracks, orphans  # beside NAME.labels.txt, NAME.txt may be a transcript


def _looks_like_labels(path: Path) -> bool:
    fields = (str(line.text).split("\t") for line in islice(text_lines(path), _TRIED))
    return any(len(parts) > 2 and all(map(_NUMBER.fullmatch, parts[:2])) for parts in fields)


def _read_track(path: Path, speaker: str) -> _Track:
    track = _Track(speaker)
    for line in text_lines(path):
        if line.problem is not None:
            track.bad.append(bad_label(line.number, None, line.problem, speaker))
        elif line.text and not line.text.isspace():
            _add(track, line.number, line.text)
        if len(track.segments) + len(track.bad) > (MOST_LABELS if track.is_labels else _TRIED):
            break
    if track.bad and not track.is_labels:
        track.problem = Failure("bad_labels", f"{path.name} is no label track: none of its first lines has two times")
    return track


def _add(track: _Track, number: int, text: str) -> None:
    """Add one line to a track."""
    first, second, label = [*text.split("\t", 2), "", ""][:3]
    if first in ("\\", "\\\\"):
        _add_range(track, number, second, label)
        return
    track.is_open = False
    start_s, end_s = _number(first), _number(second)
    if start_s is None or end_s is None:
        if start_s is None or "\t" not in text:
            track.bad.append(bad_label(number, text, "it is no label `start<TAB>end<TAB>text`", track.name))
        return  # a time and a text: Audacity's oldest point labels
    track.is_labels = True
    problem = time_problem(start_s, end_s)
    said = " ".join(label.split())
    if problem is not None:
        track.bad.append(bad_label(number, said, problem, track.name))
    elif said and start_s < end_s:
        track.segments.append(Segment(start_s, end_s, said, speaker=track.name or None))
        track.is_open = True


def _add_range(track: _Track, number: int, low: str, high: str) -> None:
    """Give the last label its frequency range; a negative bound means that there is none."""
    low_hz, high_hz = _number(low), _number(high)
    if low_hz is None or high_hz is None:
        track.bad.append(bad_label(number, None, "it is no frequency range `\\<TAB>low<TAB>high`", track.name))
    elif track.is_open:
        bounds = {"low_hz": low_hz if low_hz >= 0 else None, "high_hz": high_hz if high_hz >= 0 else None}
        track.segments[-1] = replace(track.segments[-1], **bounds)
    track.is_open = False


def _number(field: str) -> float | None:
    field = field.strip()
    return float(field.replace(",", ".")) if _NUMBER.fullmatch(field) else None
