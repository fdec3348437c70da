"""What hours of audio cost: core-hours, GPU-hours and storage, computed from measured rates, up to 100,000 hours.

Measured: seconds and bytes in a finished project (`--project`: runs/stages, reports/metrics, what its stages wrote);
the data stages by `benchmarks/data.py` at ten hours (its last figures; `--data-seconds` gives others); here and now,
Whisper base listening to what comes without a text, and the operations of a training step. Training on processors is
the project's own training, by the ratio of operations where size or share of adversarial steps differ. GPU-hours are
the operations at `--tflops` (a device's bf16 peak) and `--share` (of it that small networks reach): assumed, not
measured. With `--gpu-audio-s-per-s`, the `…_audio_s_per_s` of `benchmarks/training.py --gpu`, they are measured too.
All grows straight with the hours (`growth_r2` in benchmarks/data.py) but `voice_core_h`: quantizing, exporting,
evaluating and registering a voice cost the same whatever it was made of.

Keys: `rates`, and `table` with a row for each of `--hours`. Run: python benchmarks/cost.py [--project FOLDER]
"""

from __future__ import annotations

import argparse
import io
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from tasks.params import Params

ROOT = Path(__file__).parents[1]
HOURS = (10, 100, 1_000, 10_000, 100_000)

#: Seconds that ingest, segment and features took for ten hours on two cores (benchmarks/data.py), and those cores.
DATA_SECONDS, DATA_HOURS, DATA_CORES = (28.64, 78.53, 135.27), 10.0, 2

#: Stages whose cost does not grow with the corpus.
PER_VOICE = ("quantize", "export", "evaluate", "register")

#: What the data stages keep, in DVC's cache as well; the row store beside them can be made again.
KEPT = ("data/raw", "data/recordings", "data/utterances", "data/features")


class Rates(NamedTuple):
    """What one hour of audio costs; the names say in which unit."""

    data_core_s: float
    listening_core_s: float
    training_core_s: float
    training_teraflop: float
    gpu_s: float
    kept_mb: float
    rowstore_mb: float
    voice_core_h: float
    speaking_core_s: float


