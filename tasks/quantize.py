"""Which layers are safe at 8 bits, measured on held-out texts; and an 8-bit TorchScript voice.

Reads the checkpoint and data/features. Each Linear layer is rounded alone, then all together: what counts is how
far the spoken mel moves from that of the float voice, with the same durations, noise and pitch, and how far the
durations and the pitch move that it would have chosen. Writes models/quantized/sensitivity.json, which export obeys,
and voice.int8.ts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.params import QuantizeParams
from tasks.records import FEATURES, read_rows
from tasks.stage import Metrics, Stage

if TYPE_CHECKING:
    from voiceloom_model.eight_bits import Example, Moved
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
    limits = (quantize.max_mel_increase, quantize.max_log_duration_change, quantize.max_pitch_change_cents)
    kept = choose_float(alone, probe.moved, limits)
    summary = _figures(synthesizer, probe.moved(name for name in alone if name not in kept))
    quantized.mkdir(parents=True)
    save_torchscript(synthesizer, kept, examples[0], quantized / TORCHSCRIPT)
    layers = {name: _figures(synthesizer, moved) for name, moved in alone.items()}
    report = {
        **{f"{key.removeprefix('mel_')}_alone": {name: layers[name][key] for name in layers} for key in summary},
        "keep_float": kept,
        "torchscript_sha256": hashlib.sha256((quantized / TORCHSCRIPT).read_bytes()).hexdigest(),
        **summary,
    }
    (quantized / "sensitivity.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return {"layers": len(alone), "kept_float": len(kept), **summary}


def _figures(synthesizer: Synthesizer, moved: Moved) -> dict[str, float]:
    """What is reported of a change; of pitch only for a decoder that has one."""
    found = {"mel_increase": round(moved.mel, 6), "log_duration_change": round(moved.log_duration, 6)}
    has_pitch = synthesizer.config.decoder == "source"
    return found | ({"pitch_change_cents": round(moved.cents, 4)} if has_pitch else {})


def choose_float(
    alone: Mapping[str, Sequence[float]],
    moved: Callable[[list[str]], Sequence[float]],
    limits: Sequence[float | None],
) -> list[str]:
    """The fewest layers to keep float, most harmful first, so that the others together stay within all limits.

    What a layer does to mel, durations and pitch is weighed by the limits, of which any may be missing.
    """
    order = sorted(alone, key=lambda name: (-_share_of(alone[name], limits), name))
    fewest = next((kept for kept in range(len(order)) if _share_of(moved(order[kept:]), limits) <= 1), len(order))
    return sorted(order[:fewest])


def _share_of(moved: Sequence[float], limits: Sequence[float | None]) -> float:
    """How much of its limit the worst of them takes up; more than 1 is past it."""
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
    from voiceloom_model.nn.sound import draw_excitation
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
    config, frames = synthesizer.config, int(durations.sum())
    noise = NOISE_SCALE * torch.randn(1, frames, config.latent, generator=generator)
    excitation = draw_excitation(frames, config.hop_length, seed=0) if config.decoder == "source" else None
    return Example(tokens, stress, language, speaker, durations, noise, duration_noise, excitation)
