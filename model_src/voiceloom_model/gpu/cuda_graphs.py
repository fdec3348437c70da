"""A checkpoint's voice in PyTorch at a few fixed lengths, on a GPU recorded as CUDA Graphs and replayed.

A short text is hundreds of small kernels, which PyTorch launches one by one; a graph launches them at once. It has
fixed shapes, so every length is padded to the next bucket, masked, and cut again. Without a GPU the same is computed
step by step.

Letters: N tokens, F frames, H hidden, L latent, S speaker channels, T = F × hop samples.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from voiceloom_model.gpu.padded import Padded
from voiceloom_model.nn.sound import Excitation, Sound
from voiceloom_model.nn.synthesizer import Synthesizer

#: Before a graph is recorded, libraries choose and allocate what they need; PyTorch's manual asks for three rounds.
WARM_UP_ROUNDS = 3

#: The parts that compute in half precision. Text and durations stay in float32: a text lasts as long in any precision.
HALF_PARTS = ("prior", "flow", "decoder")


@dataclass(frozen=True)
class GraphOptions:
    """Lengths to round up to, ascending, the decoder's precision, and how many graphs are kept at once.

    Texts and windows longer than the last bucket are computed as they are. The frames fit the windows in which the
    runtime speaks, with their context.
    """

    tokens: tuple[int, ...] = (64, 128, 256, 512)
    frames: tuple[int, ...] = (64, 128, 192, 256, 384, 512, 768, 1024, 1344)
    dtype: torch.dtype = torch.float32
    max_graphs: int = 24


def bucket(length: int, sizes: Sequence[int]) -> int | None:
    """The smallest of the ascending sizes that holds `length`; None where none does."""
    return next((size for size in sizes if length <= size), None)


class BucketedSynthesizer:
    """A synthesizer's `encode`, `sound` and `decode` for one text at a time; several threads take turns."""

    def __init__(self, synthesizer: Synthesizer, options: GraphOptions | None = None) -> None:
        self.options = options or GraphOptions()
        self.config = synthesizer.config
        self.durations = synthesizer.durations
        self._device = next(synthesizer.parameters()).device
        self._plain = in_precision(synthesizer, self.options.dtype)
        self._padded = Padded(self._plain)
        self._replays: OrderedDict[tuple, Replay] = OrderedDict()
        self._pool: Any = torch.cuda.graph_pool_handle() if self._device.type == "cuda" else None
        self._turn = threading.Lock()

    @property
    def recorded(self) -> list[tuple]:
        """What is kept: ("encode", N) and ("sound", N, F), the least recently used first."""
        return list(self._replays)

    @torch.no_grad()
    def encode(
        self, tokens: Tensor, stress: Tensor, language: Tensor, speaker: Tensor, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Tokens and stress (1, N), language (1,), speaker (1, S), noise (1, N, 2) → hidden (1, N, H), log frames."""
        size = tokens.shape[1]
        padded = bucket(size, self.options.tokens)
        given = {"tokens": tokens, "stress": stress, "language": language, "speaker": speaker}
        given |= {} if noise is None else {"noise": noise}
        if padded is None:
            return self._plain.encode(**self._here(given))
        sizes = {"tokens": padded, "stress": padded, "noise": padded}
        given["n_tokens"] = torch.tensor([size])
        with self._turn:
            hidden, log_durations = self._replay(("encode", padded), self._padded.encode, given, sizes)
            return hidden[:, :size].clone(), log_durations[:, :size].clone()

    def decode(
        self,
        encoded: Tensor,
        durations: Tensor,
        noise: Tensor,
        speaker: Tensor,
        start: int | Tensor = 0,
        excitation: Excitation | None = None,
    ) -> Tensor:
        """The wave (1, T) of `sound`."""
        return self.sound(encoded, durations, noise, speaker, start, excitation).wave

    @torch.no_grad()
    def sound(
        self,
        encoded: Tensor,
        durations: Tensor,
        noise: Tensor,
        speaker: Tensor,
        start: int | Tensor = 0,
        excitation: Excitation | None = None,
    ) -> Sound:
        """Hidden (1, N, H), whole frames per token (1, N), noise (1, F, L), speaker (1, S), excitation → sound."""
        size, hop = noise.shape[1], self.config.hop_length
        n_tokens, n_frames = bucket(durations.shape[1], self.options.tokens), bucket(size, self.options.frames)
        given = {"encoded": encoded, "durations": durations, "noise": noise, "speaker": speaker}
        given["start"] = torch.as_tensor(start)
        excited = {} if excitation is None else excitation._asdict()
        if n_tokens is None or n_frames is None or not self._padded.can_sound:
            here = None if excitation is None else Excitation(**self._here(excited))
            with self._precision():
                return self._plain.sound(**self._here(given), excitation=here)
        sizes = {"encoded": n_tokens, "durations": n_tokens, "noise": n_frames}
        sizes |= {"f0": n_frames, "breath": n_frames * hop}
        given |= {**excited, "n_frames": torch.tensor([size])}
        with self._turn:
            padded = self._replay(("sound", n_tokens, n_frames), self._sound_padded, given, sizes)
            frames = (value if value is None else value[:, :size].clone() for value in padded[1:])
            return Sound(padded.wave[:, : size * hop].clone(), *frames)

    def _sound_padded(self, **inputs: Tensor) -> Sound:
        with self._precision():
            return self._padded.sound(**inputs)

    def _replay(self, key: tuple, function: Callable, given: dict[str, Tensor], sizes: dict[str, int]) -> Any:
        """What `function` makes of the inputs, padded along their second axis to `sizes`."""
        if key not in self._replays:
            buffers = {name: _zeros(value, sizes.get(name), self._device) for name, value in given.items()}
            self._replays[key] = Replay(function, buffers, self._pool)
        self._replays.move_to_end(key)
        while len(self._replays) > self.options.max_graphs:  # only now: a pool that no graph holds cannot be used again
            self._replays.popitem(last=False)
        return self._replays[key](given)

    def _here(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: value.to(self._device) for name, value in given.items()}

    def _precision(self) -> contextlib.AbstractContextManager:
        """Autocast that keeps nothing: a graph must not hold a weight that was cast before it was recorded."""
        half = self.options.dtype != torch.float32
        return torch.autocast(self._device.type, self.options.dtype, enabled=half, cache_enabled=False)


class Replay:
    """A function of fixed shapes and the buffers it reads; on a GPU recorded once, in the memory pool it is given.

    Graphs of one pool lend each other the memory between their inputs and outputs, so only one may run at a time.
    """

    def __init__(self, function: Callable, buffers: dict[str, Tensor], pool: Any) -> None:
        self._function, self._buffers = function, buffers
        self._graph: Any = None
        if pool is not None:
            self._record(pool)

    def __call__(self, given: Mapping[str, Tensor]) -> Any:
        """The function of the inputs, zero where they are shorter than their buffers; the next call overwrites it."""
        for name, value in given.items():
            buffer = self._buffers[name]
            if buffer.shape != value.shape:
                buffer.zero_()
            buffer[tuple(map(slice, value.shape))].copy_(value)
        if self._graph is None:
            return self._function(**self._buffers)
        self._graph.replay()
        return self._outputs

    def _record(self, pool: Any) -> None:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP_ROUNDS):
                self._function(**self._buffers)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        # What other threads do with the GPU meanwhile is no part of the graph.
        with torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"):
            self._outputs = self._function(**self._buffers)


def in_precision(synthesizer: Synthesizer, dtype: torch.dtype) -> Synthesizer:
    """The synthesizer itself for float32; else a copy whose decoder's matrices and kernels are of `dtype`.

    Norms, embeddings and the inverse DFT stay in float32, where autocast computes them.
    """
    if dtype == torch.float32:
        return synthesizer
    halved = copy.deepcopy(synthesizer)
    kept = getattr(halved.decoder, "leave", None)  # HiFi-GAN's last layer asks for float32
    for name in HALF_PARTS:
        for module in getattr(halved, name).modules():
            if isinstance(module, (nn.Linear, nn.Conv1d, nn.ConvTranspose1d)) and module is not kept:
                module.to(dtype)
    return halved


def _zeros(value: Tensor, size: int | None, device: torch.device) -> Tensor:
    """A buffer for `value` whose second axis is `size` long where that is given."""
    shape = [*value.shape]
    if size is not None:
        shape[1] = size
    return torch.zeros(shape, dtype=value.dtype, device=device)
