"""Subtitles beside audio or video: NAME.srt, .vtt, .ass or .ssa, also NAME.LANGUAGE.srt; one segment a cue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tasks.ingest.readers.cues import Cue, cues, spoken
from tasks.ingest.readers.labels import BadLabel, glance, labelled, name_of, recordings
from tasks.ingest.readers.language import language_tag
from tasks.ingest.readers.lines import whole_text
from tasks.ingest.readers.places import GLANCE, find
from tasks.ingest.readers.source import Segment, Source
from tasks.rowstore import Failure

#: Those that can name speakers first.
_SUFFIXES = (".ass", ".ssa", ".vtt", ".srt")
_BYTES = 16_000_000
#: What players put between name and suffix that is no language.
_REMARKS = ("sdh", "cc", "default", "full", "orig", "auto", "asr")
#: Subtitles of only what is spoken in another language than the film's.
_FORCED = ("forced", "foreign", "signs")


class _File(NamedTuple):
    """A subtitle file of a recording, and its language where its name has one."""

    path: Path
    language: str | None
    is_forced: bool


def matches(folder: Path) -> bool:
    """Whether a glance finds subtitles beside a recording."""
    names: set[str] = set()
    for path in find(folder, *(f"*{suffix}" for suffix in _SUFFIXES), entries=GLANCE):
        names = names or glance(folder)
        if _owner(name_of(folder, path), names):
            return True
    return False


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield each recording with its cues, each cue that makes no sense, then subtitles without recording."""
    found = recordings(folder)
    files, orphans = _files(folder, {name for name, _ in found})
    for name, path in found:
        source = Source(name, path, None)
        if not files[name]:
            yield source
            continue
        chosen = _chosen(files[name], language)
        if isinstance(chosen, Failure):
            yield from labelled(replace(source, problem=chosen), (), ())
        else:
            yield from _labelled(source, chosen, language)
    for name in orphans:
        yield Source(name, None, None)


def _files(folder: Path, names: set[str]) -> tuple[dict[str, list[_File]], list[str]]:
    """Subtitle files by recording, and the names of those that have none."""
    files: dict[str, list[_File]] = defaultdict(list)
    orphans = []
    for path in find(folder, *(f"*{suffix}" for suffix in _SUFFIXES)):
        stem = name_of(folder, path)
        owner = _owner(stem, names)
        if owner is None:
            orphans.append(stem)
            continue
        tags = [tag.lower() for tag in stem[len(owner) + 1 :].split(".") if tag]
        languages = [language_tag(tag) for tag in tags if tag not in (*_REMARKS, *_FORCED)]
        tag = next((tag for tag in languages if isinstance(tag, str)), None)
        files[owner].append(_File(path, tag, any(tag in _FORCED for tag in tags)))
    return files, orphans


def _owner(stem: str, names: set[str]) -> str | None:
    """The recording that `talk.en.sdh` belongs to: the longest name before a dot that is one."""
    while stem not in names:
        stem, dot, last = stem.rpartition(".")
        if not dot or "/" in last:
            return None
    return stem


def _chosen(files: list[_File], language: str) -> Path | Failure:
    """The file in the language that is spoken; translations are not what was said."""
    spoken_in = language.lower()
    code = spoken_in.partition("-")[0]
    nearest = {spoken_in: 0, code: 1, None: 2}  # None: the name says no language
    ranked = []
    for file in files:
        theirs = file.language and file.language.lower()
        if not file.is_forced and (theirs or code).partition("-")[0] == code:
            ranked.append(
                (nearest.get(theirs, 3), _SUFFIXES.index(file.path.suffix.lower()), file.path.name, file.path)
            )
    if ranked:
        return min(ranked)[-1]
    found = ", ".join(sorted(file.path.name for file in files))
    return Failure("no_transcript", f"none of its subtitles ({found}) is of what is spoken, in {language}")


def _labelled(source: Source, path: Path, language: str) -> Iterator[Source]:
    text = whole_text(path, _BYTES)
    found = list(cues(text, path.suffix.lower())) if isinstance(text, str) else []
    problem = text if isinstance(text, Failure) else None
    if not found and problem is None:
        problem = Failure("bad_labels", f"{path.name} holds no subtitles")
    segments: dict[Segment, None] = {}  # karaoke and shadows repeat a cue in layers
    for cue in found:
        if isinstance(cue, Cue) and cue.start_s < cue.end_s:
            words, speaker = spoken(cue, language)
            segments |= {Segment(cue.start_s, cue.end_s, words, speaker=speaker): None} if words else {}
    bad = [cue for cue in found if isinstance(cue, BadLabel)]
    in_order = sorted(segments, key=lambda segment: segment.start_s)
    yield from labelled(replace(source, problem=problem), in_order, bad)
