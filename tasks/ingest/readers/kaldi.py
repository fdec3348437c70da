"""Kaldi and ESPnet: folders with wav.scp, and text, utt2spk, segments, utt2lang beside it where there are any."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tasks.ingest.readers.labels import BadLabel, labelled, time_problem
from tasks.ingest.readers.language import language_tag, one_language
from tasks.ingest.readers.lines import broken, text_lines
from tasks.ingest.readers.places import GLANCE, find, inside, moved
from tasks.ingest.readers.source import Segment, Source
from tasks.rowstore import Failure

#: What Kaldi's own scripts split off a data folder.
_SPLIT = re.compile(r"split\d+(utt)?")
_ARCHIVE = re.compile(r".*:\d+(\[.*])?")
_NO_FILE = "segments names a recording that wav.scp does not"


class _Tables(NamedTuple):
    """What a data folder says of its utterances; None for a table that is not there."""

    text: dict[str, str] | None
    speakers: dict[str, str]
    languages: dict[str, str]
    segments: dict[str, list[tuple[str, str]]] | None


def matches(folder: Path) -> bool:
    """Whether there is a wav.scp."""
    return next(find(folder, "wav.scp", entries=GLANCE), None) is not None


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield the recordings of every data folder; of one that an earlier data folder has too, what is new of it.

    Data folders overlap (train and train_small) or share long recordings (train and test): the segments that only
    a later one has come under the recording's id with that folder before it.
    """
    given: dict[tuple[str, Path], set[str | None]] = {}
    for scp in find(folder, "wav.scp"):
        if any(_SPLIT.fullmatch(part) for part in scp.relative_to(folder).parts):
            continue
        here: list[tuple[tuple[str, Path], set[str | None]]] = []
        for source in _read_one(folder, scp):
            known = given.get((source.id, source.path)) if source.path else None
            if source.path:
                here.append(((source.id, source.path), {segment.id for segment in source.segments}))
            if known is None:
                yield source
            elif fresh := tuple(segment for segment in source.segments if segment.id not in known):
                where = scp.parent.relative_to(folder).as_posix()
                yield replace(source, id=f"{where}/{source.id}", segments=fresh)
        for name, segments in here:
            given.setdefault(name, set()).update(segments)


def _read_one(folder: Path, scp: Path) -> Iterator[Source]:
    problems: list[Source] = []
    tables = _tables(folder, scp.parent, problems.append)
    make = _whole if tables.segments is None else _labelled
    named: set[str] = set()
    for name, place in _pairs(folder, scp, problems.append):
        named.add(name)
        yield from make(name, _recording(folder, scp.parent, place), tables)
    expected = tables.text if tables.segments is None else tables.segments
    for name in sorted((expected or {}).keys() - named):
        yield from make(name, None, tables)
    yield from problems


def _tables(folder: Path, where: Path, report: Callable[[Source], object]) -> _Tables:
    segments: dict[str, list[tuple[str, str]]] = {}
    for name, rest in _table(folder, where / "segments", report) or ():
        recording = rest.split(maxsplit=1)[0] if rest else name
        segments.setdefault(recording, []).append((name, rest))
    has_segments = isinstance(inside(folder, str((where / "segments").relative_to(folder))), Path)
    text = _table(folder, where / "text", report)
    return _Tables(
        text=None if text is None else dict(text),
        speakers=dict(_table(folder, where / "utt2spk", report) or ()),
        languages=dict(_table(folder, where / "utt2lang", report) or ()),
        segments=segments if has_segments else None,
    )


def _table(folder: Path, path: Path, report: Callable[[Source], object]) -> Iterator[tuple[str, str]] | None:
    """A table's lines as name and rest; None when it is not there, or leads elsewhere."""
    found = inside(folder, str(path.relative_to(folder)))
    return _pairs(folder, found, report) if isinstance(found, Path) else None


def _pairs(folder: Path, path: Path, report: Callable[[Source], object]) -> Iterator[tuple[str, str]]:
    for line in text_lines(path):
        if line.text is None:
            report(broken(folder, path, line))
            continue
        name, *rest = line.text.split(maxsplit=1)[:2] or [""]
        if name:
            yield name, rest[0].strip() if rest else ""


def _recording(folder: Path, where: Path, place: str) -> Path | Failure:
    """The file of a wav.scp line. A command is never run."""
    if place.endswith("|") or place.startswith("|"):
        return Failure("pipe", f"wav.scp names a command, which is never run: {place[:200]}")
    if _ARCHIVE.fullmatch(place):
        return Failure("archive", f"wav.scp names a part of an archive, {place[:200]!r}; unpack it into single files")
    return moved(folder, place, where) if place else Failure("missing_file", "wav.scp names no file")


def _whole(name: str, found: Path | Failure | None, tables: _Tables) -> Iterator[Source]:
    tag = language_tag(tables.languages.get(name))
    yield Source(
        id=name,
        path=found if isinstance(found, Path) else None,
        text=(tables.text or {}).get(name) or None,
        speaker=tables.speakers.get(name) or None,
        language=tag if isinstance(tag, str) else None,
        text_kind="none" if tables.text is None else "transcript",
        problem=_first_failure(found, tag),
    )


def _labelled(name: str, found: Path | Failure | None, tables: _Tables) -> Iterator[Source]:
    """A recording with its segments, then those that make no sense; segments without text are left out."""
    lines = (tables.segments or {}).get(name, [])
    tag = one_language(tables.languages.get(utterance) for utterance, _ in lines)
    source = Source(
        id=name,
        path=found if isinstance(found, Path) else None,
        text=None,
        language=tag if isinstance(tag, str) else None,
        text_kind="none",
        problem=_first_failure(found, tag) or (Failure("missing_file", _NO_FILE) if found is None else None),
    )
    if tables.text is None:
        yield source
        return
    labels = [_label(utterance, rest, tables) for utterance, rest in lines]
    segments = [label for label in labels if isinstance(label, Segment) and label.text]
    yield from labelled(source, segments, [label for label in labels if isinstance(label, BadLabel)])


def _label(utterance: str, rest: str, tables: _Tables) -> Segment | BadLabel:
    """One line of `segments`: recording, start and end in seconds, and perhaps a channel."""
    text = (tables.text or {}).get(utterance, "")
    try:
        start_s, end_s = (float(field) for field in rest.split()[1:3])
    except ValueError:
        message = f"segments needs a recording, a start and an end in seconds, found {rest[:80]!r}"
        return BadLabel(utterance, text, Failure("bad_label", message))
    problem = time_problem(start_s, end_s)
    if problem:
        return BadLabel(utterance, text, Failure("bad_label", problem))
    return Segment(start_s, end_s, text, utterance, tables.speakers.get(utterance))


def _first_failure(*found: object) -> Failure | None:
    return next((failure for failure in found if isinstance(failure, Failure)), None)
