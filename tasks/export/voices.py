"""One text, spoken at several precisions with the same noise and the same durations, as the runtime speaks it.

Letters: N tokens, F frames, T samples.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.export.lines import Line
from voiceloom_model.runtime.bundle import Description
from voiceloom_model.runtime.network import Manner, Network, Plan

if TYPE_CHECKING:
    from voiceloom_model.nn.synthesizer import Synthesizer

SOUNDS = ("encoded", "durations", "noise", "speaker")


@dataclass(frozen=True)
class Passage:
    """A line, the manner in which all say it, and the plan of the reference: its durations and its noise."""

    line: Line
    manner: Manner
    plan: Plan

    def spoken_by(self, voice: Network) -> np.ndarray:
        """The passage in a voice, with the reference's durations and noise: samples (T,) between -1 and 1."""
        own = voice.plan(self.line.tokens, self.manner)
        plan = own._replace(durations=self.plan.durations, noise=self.plan.noise, breath=self.plan.breath)
        return np.concatenate(list(voice.sound(plan)))

    def kept_durations(self, voice: Network) -> float:
        """The share of tokens that this voice by itself would give as many frames."""
        return float((voice.plan(self.line.tokens, self.manner).durations == self.plan.durations).mean())


def passages(lines: Sequence[Line], reference: Network, description: Description, seed: int) -> list[Passage]:
    """The lines with the reference's durations, and for each its own noise, which depends on `seed` alone."""
    return [_passage(line, reference, description, seed + number) for number, line in enumerate(lines)]


def graph_voice(folder: Path, description: Description) -> Network:
    """The graphs of one precision on one thread, run as the runtime runs them."""
    from voiceloom_model.runtime.bundle import GRAPHS
    from voiceloom_model.runtime.engine import Engine, interfaces

    engine, wanted = Engine(), interfaces(description)
    encoder, decoder = (engine.open(folder / graph, wanted[graph]) for graph in GRAPHS)
    return Network(encoder, decoder, description)


def torch_voice(module: Any, synthesizer: Synthesizer, description: Description) -> Network:
    """The network (`Speaking`), or its TorchScript at 8 bits; PyTorch makes a passage in one go."""
    from voiceloom_model.nn.sound import Excitation

    size = synthesizer.durations.noise_size
    texts = {"tokens": (), "stress": (), "language": (), "speaker": ()} | ({"duration_noise": (size,)} if size else {})
    whole = dataclasses.replace(description, context_frames=None)
    sounds = (*SOUNDS, *(Excitation._fields if synthesizer.config.decoder == "source" else ()))
    return Network(_Session(module.encode, texts), _Session(module.decode, dict.fromkeys(sounds, ())), whole)


def torchscript(path: Path) -> Any:
    """The voice that `quantize` wrote; Python unpickles nothing of it."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces that its 8-bit tensors move elsewhere; torch is pinned
        return torch.jit.load(path)


class _Input(NamedTuple):
    name: str
    shape: tuple[int, ...]


class _Session:
    """A method that takes tensors, in order, as a session of ONNX Runtime takes arrays by name."""

    def __init__(self, method: Callable[..., Any], inputs: Mapping[str, tuple[int, ...]]) -> None:
        self._method, self._inputs = method, [_Input(name, shape) for name, shape in inputs.items()]

    def get_inputs(self) -> list[_Input]:
        return self._inputs

    def run(self, _: None, given: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        import torch

        with torch.inference_mode():
            made = self._method(*(torch.from_numpy(given[entry.name]) for entry in self._inputs))
        return [tensor.numpy() for tensor in (made if isinstance(made, tuple) else (made,))]


def _passage(line: Line, reference: Network, description: Description, seed: int) -> Passage:
    vector = np.asarray([description.speakers[line.speaker]["embedding"]], np.float32)
    manner = Manner(line.language, vector, 1.0, seed)
    return Passage(line, manner, reference.plan(line.tokens, manner))
