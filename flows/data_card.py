"""`voiceloom data card`: the main figures of reports/data.json, and where the page with all of them lies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

CARD = Path("reports/data.json")
PAGE = Path("reports/data.html")
HOURS_BY = ("speaker", "language", "licence", "corpus", "split")


def card_text(root: Path) -> Group:
    """Hours by who speaks, what, and on what terms, and what was dropped; `FileNotFoundError` without a card."""
    path = root / CARD
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; stage features writes it: voiceloom run")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); run the stages again: voiceloom run") from None
    parts: list[RenderableType] = [_hours(card), *_dropped(card.get("dropped") or {}), *_phonemes(card)]
    where = PAGE if (root / PAGE).is_file() else CARD
    return Group(*parts, f"All of it: {where}")


def _hours(card: Mapping[str, Any]) -> Table:
    table = Table("by", "", title="Data", title_justify="left")
    table.add_column("hours", justify="right")
    table.add_column("utterances", justify="right")
    hours, utterances = card.get("hours", {}), card.get("utterances", {})
    for by in HOURS_BY:
        for number, (name, value) in enumerate(hours.get(by, {}).items()):
            count = utterances.get(by, {}).get(name, "")
            table.add_row("" if number else by, name, f"{value:.2f}", str(count))
    return table


def _dropped(dropped: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Reasons and how often, the most frequent first; by stage where the card tells them apart."""
    if not dropped:
        yield "Nothing was dropped."
        return
    table = Table("dropped because", title_justify="left")
    table.add_column("items", justify="right")
    counts = dict(_counts(dropped))
    for reason in sorted(counts, key=lambda reason: (-counts[reason], reason)):
        table.add_row(reason, str(counts[reason]))
    yield table


def _counts(dropped: Mapping[str, Any], stage: str = "") -> Iterator[tuple[str, int]]:
    for name, value in dropped.items():
        if isinstance(value, Mapping):
            yield from _counts(value, f"{name}: ")
        elif isinstance(value, int):
            yield f"{stage}{name}", value


def _phonemes(card: Mapping[str, Any]) -> Iterator[str]:
    phonemes = card.get("phonemes", {})
    if "seen" in phonemes:
        rare = phonemes.get("rare", {})
        yield f"Phonemes: {phonemes['seen']} heard, {len(rare)} of them rarely: {' '.join(rare) or 'none'}"
