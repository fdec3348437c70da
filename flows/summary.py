"""What `voiceloom run` ends with: stages, scores beside the real recordings', and where to look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table

from flows._dvc import stage_order

#: What a stage calls the rows it made, in its metrics.
ROW_METRICS = ("rows", "recordings", "utterances", "train_rows", "voice_utterances")

#: Score → its row in the table: title with the better direction, and format.
SCORES = {
    "wer": ("word error rate ↓", "{:.1%}"),
    "cer": ("character error rate ↓", "{:.1%}"),
    "similarity": ("speaker similarity ↑", "{:.3f}"),
    "dnsmos": ("DNSMOS ↑", "{:.2f}"),
}


def print_summary(root: Path, registered: str | None, console: Console | None = None) -> None:
    """Print everything a run leaves; `registered` is the line about the registry."""
    (console or Console()).print(summary(root, registered), highlight=False, soft_wrap=True)


def summary(root: Path, registered: str | None) -> Group:
    """The tables and the lines below them; what is not there yet is left out."""
    parts: list[RenderableType] = [_stage_table(stage_rows(root, stage_order(root)))]
    evaluation = _read(root / "reports" / "evaluation.json")
    if evaluation:
        parts += [_score_table(evaluation), *_notes(root, evaluation)]
    return Group(*parts, *([registered] if registered else []), *_where_to_look(root))


def stage_rows(root: Path, stages: list[str]) -> list[dict[str, Any]]:
    """Stage, rows and seconds of the last time each stage ran here; None is what nobody wrote down."""
    return [
        {
            "stage": stage,
            "rows": _row_count(_read(root / "reports" / "metrics" / f"{stage}.json")),
            "seconds": _read(root / "runs" / "stages" / f"{stage}.json").get("seconds"),
        }
        for stage in stages
    ]


def _row_count(metrics: dict[str, Any]) -> int | None:
    """How many rows (or, for fetch, files) a stage says it made."""
    for name in ROW_METRICS:
        if name in metrics:
            return metrics[name]
    files = [value for name, value in metrics.items() if name.endswith("_files")]
    return sum(files) if files else None


def _stage_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("stage", title_justify="left", title="Stages")
    table.add_column("rows", justify="right")
    table.add_column("seconds", justify="right")
    for row in rows:
        seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
        table.add_row(row["stage"], "" if row["rows"] is None else str(row["rows"]), seconds)
    return table


def _score_table(evaluation: dict[str, Any]) -> Table:
    """The voice, the real recordings of the same sentences, and sentences of another style."""
    columns = {
        f"voice ({evaluation['precision']})": evaluation["voice"],
        "real recordings": evaluation["recordings"],
        "everyday": evaluation.get("everyday") or {},
    }
    table = Table(title_justify="left", title="Scores")
    table.add_column("score", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right")
    for key, (title, form) in SCORES.items():
        table.add_row(title, *(_score(scores, key, form) for scores in columns.values()))
    counts = (scores.get("utterances", scores.get("sentences", "")) for scores in columns.values())
    table.add_row("sentences", *map(str, counts))
    return table


def _score(scores: dict[str, Any], key: str, form: str) -> str:
    """One score, with its 95 % interval where there is one."""
    if scores.get(key) is None:
        return ""
    text = form.format(scores[key])
    low, high = scores.get(f"{key}_low"), scores.get(f"{key}_high")
    return text if low is None or high is None else f"{text} ({low:.0%}–{high:.0%})"


def _notes(root: Path, evaluation: dict[str, Any]) -> Iterator[str]:
    """Size and speed, and what the gate said."""
    speed = _read(root / "runs" / "evaluation_speed.json")
    measured = f", real-time factor {speed['rtf']:.4f} on one thread" if "rtf" in speed else ""
    yield f"Bundle: {evaluation['size_mb']:.1f} MB{measured}"
    gate = _read(root / "reports" / "gate.json")
    if gate:
        yield f"Gate: {'passed' if gate['passed'] else 'refused'}; {'; '.join(gate['reasons'])}"


def _where_to_look(root: Path) -> Iterator[str]:
    """Paths and commands, as they can be typed in this folder."""
    if (root / "reports" / "evaluation.html").is_file():
        yield "Listen: reports/evaluation.html"
    for sample in sorted((root / "runs" / "samples").glob("*.wav"))[:3]:
        yield f"        {sample.relative_to(root)}"
    if (root / "models" / "voice").is_dir():
        yield 'Speak:  .venv/bin/voiceloom say "Good morning." -o out.wav'
    yield "Runs:   .venv/bin/prefect server start                                    (page on port 4200)"
    yield "Voices: .venv/bin/mlflow server --backend-store-uri sqlite:///mlflow.db   (page on port 5000)"


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
