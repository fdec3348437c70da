"""Does the exported voice sound like the network? Compared on random texts of random lengths, same noise.

The graphs speak window by window, as the runtime does; the network makes every wave whole.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from voiceloom_model.export.graphs import Inputs, random_inputs
from voiceloom_model.nn.synthesizer import Synthesizer, context_frames
from voiceloom_model.runtime.windows import windows

MAX_TOKENS = 160


def check_parity(synthesizer: Synthesizer, folder: Path, lengths: int, tolerance: float) -> float:
    """The largest difference of any output over `lengths` texts; `ValueError` beyond `tolerance`."""
    worst = max(differences(synthesizer, folder, lengths))
    if not worst <= tolerance:
        raise ValueError(f"{folder} differs from PyTorch by {worst:.2e}, more than export.parity_tolerance {tolerance}")
    return worst


def differences(synthesizer: Synthesizer, folder: Path, lengths: int) -> list[float]:
    """Largest absolute difference to PyTorch of each of `lengths` texts: random tokens, speakers and languages."""
    encoder, decoder = _session(folder / "encoder.onnx"), _session(folder / "decoder.onnx")
    sizes = np.random.default_rng(0).integers(3, MAX_TOKENS, lengths)
    found = []
    for seed, size in enumerate(sizes):
        inputs = random_inputs(synthesizer, int(size), seed)
        with torch.inference_mode():
            expected = [*synthesizer.encode(*inputs.encoder), synthesizer.decode(*inputs.decoder)]
        actual = [*_run(encoder, inputs), _wave(decoder, inputs, synthesizer)]
        pairs = zip(actual, expected, strict=True)
        found.append(max(float(np.abs(one - other.numpy()).max()) for one, other in pairs))
    return found


def wave_difference(first: Path, second: Path, synthesizer: Synthesizer, lengths: int) -> float:
    """How far the waves of two precisions are apart: RMS of the difference over RMS of the first, in dB."""
    sessions = [_session(folder / "decoder.onnx") for folder in (first, second)]
    noise = signal = 0.0
    for seed in range(lengths):
        inputs = random_inputs(synthesizer, 40, seed)
        one, other = (_wave(session, inputs, synthesizer) for session in sessions)
        noise, signal = noise + float(np.square(one - other).sum()), signal + float(np.square(one).sum())
    return float(10 * np.log10(max(noise, 1e-20) / max(signal, 1e-20)))


def _wave(decoder: onnxruntime.InferenceSession, inputs: Inputs, synthesizer: Synthesizer) -> np.ndarray:
    """The wave (1, T) of a text, window by window."""
    hop, waves = synthesizer.config.hop_length, []
    for window in windows(inputs.noise.shape[1], context_frames(synthesizer.config)):
        noise = inputs.noise[:, window.first : window.last]
        (wave,) = _run(decoder, dataclasses.replace(inputs, noise=noise, start=torch.tensor(window.first)))
        waves.append(wave[:, (window.start - window.first) * hop : (window.stop - window.first) * hop])
    return np.concatenate(waves, axis=1)


def _run(session: onnxruntime.InferenceSession, inputs: Inputs) -> list[np.ndarray]:
    named = {entry.name: getattr(inputs, entry.name).numpy() for entry in session.get_inputs()}
    return [np.asarray(output) for output in session.run(None, named)]


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
