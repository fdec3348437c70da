"""Festvox voices (also CMU ARCTIC): etc/txt.done.data with lines `( ID "text" )`, and wav/ID.wav."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tasks.ingest.readers.lines import Line, broken, text_lines
from tasks.ingest.readers.places import GLANCE, find, inside
from tasks.ingest.readers.source import Source
from tasks.rowstore import Failure

_LINE = re.compile(r'\s*\(\s*([^\s()"]{1,200})\s+"((?:[^"\\]|\\.)*+)"\s*\)\s*')
_ESCAPE = re.compile(r"\\(.)")
#: Russian festvox texts mark the stressed vowel of a word that their own rules would stress wrongly: вол+ос.
_STRESS = re.compile(r"\+(?=[аеёиоуыэюя])", re.IGNORECASE)


def matches(folder: Path) -> bool:
    """Whether there is an etc/txt.done.data."""
    return next(_voices(folder, GLANCE), None) is not None


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield the lines of txt.done.data, then the recordings that no line names; of several voices, one by one."""
    voices = list(_voices(folder))
    if not voices:
        raise ValueError(f'{folder} holds no etc/txt.done.data with lines `( ID "text" )`')
    for voice in voices:
        prefix = f"{voice.relative_to(folder).as_posix()}/" if len(voices) > 1 and voice != folder else ""
        listing = voice / "etc" / "txt.done.data"
        named: set[Path] = set()
        for line in text_lines(listing):
            if line.text is None or line.text.strip():
                source = _source(folder, voice, prefix, line) or broken(folder, listing, _unreadable(line))
                named |= {source.path} if source.path else set()
                yield source
        for path in find(voice / "wav", "*.wav") if (voice / "wav").is_dir() else ():
            if path not in named:
                yield Source(f"{prefix}{path.stem}", path, None)


def _voices(folder: Path, entries: int | None = None) -> Iterator[Path]:
    """The folders in which a voice lies; packages put them deep down."""
    listings = find(folder, "txt.done.data", entries=entries)
    return (path.parent.parent for path in listings if path.parent.name == "etc" and path.parent != folder)


def _source(folder: Path, voice: Path, prefix: str, line: Line) -> Source | None:
    """The recording that a line names; None for a line that is none."""
    match = _LINE.fullmatch(line.text or "")
    if match is None:
        return None
    name = match[1]
    text = _STRESS.sub("", " ".join(_ESCAPE.sub(r"\1", match[2]).split()))
    place = inside(folder, f"{voice.relative_to(folder).as_posix()}/wav/{name}.wav")
    if isinstance(place, Failure):
        return Source(f"{prefix}{name}", None, text, problem=place)
    return Source(f"{prefix}{name}", place, text)


def _unreadable(line: Line) -> Line:
    """The line with what is wrong with it."""
    problem = Failure("bad_line", f'line {line.number} is not `( ID "text" )`')
    return line if line.problem else line._replace(text=None, problem=problem)
