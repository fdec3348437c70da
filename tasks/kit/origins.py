"""What the utterances of a table are cut from: stretches of recordings, played so many times as fast.

A virtual speaker's recording is another one played faster or slower; a teacher's is a text that can be read again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.fetch.teacher import text_digest
from tasks.params import Corpus, TeacherSource
from tasks.records import RECORDINGS, read_shards

#: Stretches nearer to each other than this are one.
_GAP_S = 0.25


class Origin(NamedTuple):
    """The recording that something is cut from, and how many times as fast it is played."""

    recording: str
    speed: float


class Span(NamedTuple):
    """A stretch of a recording."""

    start_s: float
    end_s: float


class Spoken(NamedTuple):
    """What a teacher's recording says, and which voice says it."""

    voice: str
    text: str


def origin_of(recording: str, variants: Sequence[float], recordings: Iterable[str]) -> Origin:
    """Where a recording's sound comes from; itself, unless it is a virtual speaker's of one that is there too."""
    for factor in variants:
        name = recording.removesuffix(f"~{factor:g}")
        if name != recording and name in recordings:
            return Origin(name, factor)
    return Origin(recording, 1.0)


def variants_of(corpora: Sequence[Corpus]) -> dict[str, list[float]]:
    """The factors of each corpus's virtual speakers."""
    return {corpus.name: corpus.variants for corpus in corpora}


def spoken_recordings(recordings: Path, corpora: Sequence[Corpus]) -> dict[str, Spoken]:
    """The recordings that a teacher can say again, and what they say."""
    voices = {corpus.name: corpus.source.voice for corpus in corpora if isinstance(corpus.source, TeacherSource)}
    found = {}
    for table in read_shards(recordings, RECORDINGS, ["id", "corpus", "text"]) if voices else ():
        for name, corpus, text in zip(*(table[column].to_pylist() for column in table.column_names), strict=True):
            if corpus in voices and name.rpartition("/")[2] == text_digest(text).hex():
                found[name] = Spoken(voices[corpus], text)
    return found


def spans_of(cuts: Iterable[tuple[Origin, float, float]]) -> dict[str, list[Span]]:
    """The stretches of each recording that any of the cuts (origin, start and end in s as played) needs."""
    wanted: defaultdict[str, list[Span]] = defaultdict(list)
    for origin, start_s, end_s in cuts:
        wanted[origin.recording].append(Span(start_s * origin.speed, end_s * origin.speed))
    return {recording: _merged(sorted(spans)) for recording, spans in wanted.items()}


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged = [spans[0]]
    for span in spans[1:]:
        if span.start_s - merged[-1].end_s < _GAP_S:
            merged[-1] = Span(merged[-1].start_s, max(merged[-1].end_s, span.end_s))
        else:
            merged.append(span)
    return merged


def total_s(spans: Mapping[str, Sequence[Span]]) -> float:
    """How long they are together."""
    return sum(span.end_s - span.start_s for some in spans.values() for span in some)
