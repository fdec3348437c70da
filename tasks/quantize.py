"""Which layers are safe at 8 bits, measured on held-out texts; and an 8-bit TorchScript voice.

Reads the checkpoint and data/features. Each Linear layer is rounded alone, then all together: what counts is how
far the spoken mel moves from that of the float voice, with the same durations and the same noise, and how far the
durations move that it would have chosen. Writes models/quantized/sensitivity.json, which export obeys, and
voice.int8.ts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.params import QuantizeParams
from tasks.records import FEATURES, read_rows
from tasks.stage import Metrics, Stage

if TYPE_CHECKING:
    from voiceloom_model.eight_bits import Example
    from voiceloom_model.nn.synthesizer import Synthesizer

STAGE = Stage(
    deps={"checkpoint": "models/checkpoint", "features": "data/features"},
    outs={"quantized": "models/quantized"},
    params=("quantize",),
    code=(
        "tasks/quantize.py",
        "model_src/voiceloom_model/eight_bits.py",
        "model_src/voiceloom_model/nn",
        "model_src/voiceloom_model/text/layout.py",
    ),
)
NOISE_SCALE = 0.333
#: Change of the mel in nepers, and of log durations.
Moved = tuple[float, float]


def run(*, checkpoint: Path, features: Path, quantized: Path, quantize: QuantizeParams) -> Metrics:
    """Measure every layer, choose what stays float, and write the 8-bit TorchScript voice."""
    import torch

    from voiceloom_model.eight_bits import TORCHSCRIPT, Probe, save_torchscript
    from voiceloom_model.features import MelConfig
    from voiceloom_model.nn.synthesizer import Synthesizer

    torch.set_num_threads(1)  # sums do not depend on the machine's number of cores
    synthesizer = Synthesizer.from_folder(checkpoint).requires_grad_(False)
    mel = MelConfig(**json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))["mel"])
    examples = [_example(synthesizer, row) for row in held_out(features, quantize.calibration_utterances)]
    probe = Probe(synthesizer, mel, examples)
    alone = {name: probe.moved([name]) for name in probe.linears}
    limits = (quantize.max_mel_increase, quantize.max_log_duration_change)
    kept = choose_float(alone, probe.moved, limits)
    together = probe.moved(name for name in alone if name not in kept)
    summary = dict(zip(("mel_increase", "log_duration_change"), (round(x, 6) for x in together), strict=True))
    quantized.mkdir(parents=True)
    save_torchscript(synthesizer, kept, examples[0], quantized / TORCHSCRIPT)
    report = {
        "increase_alone": {name: round(mel, 6) for name, (mel, _) in alone.items()},
        "log_duration_change_alone": {name: round(log, 6) for name, (_, log) in alone.items()},
        "keep_float": kept,
        "torchscript_sha256": hashlib.sha256((quantized / TORCHSCRIPT).read_bytes()).hexdigest(),
        **summary,
    }
    (quantized / "sensitivity.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return {"layers": len(alone), "kept_float": len(kept), **summary}


def choose_float(
    alone: Mapping[str, Moved], moved: Callable[[list[str]], Moved], limits: tuple[float, float | None]
) -> list[str]:
    """The fewest layers to keep float, most harmful first, so that the others together stay within both limits.

    What a layer does to mel and durations is weighed by the limits; of durations there may be none.
    """
    order = sorted(alone, key=lambda name: (-_share_of(alone[name], limits), name))
    fewest = next((kept for kept in range(len(order)) if _share_of(moved(order[kept:]), limits) <= 1), len(order))
    return sorted(order[:fewest])


def _share_of(moved: Moved, limits: tuple[float, float | None]) -> float:
    """How much of its limit the worse of the two takes up; more than 1 is past it."""
    shares = [found / max(limit, 1e-12) for found, limit in zip(moved, limits, strict=True) if limit is not None]
    return max(shares)


def held_out(features: Path, count: int) -> list[dict]:
    """`count` utterances of the test split, the same ones every time; `ValueError` when there is none."""
    columns = ("id", "split", "language", "speaker_embedding", "phoneme_ids", "stress_ids")
    rows = [row for row in read_rows(features, FEATURES, columns) if row["split"] == "test"]
    if not rows:
        raise ValueError(f"{features} holds no held-out utterance to calibrate with; raise segment.held_out_share")
    rows.sort(key=lambda row: hashlib.blake2b(row["id"].encode()).digest())
    return rows[:count]


def _example(synthesizer: Synthesizer, row: dict) -> Example:
    """A held-out text as the network takes it, with the durations it predicts and noise to speak it with."""
    import torch

    from voiceloom_model.eight_bits import Example
    from voiceloom_model.nn.text import whole_durations
    from voiceloom_model.text import language_id
    from voiceloom_model.text.layout import laid_out

    ids, marks = laid_out(row["phoneme_ids"], row["stress_ids"], synthesizer.config.layout)
    tokens, stress = torch.tensor([ids]), torch.tensor([marks])
    language = torch.tensor([language_id(row["language"])])
    speaker = torch.tensor([row["speaker_embedding"]], dtype=torch.float32)
    generator, size = torch.Generator().manual_seed(0), synthesizer.durations.noise_size
    duration_noise = torch.randn(*tokens.shape, size, generator=generator) if size else None
    with torch.inference_mode():
        durations = whole_durations(synthesizer.encode(tokens, stress, language, speaker, duration_noise)[1])
    noise = NOISE_SCALE * torch.randn(1, int(durations.sum()), synthesizer.config.latent, generator=generator)
    return Example(tokens, stress, language, speaker, durations, noise, duration_noise)
