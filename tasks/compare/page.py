"""The page of two voices: players, scores and differences, in one file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

from tasks.audio import to_flac
from tasks.compare import Side
from tasks.evaluate.scoring import Score, summarise
from tasks.evaluate.spoken import Spoken
from tasks.gate.champion import MEASURES, compare

SCORES = (
    ("wer", "Word error rate", "{:.1%}"),
    ("similarity", "Speaker similarity", "{:.3f}"),
    ("dnsmos", "DNSMOS", "{:.2f}"),
)


def render(sides: Sequence[Side], seed: int) -> str:
    """The page."""
    from jinja2 import Environment, FileSystemLoader

    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    return templates.get_template("page.html.jinja").render(
        sides=sides,
        seed=seed,
        facts=list(_facts(sides)),
        tables=[
            ("On these sentences", [*_rows([_heard(side, seed) for side in sides])]),
            ("In their reports, on held-out sentences", [*_rows([_reported(side) for side in sides])]),
        ],
        sentences=[_sentence(sides, index) for index in range(len(sides[0].spoken))],
    )


def _facts(sides: Sequence[Side]) -> Iterator[tuple[str, list[str]]]:
    yield "Bundle", [side.bundle_sha256[:12] for side in sides]
    yield "Precision", [side.precision for side in sides]
    yield "Speaker", [side.speaker for side in sides]
    yield "Size to speak with", [f"{side.size_mb:.1f} MB" for side in sides]
    yield "Speech made", [f"{side.seconds:.2f} s" for side in sides]
    yield "Real-time factor", [f"{side.real_time_factor:.4f}" for side in sides]


def _heard(side: Side, seed: int) -> dict:
    """What was heard just now, laid out like a report."""
    if not side.scores:
        return {}
    return {"voice": summarise(side.scores, seed), "sentences": [_numbers(score) for score in side.scores]}


def _numbers(score: Score) -> dict:
    return {
        "id": score.id,
        "errors": score.word_errors,
        "words": score.words,
        "similarity": score.similarity,
        "dnsmos": score.dnsmos,
    }


def _reported(side: Side) -> dict:
    return side.report if "voice" in side.report else {}


def _rows(reports: Sequence[dict]) -> Iterator[tuple[str, list[str], str]]:
    """A score's name, its value on both sides, and the difference with its interval."""
    if not any(reports):
        return
    for key, label, form in SCORES:
        values = [report.get("voice", {}).get(key) for report in reports]
        cells = ["–" if value is None else form.format(value) for value in values]
        yield label, cells, "" if None in values else _difference(key, reports)


def _difference(key: str, reports: Sequence[dict]) -> str:
    """How much better or worse the second is, over the sentences that both read."""
    (measure,) = (measure for measure in MEASURES if measure.key == key)
    first, second = reports
    loss = compare(measure, second, {**first, "scores": first["voice"]})
    if not loss.mean:
        return f"equal {loss.basis}"
    shown = f", 95 % interval of the loss {loss.interval[0]:+.3f} … {loss.interval[1]:+.3f}" if loss.interval else ""
    return f"the second is {abs(loss.mean):.3f} {'worse' if loss.mean > 0 else 'better'} {loss.basis}{shown}"


def _sentence(sides: Sequence[Side], index: int) -> dict:
    """One sentence as both said it."""
    return {
        "text": sides[0].spoken[index].text,
        "takes": [
            {
                "audio": _audio(side.spoken[index]),
                "seconds": len(side.spoken[index].wave) / side.spoken[index].sample_rate_hz,
                "score": side.scores[index] if side.scores else None,
            }
            for side in sides
        ],
    }


def _audio(spoken: Spoken) -> str:
    content = base64.b64encode(to_flac(spoken.wave, spoken.sample_rate_hz)).decode()
    return f"data:audio/flac;base64,{content}"
