"""`reports/data.html`: the card as a page of its own, with drawings and players inside, and nothing else needed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tasks.features.card.measures import MEASURES

#: Longest lists on the page; all of them are in reports/data.json.
ROWS, WORDS = 25, 60
#: A drawing: width and height of the bars' field, and the room below it for the numbers, in pixels.
WIDTH, HEIGHT, BELOW = 320, 120, 34
_LABELS = 6


def render(card: Mapping, kept: Sequence[Mapping], refused: Mapping[tuple[str, str], list[dict]]) -> str:
    """The page of a card; `kept` and, by stage and reason, `refused` are utterances with their `sound`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, undefined=StrictUndefined
    )
    templates.filters |= {"number": number, "duration": duration, "symbol": symbol}
    return templates.get_template("page.html.jinja").render(
        card=card,
        hours=sum(card["hours"]["split"].values()),
        utterances=sum(card["utterances"]["split"].values()),
        shares=dict(_shares(card)),
        charts=list(_charts(card)),
        refusals=list(_refusals(card["dropped"], refused)),
        kept=kept,
        rows=ROWS,
        words=WORDS,
    )


def number(value: float) -> str:
    """A number as it is read: 12 345, 3.27, 0.0012."""
    if float(value).is_integer():
        return f"{value:,.0f}".replace(",", "\u202f")
    if abs(value) < 0.001:
        return f"{value:.6f}".rstrip("0")
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}".replace(",", "\u202f")


def duration(hours: float) -> str:
    """Hours as `12 h 30 min`, `4 min` or `12 s`."""
    seconds = round(hours * 3600)
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def symbol(phoneme: str) -> str:
    """A phoneme that can be seen alone: a combining mark is put on a dotted circle."""
    return f"◌{phoneme}" if unicodedata.combining(phoneme[0]) else phoneme


def _shares(card: Mapping) -> Iterator[tuple[str, list[dict]]]:
    """For each way to divide the hours: its parts, the largest first."""
    for by, hours in card["hours"].items():
        parts = sorted(hours, key=lambda name: (-hours[name], name))
        largest = max(hours.values(), default=0.0)
        yield (
            by,
            [
                {
                    "name": name,
                    "hours": hours[name],
                    "utterances": card["utterances"][by][name],
                    "share": hours[name] / largest if largest else 0.0,
                }
                for name in parts
            ],
        )


def _charts(card: Mapping) -> Iterator[dict]:
    """What each measure's drawing needs: bars and labels in pixels, and the words beside it."""
    dropped = {reason: count for reasons in card["dropped"].values() for reason, count in reasons.items()}
    for measure in MEASURES:
        if measure.column not in card:
            continue
        boxes = _trimmed(card[measure.column])
        yield {
            "measure": measure,
            "spread": card["measures"][measure.column],
            "refused": [(reason, dropped[reason]) for reason in measure.reasons if reason in dropped],
            "boxes": boxes,
            **_drawing(boxes),
        }


def _trimmed(boxes: Sequence[Mapping]) -> Sequence[Mapping]:
    """The bins from the first to the last that is not empty, one more at each side."""
    filled = [index for index, box in enumerate(boxes) if box["utterances"]]
    return boxes[max(0, filled[0] - 1) : filled[-1] + 2] if filled else boxes


def _drawing(boxes: Sequence[Mapping]) -> dict:
    """Bars (x, y, width, height) and labels (x, text) of a histogram."""
    step = WIDTH / len(boxes)
    top = max(1, *(box["utterances"] for box in boxes))
    bars = []
    for index, box in enumerate(boxes):
        height = HEIGHT * box["utterances"] / top
        bars.append((round(index * step + 1, 1), round(HEIGHT - height, 1), round(step - 2, 1), round(height, 1), box))
    edges = [box["from"] for box in boxes] + [boxes[-1]["to"]]
    every = -(-len(edges) // _LABELS)
    labels = [(round(index * step, 1), number(edge)) for index, edge in enumerate(edges) if index % every == 0]
    return {"bars": bars, "labels": labels, "top": top, "width": WIDTH, "height": HEIGHT, "below": BELOW}


def _refusals(dropped: Mapping, refused: Mapping[tuple[str, str], list[dict]]) -> Iterator[dict]:
    """Every reason of every stage, the most frequent of a stage first, with what can be heard of it."""
    for stage, reasons in dropped.items():
        for reason in sorted(reasons, key=lambda name: (-reasons[name], name)):
            sounds = refused.get((stage, reason), [])
            yield {"stage": stage, "reason": reason, "count": reasons[reason], "sounds": sounds}
