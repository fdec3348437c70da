"""Does a session compute what another does? Compared on a made-up text of a few seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from voiceloom_model.gpu.card import SOURCE
from voiceloom_model.gpu.voice import engine_sessions
from voiceloom_model.runtime.bundle import open_bundle

N_TOKENS = 40
N_FRAMES = 200
FROM_FRAME = 3
#: The pitch is given, or the last bit of what each says would turn the phases of all that follows.
LOWEST_HZ, HIGHEST_HZ = 90, 250


class Distance(NamedTuple):
    """The largest difference of any log duration, and that of the waves: RMS over RMS, in dB."""

    log_durations: float
    wave_db: float


def engine_distance(voice: Path, engines: Path, cache: Path) -> Distance:
    """How far the engines in a folder are from a bundle's graphs on this machine's processor; needs their GPU."""
    bundle = open_bundle(voice)
    sessions = engine_sessions(bundle, engines, cache)
    pairs = [
        (onnxruntime.InferenceSession(bundle.graph(f"{SOURCE}/{name}"), providers=["CPUExecutionProvider"]), engine)
        for name, engine in sessions.items()
    ]
    try:
        return distance(pairs[0], pairs[1], bundle.description.hop_length)
    finally:
        for engine in sessions.values():
            engine.close()


def distance(encoders: tuple[Any, Any], decoders: tuple[Any, Any], hop_length: int) -> Distance:
    """How far the second session of each pair is from the first; the decoders get what the first encoder says."""
    rng = np.random.default_rng(0)
    texts = {entry.name: _text(entry.name, entry.shape, rng) for entry in encoders[0].get_inputs()}
    (encoded, log_durations), (_, other_durations) = (session.run(None, texts) for session in encoders)
    sounds = {
        "encoded": encoded,
        "durations": np.maximum(np.rint(np.exp(log_durations)), 1).astype(np.int64) + N_FRAMES // N_TOKENS,
        "speaker": _unit(rng),
        "start": np.int64(FROM_FRAME),
    }
    wanted = {entry.name: entry.shape for entry in decoders[0].get_inputs()}
    sounds["noise"] = rng.standard_normal((1, N_FRAMES, int(wanted["noise"][2])), np.float32)
    sounds |= _excitation(hop_length, rng)
    sounds = {name: np.asarray(sounds[name]) for name in wanted}
    (wave, *_), (other, *_) = (session.run(None, sounds) for session in decoders)
    noise, signal = np.square(wave - other).mean(), np.square(wave).mean()
    wave_db = 10 * np.log10(max(noise, 1e-20) / max(signal, 1e-20))
    return Distance(float(np.abs(log_durations - other_durations).max()), float(wave_db))


def _excitation(hop_length: int, rng: np.random.Generator) -> dict[str, Any]:
    """Breath, a phase from the middle on, and a pitch in whole Hz, for decoders that want them."""
    return {
        "breath": rng.standard_normal((1, N_FRAMES * hop_length), np.float32),
        "phase": np.full(1, 0.25, np.float32),
        "anchor": np.int64(N_FRAMES // 2),
        "f0": rng.integers(LOWEST_HZ, HIGHEST_HZ, (1, N_FRAMES)).astype(np.float32),
    }


def _text(name: str, shape: Any, rng: np.random.Generator) -> np.ndarray:
    """Something for an input of an encoder; free lengths are names or negative."""
    if name == "speaker":
        return _unit(rng, int(shape[1]))
    sizes = [size if isinstance(size, int) and size > 0 else N_TOKENS for size in shape]
    if name == "duration_noise":
        return rng.standard_normal(sizes, np.float32)
    return rng.integers(0, 3, sizes)


def _unit(rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """A speaker vector (1, S)."""
    vector = rng.standard_normal((1, size), np.float32)
    return vector / np.linalg.norm(vector)
