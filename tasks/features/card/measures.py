"""The measures of an utterance that the card shows: their bins, and the reasons for which one is refused by them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Measure(NamedTuple):
    """A column of utterances, what it is called, the edges of its bins, and the reasons that its limits give."""

    column: str
    title: str
    unit: str
    edges: tuple[float, ...]
    reasons: tuple[str, ...]


MEASURES = (
    Measure("duration_s", "Duration", "s", (0, 1, 2, 3, 4, 5, 7.5, 10, 15, 30), ("too_short", "too_long")),
    Measure("snr_db", "Signal to noise", "dB", (-20, 0, 10, 20, 30, 40, 50, 60, 120), ("low_snr",)),
    Measure(
        "loudness_lufs",
        "Loudness",
        "LUFS",
        (-100, -50, -40, -35, -32, -30, -28, -26, -25, -24, -23, -22, -21, -20, -18, -16, 0),
        ("too_quiet", "silent"),
    ),
    Measure("clipped_share", "Clipped samples", "share", (0, 1e-5, 1e-4, 1e-3, 1e-2, 1), ("clipped",)),
    Measure(
        "bandwidth_hz",
        "Effective bandwidth",
        "Hz",
        (0, 1500, 2500, 3500, 4500, 5500, 6500, 7500, 8500, 10500, 12500, 16500, 20500, 24500),
        ("narrow_band",),
    ),
    Measure(
        "letters_per_s",
        "Speaking rate",
        "letters a second",
        (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 25, 30, 50),
        ("too_slow", "too_fast"),
    ),
    Measure(
        "dnsmos",
        "DNSMOS (P.835 overall)",
        "1 to 5",
        (1, 1.5, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 4, 5),
        ("low_mos",),
    ),
    Measure(
        "cer",
        "Letters heard otherwise",
        "share",
        (0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1),
        ("text_mismatch",),
    ),
    Measure(
        "language_probability",
        "Probability of the declared language",
        "0 to 1",
        (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1),
        ("wrong_language",),
    ),
    Measure(
        "voice_similarity",
        "Likeness of the voice to itself",
        "cosine",
        (-1, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 1),
        ("second_voice",),
    ),
)


def histogram(values: np.ndarray, edges: tuple[float, ...]) -> list[dict]:
    """Utterances between the edges; what lies outside counts in the outermost bins."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return [
        {"from": low, "to": high, "utterances": int(count)}
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]


def spread(values: np.ndarray) -> dict[str, float]:
    """Mean, median and the 5th and 95th percentile, and of how many."""
    low, median, high = np.percentile(values, (5, 50, 95))
    found = {"mean": np.mean(values), "median": median, "p5": low, "p95": high}
    return {"utterances": len(values), **{name: round(float(value), 6) for name, value in found.items()}}
