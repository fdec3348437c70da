"""Does the exported voice sound like the network? Compared on random texts of random lengths, same noise.

The graphs speak window by window, as the runtime does; the network makes every wave whole. The phase of pulses is the
sum of all pitch before, in which the last digit of a pitch grows to a wave's difference that nobody hears. So the pitch
of a source is compared by itself, and waves at the same pitch.

Letters: F frames, T samples.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from voiceloom_model.export.graphs import Inputs, random_inputs
from voiceloom_model.nn.synthesizer import Synthesizer, context_frames
from voiceloom_model.runtime.windows import Window, windows

MAX_TOKENS = 160


def check_parity(synthesizer: Synthesizer, folder: Path, lengths: int, tolerance: float) -> float:
    """The largest difference of any output over `lengths` texts; `ValueError` beyond `tolerance`."""
    worst = max(differences(synthesizer, folder, lengths))
    if not worst <= tolerance:
        raise ValueError(f"{folder} differs from PyTorch by {worst:.2e}, more than export.parity_tolerance {tolerance}")
    return worst


def differences(synthesizer: Synthesizer, folder: Path, lengths: int) -> list[float]:
    """Largest difference to PyTorch of each of `lengths` texts: random tokens, speakers and languages.

    It is absolute, and of a pitch relative.
    """
    encoder, decoder = _session(folder / "encoder.onnx"), _session(folder / "decoder.onnx")
    sizes = np.random.default_rng(0).integers(3, MAX_TOKENS, lengths)
    found = []
    for seed, size in enumerate(sizes):
        inputs = random_inputs(synthesizer, int(size), seed)
        with torch.inference_mode():
            encoded = synthesizer.encode(*inputs.encoder)
            sound = synthesizer.sound(*inputs.decoder, excitation=inputs.excitation)
        apart = [_apart(one, other) for one, other in zip(_run(encoder, inputs), encoded, strict=True)]
        if sound.f0 is not None:
            _, heard_f0, _ = _spoken(decoder, inputs, synthesizer)
            apart.append(_apart(heard_f0 / sound.f0.numpy(), torch.ones(1)))
            inputs = dataclasses.replace(inputs, f0=sound.f0)
        expected = [part for part in (sound.wave, sound.f0, sound.cycles) if part is not None]
        spoken = _spoken(decoder, inputs, synthesizer)
        found.append(max(apart + [_apart(one, other) for one, other in zip(spoken, expected, strict=True)]))
    return found


def _apart(one: np.ndarray, other: Tensor) -> float:
    return float(np.abs(one - other.numpy()).max())


def wave_difference(first: Path, second: Path, synthesizer: Synthesizer, lengths: int) -> float:
    """How far the waves of two precisions are apart at the first's pitch: RMS of the difference over RMS in dB."""
    sessions = [_session(folder / "decoder.onnx") for folder in (first, second)]
    noise = signal = 0.0
    for seed in range(lengths):
        inputs = random_inputs(synthesizer, 40, seed)
        if inputs.f0 is not None:
            _, heard_f0, _ = _spoken(sessions[0], inputs, synthesizer)
            inputs = dataclasses.replace(inputs, f0=torch.from_numpy(heard_f0))
        one, other = (_spoken(session, inputs, synthesizer)[0] for session in sessions)
        noise, signal = noise + float(np.square(one - other).sum()), signal + float(np.square(one).sum())
    return float(10 * np.log10(max(noise, 1e-20) / max(signal, 1e-20)))


def _spoken(decoder: onnxruntime.InferenceSession, inputs: Inputs, synthesizer: Synthesizer) -> list[np.ndarray]:
    """A text, window by window: wave (1, T), and of a source f0 in Hz and cycles, (1, F) each."""
    hop, parts, phase = synthesizer.config.hop_length, [], torch.zeros(1)
    for window in windows(inputs.noise.shape[1], context_frames(synthesizer.config)):
        wave, *said = _run(decoder, _of_window(inputs, window, hop, phase))
        first, last = window.start - window.first, window.stop - window.first
        parts.append((wave[:, first * hop : last * hop], *(values[:, first:last] for values in said)))
        if said and last < said[-1].shape[1]:
            phase = torch.from_numpy(said[-1][:, last])
    return [np.concatenate(values, axis=1) for values in zip(*parts, strict=True)]


def _of_window(inputs: Inputs, window: Window, hop: int, phase: Tensor) -> Inputs:
    """What the decoder takes for a window in which pulses begin at a phase (1,) in cycles."""
    here = {"noise": inputs.noise[:, window.first : window.last], "start": torch.tensor(window.first)}
    if inputs.breath is not None and inputs.f0 is not None:
        here["breath"] = inputs.breath[:, window.first * hop : window.last * hop]
        here["phase"], here["anchor"] = phase, torch.tensor(window.start - window.first)
        here["f0"] = inputs.f0[:, window.first : window.last]
    return dataclasses.replace(inputs, **here)


def _run(session: onnxruntime.InferenceSession, inputs: Inputs) -> list[np.ndarray]:
    named = {entry.name: getattr(inputs, entry.name).numpy() for entry in session.get_inputs()}
    return [np.asarray(output) for output in session.run(None, named)]


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
