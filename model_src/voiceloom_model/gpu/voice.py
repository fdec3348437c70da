"""Voices whose graphs a GPU computes: by TensorRT engines, or by PyTorch with or without CUDA Graphs.

They are the runtime's `Voice` with other sessions, so `say`, `stream`, `batch` and `speak` are the same; the speaker
encoder stays with ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceloom_model.gpu.card import GRAPHS, SOURCE, file_sha256
from voiceloom_model.gpu.engines import EngineSession, Input, open_engine
from voiceloom_model.runtime.bundle import Bundle, open_bundle
from voiceloom_model.runtime.engine import Engine
from voiceloom_model.runtime.voice import Voice

if TYPE_CHECKING:
    from torch import Tensor

    from voiceloom_model.gpu.cuda_graphs import BucketedSynthesizer
    from voiceloom_model.nn.synthesizer import Synthesizer

#: So many inputs of `sound` come before those of an excitation.
_BEFORE_EXCITATION = 5


class GivenVoice(Voice):
    """A bundle that speaks by sessions of one's own, by file name: "encoder.onnx", "decoder.onnx"."""

    def __init__(self, bundle: Bundle, sessions: Mapping[str, Any]) -> None:
        self._given = sessions
        super().__init__(bundle, SOURCE, Engine())

    def _session(self, name: str) -> Any:
        return self._given.get(name.rpartition("/")[2]) or super()._session(name)


def engine_voice(voice: Path, engines: Path, cache: Path | None = None) -> Voice:
    """A bundle spoken by the TensorRT engines in a folder.

    `cache` is a folder where TensorRT-RTX finds what it compiled before. Raises `ValueError` or `OSError` for engines
    of another voice, GPU or TensorRT.
    """
    bundle = open_bundle(voice)
    return GivenVoice(bundle, engine_sessions(bundle, engines, cache))


def engine_sessions(bundle: Bundle, engines: Path, cache: Path | None = None) -> dict[str, EngineSession]:
    """The engines by the file names of their graphs, the encoder first."""
    sessions = {}
    for name in GRAPHS:
        graph, kept = bundle.graph(f"{SOURCE}/{name}.onnx"), cache and cache / f"{name}.kernels"
        sessions[graph.name] = open_engine(engines / f"{name}.engine", file_sha256(graph), kept)
    return sessions


def network_voice(voice: Path, network: Synthesizer | BucketedSynthesizer) -> Voice:
    """A bundle spoken by the network that it was exported from, on the device where that is."""
    sessions = {"encoder.onnx": NetworkSession(network, "encode"), "decoder.onnx": NetworkSession(network, "sound")}
    return GivenVoice(open_bundle(voice), sessions)


class NetworkSession:
    """`encode` or `sound` of a network, run as ONNX Runtime runs their graphs."""

    def __init__(self, network: Synthesizer | BucketedSynthesizer, method: str) -> None:
        self._network, self._method = network, method
        self._inputs = _inputs(network)[method]
        self._device = next(network.durations.parameters()).device

    def get_inputs(self) -> list[Input]:
        """Every input's name and shape."""
        return self._inputs

    def run(self, output_names: None, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """All outputs in the graph's order."""
        import torch

        with torch.no_grad():
            tensors = [torch.from_numpy(np.asarray(inputs[entry.name])).to(self._device) for entry in self._inputs]
            outputs = self._network.encode(*tensors) if self._method == "encode" else self._sound(*tensors)
        return [output.cpu().numpy() for output in outputs]

    def _sound(self, *tensors: Tensor) -> Sequence[Tensor]:
        """What a decoder's graph gives: the wave and, of a source and filters, pitch and phases."""
        from voiceloom_model.nn.sound import Excitation

        given, excitation = tensors[:_BEFORE_EXCITATION], tensors[_BEFORE_EXCITATION:]
        sound = self._network.sound(*given, excitation=Excitation(*excitation) if excitation else None)
        return [output for output in (sound.wave, sound.f0, sound.cycles) if output is not None]


def _inputs(network: Any) -> dict[str, list[Input]]:
    """What both methods take, in order, as their graphs do; -1 is a free length."""
    config = network.config
    speaker = Input("speaker", (1, config.speaker_size))
    encode = [Input("tokens", (1, -1)), Input("stress", (1, -1)), Input("language", (1,)), speaker]
    if network.durations.noise_size:
        encode.append(Input("duration_noise", (1, -1, network.durations.noise_size)))
    encoded, noise = Input("encoded", (1, -1, config.hidden)), Input("noise", (1, -1, config.latent))
    sound = [encoded, Input("durations", (1, -1)), noise, speaker, Input("start", ())]
    if config.decoder == "source":
        sound += [Input("breath", (1, -1)), Input("phase", (1,)), Input("anchor", ()), Input("f0", (1, -1))]
    return {"encode": encode, "sound": sound}
