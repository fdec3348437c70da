"""Training: whole steps beside those of the reference, alignment search beside loops, loading, and memory over steps.

The reference is VITS as published with HiFi-GAN's discriminators (`_reference.py`). All train on the same batches of
eight utterances (32 on a GPU) of like length between 2 and 10 s, decode the same segments of 8,192 samples, in the
same precision and threads, and take turns step by step; a ratio is the median over the rounds. The utterances are those
of `--features` where that folder is, else made up.

`adversarial_step_vs_reference`, `warmup_step_vs_reference`: how many times faster our step of either phase is than the
reference's only kind of step; `…_vs_slim_reference` the same, the reference having the slimmer scale discriminator of
the program published with VITS. `alignment_vs_python`, `alignment_vs_cython` (null without Cython or a C compiler):
alignment search of such a batch. `loading_share`: the part
of the trainer's steps in which their data are made. `memory_mb_growth_per_1000_steps`: what the process grows
by over a thousand steps of the trainer, after its first. With `--gpu` there are steps and alignment only, and beside
them `…_utilisation`, the share of time in which the GPU is busy at all, and `alignment_ms_on_gpu`.

Run: python benchmarks/training.py [--threads 2] [--only steps alignment loading memory] [--gpu]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from _reference import VitsStep, vits_config
from _search_loops import cython_search, python_search
from _trainer_runs import loading, memory
from _training import SEGMENT_FRAMES, Bench, Report, Step, read_utterances, timed
from lightning_fabric import Fabric

from tasks.params import load_params
from voiceloom_model.alignment import search, search_tensors
from voiceloom_model.nn.discriminators import Discriminators
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.text import N_LANGUAGES, N_SYMBOLS
from voiceloom_model.training.data import Utterance
from voiceloom_model.training.phases import AdversarialPhase, Setting, WarmupPhase

ROOT = Path(__file__).parents[1]
SEARCHES, PYTHON_SEARCHES = 200, 3
UTILISATION_S = 4.0


def main() -> None:
    """Measure, print."""
    measures = {"steps": steps, "alignment": alignment, "loading": loading, "memory": memory}
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--utterances", type=int, help="of a batch: 8 unless given, 32 on a GPU")
    parser.add_argument("--features", type=Path, default=ROOT / "data/features")
    parser.add_argument("--precision", help="of all alike; as in params.yaml unless given")
    parser.add_argument("--gpu", action="store_true", help="steps and alignment on a CUDA device")
    parser.add_argument("--only", nargs="+", choices=list(measures), default=list(measures))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    params = load_params(ROOT / "params.yaml")
    precision = given.precision or params.train.precision
    fabric = Fabric(accelerator="cuda" if given.gpu else "cpu", devices=1, precision=precision)
    fabric.launch()
    size = given.utterances or (32 if given.gpu else 8)
    bench = Bench(fabric, params, read_utterances(given.features, params.audio), given.rounds, size)
    print(
        f"batches of {size}, {len(bench.utterances)} utterances, {precision}, {given.threads} threads, {fabric.device}"
    )
    report: Report = {}
    for name in given.only:
        if not given.gpu or name in ("steps", "alignment"):
            report |= measures[name](bench)
    print(json.dumps(report))


def steps(bench: Bench) -> Report:
    """Whole training steps of all, in turn."""
    batches = bench.batches(bench.rounds)
    ours = {phase.name: our_step(bench, phase, batches) for phase in (AdversarialPhase, WarmupPhase)}
    rivals = {name: reference_step(bench, batches, name.startswith("slim")) for name in ("reference", "slim_reference")}
    seconds = in_turn(bench, {**ours, **rivals})
    report: Report = {}
    for name, values in seconds.items():
        report[f"{name}_step_s"] = round(statistics.median(values), 4)
        print(f"{name}: {statistics.median(values):.4f} s a step, {[round(value, 3) for value in values]}")
    for name, step in ours.items():
        for rival in rivals:
            ratios = [theirs / own for theirs, own in zip(seconds[rival], seconds[name], strict=True)]
            report[f"{name}_step_vs_{rival}"] = round(statistics.median(ratios), 2)
        audio_s = [sum(u.n_frames for u in batch) / bench.mel.frames_per_second for batch in batches]
        rates = [audio / own for audio, own in zip(audio_s, seconds[name], strict=True)]
        report[f"{name}_audio_s_per_s"] = round(statistics.median(rates), 1)
        if bench.fabric.device.type == "cuda":
            report[f"{name}_utilisation"] = utilisation(step)
    return report


def our_step(
    bench: Bench, phase_type: type[AdversarialPhase | WarmupPhase], batches: Sequence[Sequence[Utterance]]
) -> Step:
    """The step of one of our phases, with a network of its own."""
    config, device = bench.config("small"), bench.fabric.device
    network, judges = Synthesizer(config).to(device), Discriminators(config.discriminator_width).to(device)
    phase = phase_type(Setting(bench.fabric, network, judges, bench.mel, bench.options()))
    parts = bench.parts(batches, config)
    return lambda number: phase.advance([parts[number % len(parts)]], number)


def reference_step(bench: Bench, batches: Sequence[Sequence[Utterance]], slim: bool) -> Step:
    """The reference's step."""
    config = vits_config(N_SYMBOLS, N_LANGUAGES, bench.mel)
    step = VitsStep(bench.fabric, config, bench.mel, SEGMENT_FRAMES, slim)
    parts = bench.parts(batches, config)
    return lambda number: step.advance(parts[number % len(parts)])


