"""The speaking graphs at every precision, and how far each is from the network."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.export.pace import size
from tasks.params import ExportParams
from tasks.stage import Metrics

if TYPE_CHECKING:
    from voiceloom_model.nn.synthesizer import Synthesizer


def write_graphs(synthesizer: Synthesizer, eight_bit: list[str], voice: Path, export: ExportParams) -> Metrics:
    """Write both graphs at every precision under `voice`; the layers in `eight_bit` are those of int8.

    Returns how far fp32 is from PyTorch, the others from fp32 (`PRECISION_difference_db`), and the sizes.
    """
    from voiceloom_model.export.graphs import export_synthesizer
    from voiceloom_model.export.parity import check_parity, wave_difference

    fp32 = voice / "fp32"
    export_synthesizer(synthesizer, fp32)
    worst = check_parity(synthesizer, fp32, export.parity_lengths, export.parity_tolerance)
    metrics: Metrics = {"fp32_max_difference": float(f"{worst:.1e}")}
    for precision in export.precisions:
        folder = voice / precision
        if precision != "fp32":
            _lower(precision, synthesizer, eight_bit, voice)
            decibels = wave_difference(fp32, folder, synthesizer, export.parity_lengths)
            metrics[f"{precision}_difference_db"] = round(decibels, 2)
        metrics[f"{precision}_mb"] = round(size(folder) / 1e6, 2)
    return metrics


def tolerances(made: Metrics, export: ExportParams) -> dict[str, dict[str, float]]:
    """What is promised of every precision, and what `write_graphs` measured, the same on every machine.

    fp32 against PyTorch as the largest difference of any output, the others against fp32 as the level of the wave's
    difference on random texts.
    """
    from voiceloom_model.export.contract import rounded_up

    worst = float(made["fp32_max_difference"] or 0)
    promised = {"fp32": {"max_difference": export.parity_tolerance, "measured_below": rounded_up(1.05 * worst)}}
    for precision in export.precisions:
        if precision != "fp32":
            decibels = float(made[f"{precision}_difference_db"] or 0)
            promised[precision] = {"difference_below_db": math.ceil(decibels + 0.005)}
    return promised


def drop_refused(voice: Path, shipped: list[str]) -> None:
    """Take the graphs of all other precisions out of the bundle."""
    from voiceloom_model.runtime.description import PRECISIONS

    for precision in PRECISIONS:
        if precision not in shipped:
            shutil.rmtree(voice / precision, ignore_errors=True)


def _lower(precision: str, synthesizer: Synthesizer, eight_bit: list[str], voice: Path) -> None:
    """Write both graphs at 8 or 16 bits."""
    from voiceloom_model.export.half import halve_graph
    from voiceloom_model.export.int8 import quantize_graph
    from voiceloom_model.runtime.bundle import GRAPHS

    folder = voice / precision
    folder.mkdir()
    weights = {name: synthesizer.get_parameter(f"{name}.weight").numpy() for name in eight_bit}
    for graph in GRAPHS:
        if precision == "fp16":
            halve_graph(voice / "fp32" / graph, folder / graph)
        else:
            quantize_graph(voice / "fp32" / graph, folder / graph, weights)
