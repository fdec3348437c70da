"""The data card, `reports/data.json`: what a voice was made of, and whom to name for it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tasks.stage import Metrics
from voiceloom_model.text import SYMBOLS

DURATION_EDGES_S = (0, 1, 2, 3, 4, 5, 7.5, 10, 15, 30)
SNR_EDGES_DB = (-20, 0, 10, 20, 30, 40, 50, 60, 120)
RARE = 10  # a symbol heard less often than this is learned badly
SOURCE = ("corpus", "speaker", "language", "licence", "consent_id")


@dataclass
class CardSums:
    """What the card counts beyond the statistics, added up shard by shard."""

    durations: np.ndarray = field(default_factory=lambda: np.zeros(len(DURATION_EDGES_S) - 1, np.int64))
    snrs: np.ndarray = field(default_factory=lambda: np.zeros(len(SNR_EDGES_DB) - 1, np.int64))
    words: Counter = field(default_factory=Counter)
    utterances: Counter = field(default_factory=Counter)
    hours: defaultdict[tuple, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, kept: pa.Table) -> None:
        """Add the utterances of one shard that went into the table."""
        durations = kept["duration_s"].to_numpy()
        self.durations += _histogram(durations, DURATION_EDGES_S)
        self.snrs += _histogram(kept["snr_db"].to_numpy(), SNR_EDGES_DB)
        for text in kept["text"].to_pylist():
            self.words.update(text.casefold().split())
        sources = zip(*(kept[name].to_pylist() for name in SOURCE), strict=True)
        for source, duration in zip(sources, durations, strict=True):
            self.utterances[source] += 1
            self.hours[source] += float(duration) / 3600

    def attribution(self) -> list[dict]:
        """Who is to be named, and under which licence and consent, for how much speech."""
        return [
            {
                **dict(zip(SOURCE, source, strict=True)),
                "utterances": self.utterances[source],
                "hours": round(self.hours[source], 6),
            }
            for source in sorted(self.utterances)
        ]


def data_card(statistics: dict, sums: CardSums, dropped: Metrics) -> dict:
    """The card of a table with these statistics, sums and quarantine counts by reason."""
    phonemes = statistics["phonemes"]
    return {
        "attribution": sums.attribution(),
        "hours": statistics["hours"],
        "utterances": statistics["utterances"],
        "duration_s": _labelled(sums.durations, DURATION_EDGES_S),
        "snr_db": _labelled(sums.snrs, SNR_EDGES_DB),
        "words": {"total": sums.words.total(), "distinct": len(sums.words)},
        "phonemes": {
            "seen": len(phonemes),
            "symbols": len(SYMBOLS),
            "rare": {symbol: count for symbol, count in phonemes.items() if count < RARE},
            "counts": phonemes,
        },
        "unknown_symbols": statistics["unknown_symbols"],
        "front_ends": statistics["front_ends"],
        "dropped": dropped,
    }


def _histogram(values: np.ndarray, edges: tuple[float, ...]) -> np.ndarray:
    """Counts between the edges; what lies outside counts in the outermost bins."""
    return np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]


def _labelled(counts: np.ndarray, edges: tuple[float, ...]) -> list[dict]:
    return [
        {"from": low, "to": high, "utterances": int(count)}
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]