def main() -> None:
    """Measure, compute, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--project", type=Path, default=ROOT, help="a project whose stages all ran")
    parser.add_argument("--hours", type=float, nargs="+", default=list(HOURS))
    parser.add_argument("--size", choices=["small", "base"], default="base")
    parser.add_argument("--passes", type=float, default=10.0, help="how often training hears every hour")
    parser.add_argument("--data-seconds", type=float, nargs=3, default=DATA_SECONDS, metavar="S")
    parser.add_argument("--cores", type=int, default=2, help="that the project's stages ran on")
    parser.add_argument("--adversarial-share", type=float, default=0.4, help="of the training steps")
    parser.add_argument("--tflops", type=float, default=989.0, help="bf16 peak of a GPU, dense")
    parser.add_argument("--share", type=float, default=0.02, help="of that peak that is reached")
    parser.add_argument("--gpu-audio-s-per-s", type=float, help="measured by benchmarks/training.py --gpu")
    parser.add_argument("--copies", type=float, default=2.0, help="cache and workspace; 1 where they are links")
    given = parser.parse_args()
    rates = measure(given)
    rows = [row(rates, hours, given) for hours in given.hours]
    show(rates, rows, given)
    print(json.dumps({"size": given.size, "passes": given.passes, "rates": rates._asdict(), "table": rows}))


def measure(given: argparse.Namespace) -> Rates:
    """Every rate, from the project or from this machine."""
    project: Path = given.project
    hours = _json(project / "reports/metrics/ingest.json")["minutes"] / 60
    core_s, teraflop = training(given)
    per_voice = [_json(project / f"runs/stages/{stage}.json").get("seconds", 0.0) for stage in PER_VOICE]
    return Rates(
        data_core_s=sum(given.data_seconds) * DATA_CORES / DATA_HOURS,
        listening_core_s=listening(project),
        training_core_s=core_s,
        training_teraflop=teraflop,
        gpu_s=3600 / given.gpu_audio_s_per_s if given.gpu_audio_s_per_s else teraflop / (given.tflops * given.share),
        kept_mb=sum(_mb(project / folder) for folder in KEPT) / hours,
        rowstore_mb=_mb(project / "runs/rowstore") / hours,
        voice_core_h=sum(per_voice) * given.cores / 3600,
        speaking_core_s=3600 * _json(project / "runs/evaluation_speed.json").get("rtf", 0.0),
    )


def training(given: argparse.Namespace) -> tuple[float, float]:
    """Core-seconds, and tera-operations, to train on one hour of audio once."""
    from tasks.params import load_params

    params = load_params(given.project / "params.yaml")
    train, steps = params.train, _json(given.project / "reports/metrics/train.json")["steps"]
    heard_h = steps * train.frames_per_batch * params.audio.hop_length / params.audio.sample_rate_hz / 3600
    seconds = _json(given.project / "runs/stages/train.json")["seconds"]
    theirs = operations(params, train.size, train.adversarial_steps / (train.warmup_steps + train.adversarial_steps))
    asked = operations(params, given.size, given.adversarial_share)
    return seconds * given.cores / heard_h * asked / theirs, asked


def operations(params: Params, size: str, adversarial_share: float) -> float:
    """Tera-operations (products and sums of matrices and convolutions) of training on an hour of audio once."""
    import torch
    from _training import Bench, make_up
    from lightning_fabric import Fabric
    from torch.utils.flop_counter import FlopCounterMode

    from voiceloom_model.features import MelConfig
    from voiceloom_model.nn.discriminators import Discriminators
    from voiceloom_model.nn.synthesizer import Synthesizer
    from voiceloom_model.training.phases import AdversarialPhase, Setting, WarmupPhase

    torch.manual_seed(0)
    fabric = Fabric(accelerator="cpu", devices=1, precision=params.train.precision)
    mel = MelConfig(**params.audio.model_dump())
    utterances = [make_up(number, 2.0 + number, mel) for number in range(8)]
    bench = Bench(fabric, params, utterances, 1, len(utterances))
    config = bench.config(size)
    counted = []
    for phase_type in (WarmupPhase, AdversarialPhase):
        network, judges = Synthesizer(config), Discriminators(config.discriminator_width)
        phase = phase_type(Setting(fabric, network, judges, mel, bench.options()))
        parts = bench.parts([utterances], config)
        with FlopCounterMode(display=False) as counter:
            phase.advance(parts, 0)
        counted.append(counter.get_total_flops())
    hours = sum(utterance.n_frames for utterance in utterances) / mel.frames_per_second / 3600
    warmup, adversarial = counted
    return ((1 - adversarial_share) * warmup + adversarial_share * adversarial) / hours / 1e12


def listening(project: Path, pieces: int = 3) -> float:
    """Core-seconds for Whisper base to hear an hour that has no text: some 25 s pieces of the project's utterances."""
    import numpy as np
    import pyarrow.parquet as pq
    import soundfile
    from threadpoolctl import threadpool_limits

    from tasks.asr import SAMPLE_RATE_HZ, Listener

    shard = min((project / "data/utterances").rglob("*.parquet"))
    clips = (clip["bytes"] for clip in pq.read_table(shard, columns=["audio"])["audio"].to_pylist())
    waves = [soundfile.read(io.BytesIO(clip), dtype="float32")[0] for clip in clips]
    speech = np.resize(np.concatenate(waves), pieces * 25 * SAMPLE_RATE_HZ)
    listener = Listener("whisper-base", project / "runs/models")
    with threadpool_limits(1):
        started = time.process_time()
        for piece in np.split(speech, pieces):
            listener.hear(piece, "en-US")
    return (time.process_time() - started) * 3600 / (pieces * 25)


def row(rates: Rates, hours: float, given: argparse.Namespace) -> dict[str, float]:
    """What a corpus of so many hours costs, once through the DAG."""
    return {
        "hours": hours,
        "data_core_h": _round(hours * rates.data_core_s / 3600),
        "listening_core_h": _round(hours * rates.listening_core_s / 3600),
        "training_core_h": _round(hours * given.passes * rates.training_core_s / 3600),
        "training_gpu_h": _round(hours * given.passes * rates.gpu_s / 3600),
        "voice_core_h": _round(rates.voice_core_h),
        "kept_tb": _round(hours * rates.kept_mb * given.copies / 1e6),
        "rowstore_tb": _round(hours * rates.rowstore_mb / 1e6),
    }


def show(rates: Rates, rows: list[dict[str, float]], given: argparse.Namespace) -> None:
    """The rates and the table, for people."""
    print(f"An hour of audio, size {given.size}:")
    for name, value in rates._asdict().items():
        print(f"  {name:20} {value:.4g}")
    table = Table(title=f"{given.passes:g} passes; {given.tflops * given.share:.0f} TFLOPS reached on a GPU")
    for name in rows[0]:
        table.add_column(name, justify="right")
    for values in rows:
        table.add_row(*(f"{value:,g}" for value in values.values()))
    Console(width=120).print(table)


def _round(value: float) -> float:
    return float(f"{value:.3g}")


def _mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _json(path: Path) -> dict:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; name a project whose stages all ran with --project FOLDER")
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
