"""What an MLflow run of a voice shows: parameters, training curves, scores, pages and spoken samples."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

#: How many curve points one request to the server carries; MLflow's own limit is 1,000.
BATCH = 1000

#: What an evaluation sums up; it also lists every sentence, which belongs into its page.
SETS = ("voice", "recordings", "everyday")


def log_parameters(path: Path) -> None:
    """Every leaf of `params.yaml` as a parameter of the active run."""
    import mlflow

    mlflow.log_params(dict(leaves(yaml.safe_load(path.read_text(encoding="utf-8")))))


def log_curves(path: Path) -> None:
    """The training curves ([{"step": …, NAME: value, …}]) as metrics by step, and as one picture."""
    import mlflow
    from mlflow.entities import Metric

    if not path.is_file():
        return
    points = json.loads(path.read_text(encoding="utf-8"))
    now_ms = int(time.time() * 1000)
    metrics = [
        Metric(name, value, now_ms, point["step"])
        for point in points
        for name, value in point.items()
        if name != "step" and value is not None
    ]
    run = mlflow.active_run()
    assert run is not None, "curves are logged inside a run"
    for start in range(0, len(metrics), BATCH):
        mlflow.MlflowClient().log_batch(run.info.run_id, metrics[start : start + BATCH])
    mlflow.log_figure(draw_curves(points), "curves.png")


def draw_curves(points: list[dict]):
    """One small panel a curve, value over step."""
    from matplotlib.figure import Figure

    names = sorted({name for point in points for name in point} - {"step"})
    columns = 4
    rows = max(1, -(-len(names) // columns))
    figure = Figure(figsize=(3 * columns, 2.2 * rows), layout="constrained")
    for index, name in enumerate(names, start=1):
        axes = figure.add_subplot(rows, columns, index, title=name)
        known = [point for point in points if point.get(name) is not None]
        axes.plot([point["step"] for point in known], [point[name] for point in known], linewidth=1)
    return figure


def log_report(files: list[Path], runs: Path) -> None:
    """Scores as metrics, the reports as files, and what the run left on this machine: samples and speeds."""
    import mlflow

    evaluation = json.loads(files[0].read_text(encoding="utf-8"))
    mlflow.log_metrics(dict(scores(evaluation)))
    for file in files:
        mlflow.log_artifact(str(file), "reports")
    if (runs / "samples").is_dir():
        mlflow.log_artifacts(str(runs / "samples"), "samples")
    speed = runs / "evaluation_speed.json"
    if speed.is_file():
        mlflow.log_metrics({f"speed_{name}": value for name, value in json.loads(speed.read_text()).items()})


def scores(evaluation: dict) -> Iterator[tuple[str, float]]:
    """The numbers of an evaluation as `voice_wer`, `recordings_wer`, `everyday_wer`, … and `size_mb`."""
    summaries = {name: evaluation.get(name) for name in SETS}
    for name, value in leaves(summaries | {"size_mb": evaluation.get("size_mb")}):
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name.replace(".", "_"), float(value)


def leaves(content: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """The leaves of nested mappings and lists, named by their path: `audio.hop_length`, `corpora.0.name`."""
    if isinstance(content, dict | list):
        pairs = content.items() if isinstance(content, dict) else enumerate(content)
        for name, value in pairs:
            yield from leaves(value, f"{prefix}{name}.")
    else:
        yield prefix.rstrip("."), content
