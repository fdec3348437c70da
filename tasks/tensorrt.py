"""TensorRT engines of a voice, for the GPU that is here: a project of its own, `dvc --cd engines repro`.

Reads models/voice and writes engines/built, which speak with that bundle on this kind of GPU. Without a GPU,
TensorRT-RTX builds engines that are finished where they are loaded, and nothing is compared.
"""

from __future__ import annotations

from pathlib import Path

from tasks.params import TensorrtParams
from tasks.stage import Metrics, Stage

STAGE = Stage(
    deps={"voice": "models/voice"},
    outs={"engines": "engines/built"},
    params=("tensorrt",),
    code=("model_src/voiceloom_model/gpu", "model_src/voiceloom_model/export/half.py"),
)

#: What TensorRT timed and TensorRT-RTX compiled, kept between builds.
CACHE = Path("runs") / "tensorrt"


def run(*, voice: Path, engines: Path, tensorrt: TensorrtParams) -> Metrics:
    """Build both engines and, on a GPU, compare them with their graphs; `ValueError` when they sound otherwise."""
    from voiceloom_model.gpu.build import Lengths, build_engines
    from voiceloom_model.gpu.library import current_gpu
    from voiceloom_model.gpu.parity import engine_distance
    from voiceloom_model.runtime.bundle import open_bundle

    description = open_bundle(voice).description
    check_frames(description.context_frames, tensorrt.frame_buckets)
    lengths = Lengths(tuple(tensorrt.token_buckets), tuple(tensorrt.frame_buckets), description.hop_length)
    cards = build_engines(voice, tensorrt.precision, lengths, engines, CACHE)
    metrics: Metrics = {f"{name}_mb": round((engines / f"{name}.engine").stat().st_size / 1e6, 2) for name in cards}
    if current_gpu() is None:
        return {**metrics, "wave_db": None, "log_duration_difference": None}
    found = engine_distance(voice, engines, CACHE)
    if not found.wave_db <= tensorrt.max_wave_db:
        raise ValueError(
            f"the engines' sound is {found.wave_db:.1f} dB from that of {voice}'s graphs, more than "
            f"tensorrt.max_wave_db {tensorrt.max_wave_db}"
        )
    return {
        **metrics,
        "wave_db": round(found.wave_db, 1),
        "log_duration_difference": float(f"{found.log_durations:.1e}"),
    }


def check_frames(context: int | None, buckets: list[int]) -> None:
    """Raise `ValueError` when the runtime's widest window, with its context, fits no bucket."""
    from voiceloom_model.gpu.build import widest_window

    widest = widest_window(context)
    if widest > buckets[-1]:
        raise ValueError(
            f"a window of this voice has up to {widest} frames, but the last of tensorrt.frame_buckets is {buckets[-1]}"
        )
