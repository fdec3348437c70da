"""What the card adds up over the finished tables, shard by shard, from their cheap columns."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tasks.features.card.measures import MEASURES
from tasks.records import FEATURES, UTTERANCES, read_table, shard_paths

SOURCE = ("corpus", "speaker", "language", "licence", "consent_id")
#: How many of the utterances kept can be listened to.
KEPT = 6

_OF_FEATURES = ("id", *SOURCE, "split", "text", "phonemes")
_OF_UTTERANCES = ("id", *(measure.column for measure in MEASURES))


class Drawn(NamedTuple):
    """An utterance that is to be heard, and the row of the file of features that holds its audio."""

    id: str
    text: str
    path: Path
    row: int


@dataclass
class Sums:
    """All that the card says of the utterances kept; `phonemes` by language and split, `said` by speaker."""

    measures: dict[str, list[np.ndarray]] = field(default_factory=lambda: {one.column: [] for one in MEASURES})
    words: Counter = field(default_factory=Counter)
    utterances: Counter = field(default_factory=Counter)
    hours: defaultdict[tuple, float] = field(default_factory=lambda: defaultdict(float))
    phonemes: defaultdict[tuple[str, str], Counter] = field(default_factory=lambda: defaultdict(Counter))
    said: defaultdict[tuple[str, str], set] = field(default_factory=lambda: defaultdict(set))
    drawn: list[tuple[int, Drawn]] = field(default_factory=list)

    def values(self, column: str) -> np.ndarray:
        """Every value of a measure, in order of the shards; none where it was not measured."""
        return np.concatenate([np.zeros(0), *self.measures[column]])

    def kept(self) -> list[Drawn]:
        """The utterances that are to be heard, by id."""
        return sorted(drawn for _, drawn in self.drawn)

    def add(self, features: pa.Table, utterances: pa.Table, path: Path) -> None:
        """Add one shard of features, whose file is at `path`, and what was measured of its utterances."""
        for name, values in self.measures.items():
            values.append(utterances[name].drop_null().to_numpy().astype(np.float64))
        durations = utterances["duration_s"].to_pylist()
        for index, (row, duration) in enumerate(zip(features.to_pylist(), durations, strict=True)):
            self.words.update(row["text"].casefold().split())
            source = tuple(row[name] for name in SOURCE)
            self.utterances[source] += 1
            self.hours[source] += duration / 3600
            self.phonemes[row["language"], row["split"]].update(row["phonemes"])
            self.said[row["language"], row["speaker"]].update(row["phonemes"])
            self._draw(Drawn(row["id"], row["text"], path, index))

    def _draw(self, candidate: Drawn) -> None:
        """Keep those whose ids have the lowest hashes: another utterance more or less hardly changes the choice."""
        digest = hashlib.blake2b(candidate.id.encode(), digest_size=8).digest()
        heapq.heappush(self.drawn, (-int.from_bytes(digest, "big"), candidate))
        if len(self.drawn) > KEPT:
            heapq.heappop(self.drawn)


def add_up(features: Path, utterances: Path) -> Sums:
    """The sums of a table of features, with the scores of its utterances; both are sharded alike."""
    sums = Sums()
    for path in shard_paths(features):
        kept = _columns(path, FEATURES, _OF_FEATURES)
        measured = _columns(utterances / path.name, UTTERANCES, _OF_UTTERANCES)
        places = {name: index for index, name in enumerate(measured["id"].to_pylist())}
        sums.add(kept, measured.take([places[name] for name in kept["id"].to_pylist()]), path)
    return sums


def _columns(path: Path, schema: pa.Schema, names: tuple[str, ...]) -> pa.Table:
    return read_table(path, list(names), schema)


def attribution(sums: Sums) -> Iterator[dict]:
    """Who is to be named, and under which licence and consent, for how much speech."""
    for source in sorted(sums.utterances):
        named = dict(zip(SOURCE, source, strict=True))
        yield {**named, "utterances": sums.utterances[source], "hours": round(sums.hours[source], 6)}