def in_turn(bench: Bench, steppers: dict[str, Step]) -> dict[str, list[float]]:
    """Seconds of each step, all on the batch of the round, whose first step prepares its shapes and is not counted.

    What is quick is repeated within its turn for about a second, and its median taken.
    """
    seconds = defaultdict(list)
    for number in range(bench.rounds):
        for name, step in steppers.items():
            prepared = timed(step, number)
            again = 1 + min(20, int(1.0 / prepared))
            seconds[name].append(statistics.median(timed(step, number) for _ in range(again)))
    return seconds


def utilisation(step: Step) -> float | None:
    """The share of time in which the GPU computes anything at all, as its driver says."""
    if not shutil.which("nvidia-smi"):
        return None
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        started, number = time.perf_counter(), 0
        while time.perf_counter() - started < UTILISATION_S:
            timed(step, number)
            number += 1
        watch.terminate()
        said = watch.communicate()[0].split()
    percent = [float(value) for value in said[len(said) // 4 :] if value.isdigit()]
    return round(statistics.mean(percent) / 100, 3) if percent else None


def alignment(bench: Bench) -> Report:
    """The search of a middling batch, scores as a network leaves them: frames apart, tokens side by side."""
    batch = bench.batches(3)[1]
    lengths = np.array([len(u.tokens) for u in batch]), np.array([u.n_frames for u in batch])
    sizes = len(batch), int(max(lengths[1])), int(max(lengths[0]))
    scores = np.random.default_rng(0).standard_normal(sizes).astype(np.float32)
    expected = search(scores.transpose(0, 2, 1), *lengths)
    searches = {"ours": lambda given: search(given.transpose(0, 2, 1), *lengths)}
    with tempfile.TemporaryDirectory() as folder:
        compiled = cython_search(Path(folder))
    if compiled:
        searches["cython"] = lambda given: compiled(given, *lengths)
    seconds = search_seconds(searches, scores, expected, SEARCHES)
    plain = {"python": lambda given: python_search(given, *lengths)}
    seconds |= search_seconds(plain, scores, expected, PYTHON_SEARCHES)
    for name, value in seconds.items():
        print(f"alignment search, {name}: {1e3 * value:.3f} ms a batch of {sizes}")
    report: Report = {"alignment_vs_cython": None}
    for name in seconds.keys() - {"ours"}:
        report[f"alignment_vs_{name}"] = round(seconds[name] / seconds["ours"], 2)
    if bench.fabric.device.type == "cuda":
        report["alignment_ms_on_gpu"] = round(1e3 * gpu_seconds(bench.fabric.device, scores, lengths), 3)
    return report


def search_seconds(
    searches: dict[str, Callable], scores: np.ndarray, expected: np.ndarray, count: int
) -> dict[str, float]:
    """The median of so many searches of each, in turn, always on a fresh copy, for some spoil it."""
    seconds = defaultdict(list)
    for _ in range(count):
        for name, find in searches.items():
            given = scores.copy()
            started = time.perf_counter()
            found = find(given)
            seconds[name].append(time.perf_counter() - started)
            assert (found == expected).all(), "two searches disagree"
    return {name: statistics.median(values) for name, values in seconds.items()}


def gpu_seconds(device: torch.device, scores: np.ndarray, lengths: tuple[np.ndarray, np.ndarray]) -> float:
    """The median of searches by the GPU's kernel, scores already there; the first, which compiles, is not counted."""
    there = torch.from_numpy(scores).to(device).transpose(1, 2)
    on_gpu = [torch.from_numpy(values).to(device) for values in lengths]
    return statistics.median([timed(lambda _: search_tensors(there, *on_gpu), 0) for _ in range(SEARCHES + 1)][1:])


if __name__ == "__main__":
    main()
