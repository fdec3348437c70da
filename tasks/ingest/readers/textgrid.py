"""Praat TextGrids beside recordings, or in a folder of their own: NAME.TextGrid, long or short, UTF-8 or UTF-16.

Of its interval tiers the one with utterances is read, else the one with words, which are joined up to the next
pause. `SPEAKER - words` (Montreal Forced Aligner) and tiers that take turns name their speakers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tasks.ingest.readers.labels import BadLabel, bad_label, labelled, name_of, recordings, time_problem
from tasks.ingest.readers.lines import whole_text
from tasks.ingest.readers.places import GLANCE, find, has_media
from tasks.ingest.readers.praat import BrokenTextGrid, Interval, parse
from tasks.ingest.readers.source import Segment, Source
from tasks.ingest.readers.tiers import Voice, chosen_tiers, is_silence, join_words
from tasks.rowstore import Failure


def matches(folder: Path) -> bool:
    """Whether there are TextGrids, and recordings."""
    return next(find(folder, "*.TextGrid", entries=GLANCE), None) is not None and has_media(folder)


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield each recording with its utterances, each interval that makes no sense, then grids without recording."""
    found = recordings(folder)
    grids, orphans = _grids(folder, {name for name, _ in found})
    for name, path in found:
        if name in grids:
            yield from _labelled(Source(name, path, None), grids[name])
        else:
            yield Source(name, path, None)
    for name in orphans:
        yield Source(name, None, None)


def _grids(folder: Path, names: set[str]) -> tuple[dict[str, Path], list[str]]:
    """TextGrids by recording: the one beside it, else the only one of its file name; and names left over."""
    grids = {name_of(folder, path): path for path in find(folder, "*.TextGrid")}
    alone = _by_last_part(names - grids.keys())
    elsewhere = _by_last_part(grids.keys() - names)
    moved = {name: alone[last] for last, name in elsewhere.items() if last in alone}
    paired = {moved.get(name, name): path for name, path in grids.items() if name in names or name in moved}
    return paired, sorted(grids.keys() - names - moved.keys())


def _by_last_part(names: set[str]) -> dict[str, str]:
    """Names by the file they end in, where no two end alike."""
    count = Counter(name.rpartition("/")[2] for name in names)
    return {name.rpartition("/")[2]: name for name in names if count[name.rpartition("/")[2]] == 1}


def _labelled(source: Source, path: Path) -> Iterator[Source]:
    text = whole_text(path)
    segments: list[Segment] = []
    bad: list[BadLabel] = []
    problem = text if isinstance(text, Failure) else None
    try:
        for voice in chosen_tiers(parse(text)) if isinstance(text, str) else ():
            for interval in _utterances(voice, bad):
                segments.append(Segment(interval.start_s, interval.end_s, interval.text, speaker=voice.speaker))
    except BrokenTextGrid as error:
        problem = Failure("bad_labels", f"{path.name}: {error}")
    segments.sort(key=lambda segment: segment.start_s)
    yield from labelled(replace(source, problem=problem), segments, bad)


def _utterances(voice: Voice, bad: list[BadLabel]) -> Iterator[Interval]:
    """The intervals of a tier in which something is said; those that make no sense are added to `bad`."""
    spoken = []
    for interval in voice.tier.intervals:
        said = " ".join(interval.text.split())
        if is_silence(said):
            continue
        problem = time_problem(interval.start_s, interval.end_s)
        if problem is not None:
            bad.append(bad_label(interval.line, said, problem))
        elif interval.start_s < interval.end_s:
            spoken.append(interval._replace(text=said))
    yield from join_words(spoken) if voice.is_words else spoken
