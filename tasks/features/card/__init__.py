"""The data card: what a voice was made of, whom to name for it, what was dropped and why.

Reads the finished tables and quarantines; makes `reports/data.json`, the page `reports/data.html` and, for
`dvc plots`, `reports/data_plots.json`. The same tables give the same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tasks.features.card.measures import MEASURES, histogram, spread
from tasks.features.card.page import render
from tasks.features.card.sounds import kept_sounds, refused_sounds
from tasks.features.card.sums import Sums, add_up, attribution
from tasks.records import read_table
from tasks.rowstore import writing
from voiceloom_model.text import SYMBOLS

__all__ = ["data_card", "write_card"]

RARE = 10  # a symbol heard less often than this is learned badly
_MARKS = frozenset(" ˈˌ.,!?;:…'-¡¿")  # what separates and stresses symbols is no sound


def write_card(
    features: Path,
    utterances: Path,
    quarantines: Sequence[Path],
    statistics: Mapping,
    card_json: Path,
    card_html: Path,
    distributions: Path,
) -> None:
    """Write the card of a finished table, its page and its distributions.

    `quarantines` are the tables of what the stages up to here refused, `statistics` is the table's own report.
    """
    sums = add_up(features, utterances)
    card = data_card(statistics, sums, _dropped(quarantines))
    kept = list(kept_sounds(sums.kept()))
    refused = refused_sounds(quarantines, sum(len(one["sound"]) for one in kept))
    _write(card_json, _json(card))
    _write(distributions, _json(list(_bins(card))))
    _write(card_html, render(card, kept, refused))


def data_card(statistics: Mapping, sums: Sums, dropped: Mapping) -> dict:
    """The card as JSON values: counts by stage and reason are in `dropped`."""
    measured = [measure for measure in MEASURES if len(sums.values(measure.column))]
    return {
        "attribution": list(attribution(sums)),
        "hours": statistics["hours"],
        "utterances": statistics["utterances"],
        **{measure.column: histogram(sums.values(measure.column), measure.edges) for measure in measured},
        "measures": {measure.column: spread(sums.values(measure.column)) for measure in measured},
        "words": {"total": sums.words.total(), "distinct": len(sums.words)},
        "phonemes": _phonemes(statistics["phonemes"], sums),
        "unknown_symbols": statistics["unknown_symbols"],
        "oov": statistics.get("oov", {}),
        "front_ends": statistics["front_ends"],
        "dropped": dropped,
    }


def _phonemes(counts: Mapping[str, int], sums: Sums) -> dict:
    """What is heard how often; of a language, what is rare, only held out, or never said by one of its speakers."""
    return {
        "seen": len(counts),
        "symbols": len(SYMBOLS),
        "rare": {symbol: count for symbol, count in counts.items() if count < RARE},
        "counts": counts,
        "languages": {language: _coverage(language, sums) for language in sorted({key for key, _ in sums.phonemes})},
    }


def _coverage(language: str, sums: Sums) -> dict:
    """The inventory of a language as it was heard, and what is thin in it."""
    splits = {split: counts for (spoken, split), counts in sums.phonemes.items() if spoken == language}
    every: Counter = sum(splits.values(), Counter())
    sounds = sorted(set(every) - _MARKS)
    trained = splits.get("train", Counter())
    speakers = {speaker: said for (spoken, speaker), said in sorted(sums.said.items()) if spoken == language}
    missing = {speaker: [one for one in sounds if one not in said] for speaker, said in speakers.items()}
    return {
        "counts": {symbol: every[symbol] for symbol in sounds},
        "rare": [symbol for symbol in sounds if every[symbol] < RARE],
        "only_held_out": [symbol for symbol in sounds if symbol not in trained],
        "missing_by_speaker": {speaker: symbols for speaker, symbols in missing.items() if symbols},
    }


def _dropped(quarantines: Sequence[Path]) -> dict[str, dict[str, int]]:
    """How many were refused, by stage and reason, stages in the order given."""
    found: dict[str, Counter] = {}
    for path in quarantines:
        table = read_table(path, ["stage", "reason"])
        for stage, reason in zip(table["stage"].to_pylist(), table["reason"].to_pylist(), strict=True):
            found.setdefault(stage, Counter())[reason] += 1
    return {stage: dict(sorted(reasons.items())) for stage, reasons in found.items()}


def _bins(card: Mapping) -> Iterator[dict]:
    """Every bin of every measure, for `dvc plots`."""
    for measure in MEASURES:
        for box in card.get(measure.column, ()):
            yield {
                "measure": measure.column,
                "lower": box["from"],
                "upper": box["to"],
                "bin": f"{box['from']:g} – {box['to']:g}",
                "count": box["utterances"],
            }


def _json(content: object) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path):
        path.write_text(content, encoding="utf-8")
