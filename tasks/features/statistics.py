"""`statistics.json`: what training needs to know of the table as a whole, summed shard by shard, in order.

A shard's sums are plain JSON (`Statistics.sums`), kept with the shard and added up (`Statistics.merge`).

Means and deviations are of the `train` split alone, so that nothing held out leaks into a model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tasks.stage import Metrics
from voiceloom_model.text import choice_for, front_end_identity, unknown_symbols

#: How many of a language's unknown words are named.
NAMED_OOV = 200
HOURS_BY = ("speaker", "language", "licence", "corpus", "split")

_PLAIN = ("rows", "frames", "phonemes", "unknown")
_NESTED = ("hours", "utterances", "oov")
_MOMENTS = ("embeddings", "log_f0")


@dataclass
class Moments:
    """Count, sum and sum of squares of vectors, in float64."""

    count: int = 0
    total: np.ndarray | float = 0.0
    squares: np.ndarray | float = 0.0

    def add(self, values: np.ndarray) -> None:
        """Add vectors (N, D)."""
        values = values.astype(np.float64)
        self.count += len(values)
        self.total = self.total + values.sum(axis=0)
        self.squares = self.squares + np.square(values).sum(axis=0)

    def merge(self, sums: dict) -> None:
        """Add what `sums` of another gave."""
        self.count += sums["count"]
        self.total = self.total + np.asarray(sums["total"])
        self.squares = self.squares + np.asarray(sums["squares"])

    def sums(self) -> dict:
        """Count and sums as JSON values; floats keep every bit."""
        return {
            "count": self.count,
            "total": np.asarray(self.total).tolist(),
            "squares": np.asarray(self.squares).tolist(),
        }

    @property
    def mean(self) -> np.ndarray:
        """The mean (D,)."""
        return np.asarray(self.total / max(self.count, 1))

    @property
    def deviation(self) -> np.ndarray:
        """The standard deviation (D,)."""
        return np.sqrt(np.maximum(self.squares / max(self.count, 1) - np.square(self.mean), 0.0))


@dataclass
class Statistics:
    """Sums over the features table; `report` turns them into the JSON."""

    n_mels: int
    hours: dict[str, Counter] = field(default_factory=lambda: {name: Counter() for name in HOURS_BY})
    utterances: dict[str, Counter] = field(default_factory=lambda: {name: Counter() for name in HOURS_BY})
    phonemes: Counter = field(default_factory=Counter)
    unknown: Counter = field(default_factory=Counter)
    oov: defaultdict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    rows: int = 0
    frames: int = 0
    mel: Moments = field(default_factory=Moments)
    embeddings: defaultdict[str, Moments] = field(default_factory=lambda: defaultdict(Moments))
    log_f0: defaultdict[str, Moments] = field(default_factory=lambda: defaultdict(Moments))

    def add(self, features: pa.Table, oov: Sequence[Sequence[str]]) -> None:
        """Add one shard; `oov` holds, row by row, the words that no lexicon knew."""
        durations = features["duration_s"].to_pylist()
        for name in HOURS_BY:
            for value, duration in zip(features[name].to_pylist(), durations, strict=True):
                self.hours[name][value] += duration / 3600
                self.utterances[name][value] += 1
        for phonemes in features["phonemes"].to_pylist():
            self.phonemes.update(phonemes)
            self.unknown.update(unknown_symbols(phonemes))
        for language, words in zip(features["language"].to_pylist(), oov, strict=True):
            self.oov[language].update(words)
        self.rows += len(features)
        self.frames += int(features["n_frames"].to_numpy().sum())
        training = [split == "train" for split in features["split"].to_pylist()]
        self._add_training(features.filter(pa.array(training, pa.bool_())))

    def _add_training(self, train: pa.Table) -> None:
        embeddings = train["speaker_embedding"].combine_chunks()
        for row, speaker in enumerate(train["speaker"].to_pylist()):
            bands = train["mel"][row].values.to_numpy(zero_copy_only=False).reshape(self.n_mels, -1)
            self.mel.add(bands.T)
            f0 = train["f0_hz"][row].values.to_numpy(zero_copy_only=False).astype(np.float64)
            self.log_f0[speaker].add(np.log(f0[f0 > 0])[:, None])
            self.embeddings[speaker].add(embeddings[row].values.to_numpy()[None])

    def sums(self) -> dict:
        """Everything added so far as JSON values."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            **{name: {key: dict(found) for key, found in getattr(self, name).items()} for name in _NESTED},
            "mel": self.mel.sums(),
            **{name: {key: found.sums() for key, found in getattr(self, name).items()} for name in _MOMENTS},
        }

    def merge(self, sums: dict) -> None:
        """Add what `sums` of another gave."""
        self.rows += sums["rows"]
        self.frames += sums["frames"]
        for name in ("phonemes", "unknown"):
            getattr(self, name).update(sums[name])
        for name in _NESTED:
            for key, found in sums[name].items():
                getattr(self, name)[key].update(found)
        self.mel.merge(sums["mel"])
        for name in _MOMENTS:
            for key, found in sums[name].items():
                getattr(self, name)[key].merge(found)

    def report(self, front_ends: Mapping[str, str]) -> dict:
        """The statistics as plain JSON values, keys sorted, numbers rounded to six decimals.

        `front_ends` are the choices of `features.front_ends`.
        """
        identities = {
            tag: front_end_identity(tag, choice_for(tag, front_ends)) for tag in sorted(self.hours["language"])
        }
        return {
            "frames": self.frames,
            "hours": {name: _rounded(counter) for name, counter in self.hours.items()},
            "utterances": {name: dict(sorted(counter.items())) for name, counter in self.utterances.items()},
            "mel": {"mean": _list(self.mel.mean), "std": _list(self.mel.deviation)},
            "speakers": {name: self._speaker(name) for name in sorted(self.embeddings)},
            "phonemes": dict(sorted(self.phonemes.items())),
            "oov": {language: dict(_most(words)) for language, words in sorted(self.oov.items())},
            "unknown_symbols": dict(sorted(self.unknown.items())),
            "front_ends": identities,
        }

    def metrics(self) -> Metrics:
        """The few figures of the stage's metrics file."""
        return {
            "utterances": self.rows,
            "hours": round(self.hours["split"].total(), 6),
            "frames": self.frames,
            "symbols": len(self.phonemes),
            "unknown_symbols": self.unknown.total(),
            "oov_words": sum(words.total() for words in self.oov.values()),
        }

    def _speaker(self, name: str) -> dict:
        """Mean d-vector (unit length) and the mean and deviation of ln F0 of one speaker."""
        mean, f0 = self.embeddings[name].mean, self.log_f0[name]
        return {
            "embedding": _list(mean / np.linalg.norm(mean)),
            "log_f0_mean": round(float(f0.mean[0]), 6),
            "log_f0_std": round(float(f0.deviation[0]), 6),
        }


def _most(words: Counter) -> list[tuple[str, int]]:
    """The words met most often, ties by the alphabet."""
    return sorted(words.items(), key=lambda item: (-item[1], item[0]))[:NAMED_OOV]


def _list(values: np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in values]


def _rounded(counter: Counter) -> dict[str, float]:
    return {name: round(value, 6) for name, value in sorted(counter.items())}
