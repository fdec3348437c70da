"""TensorRT engines that are run as ONNX Runtime runs a graph: numpy arrays by name in, numpy arrays out."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voiceloom_model.gpu.card import check_card
from voiceloom_model.gpu.library import RTX, current_gpu, tensorrt_library
from voiceloom_model.gpu.memory import Buffers


@dataclass(frozen=True)
class Input:
    """An input as an ONNX Runtime session describes it; -1 is a free length."""

    name: str
    shape: tuple[int, ...]


class EngineSession:
    """An engine on its GPU. Several threads take turns.

    TensorRT-RTX finishes the kernels of an engine where it runs; `kept` is the file that keeps them between processes.
    """

    def __init__(self, engine: Any, library: Any, buffers: Buffers, kept: Path | None = None) -> None:
        self._engine, self._library, self._buffers, self._kept = engine, library, buffers, kept
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        modes = {name: engine.get_tensor_mode(name) for name in names}
        self._inputs = [name for name in names if modes[name] == library.TensorIOMode.INPUT]
        self._outputs = [name for name in names if modes[name] == library.TensorIOMode.OUTPUT]
        self._free = [name for name in self._inputs if -1 in tuple(engine.get_tensor_shape(name))]
        self._types = {name: np.dtype(library.nptype(engine.get_tensor_dtype(name))) for name in names}
        self._contexts: dict[int, Any] = {}
        self._cache, self._config = _runtime_cache(engine, library, kept)
        self._turn = threading.Lock()

    def get_inputs(self) -> list[Input]:
        """Every input's name and shape."""
        return [Input(name, tuple(self._engine.get_tensor_shape(name))) for name in self._inputs]

    def run(self, output_names: None, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """All outputs in the engine's order; `ValueError` for lengths beyond every profile."""
        arrays = {name: np.asarray(inputs[name], self._types[name], order="C") for name in self._inputs}
        with self._turn:
            context = self._context(self._profile(arrays))
            for name, array in arrays.items():
                address = self._buffers.upload(name, array)
                _must(context.set_input_shape(name, array.shape), f"the shape {array.shape} of {name}")
                _must(context.set_tensor_address(name, address), f"the memory of {name}")
            outputs = [self._output(context, name) for name in self._outputs]
            _must(context.execute_async_v3(self._buffers.stream), "the work")
            for name, array in zip(self._outputs, outputs, strict=True):
                self._buffers.download(name, array)
            self._buffers.wait()
        return outputs

    def close(self) -> None:
        """Keep what TensorRT-RTX compiled, where there is a file for it, and give the memory back."""
        if self._cache is not None and self._kept is not None:
            self._kept.parent.mkdir(parents=True, exist_ok=True)
            self._kept.write_bytes(bytes(self._cache.serialize()))
        self._contexts.clear()
        self._buffers.close()

    def _output(self, context: Any, name: str) -> np.ndarray:
        """An array to receive an output, whose shape follows from the inputs'."""
        array = np.empty(tuple(context.get_tensor_shape(name)), self._types[name])
        _must(context.set_tensor_address(name, self._buffers.hold(name, array.nbytes)), f"the memory of {name}")
        return array

    def _profile(self, arrays: Mapping[str, np.ndarray]) -> int:
        """The first profile that holds the lengths: the engine's profiles ascend."""
        for index in range(self._engine.num_optimization_profiles):
            longest = {name: self._engine.get_tensor_profile_shape(name, index)[2] for name in self._free}
            if all(_within(arrays[name].shape, most) for name, most in longest.items()):
                return index
        given = ", ".join(f"{name} {arrays[name].shape}" for name in self._free)
        raise ValueError(
            f"the engine was built for shorter inputs than {given}: raise the buckets of `tensorrt` in params.yaml"
        )

    def _context(self, index: int) -> Any:
        """The context of a profile, made when it is first wanted: switching one context between profiles waits."""
        if index not in self._contexts:
            made = self._engine.create_execution_context
            context = made() if self._config is None else made(self._config)
            _must(context is not None, "a context")
            _must(context.set_optimization_profile_async(index, self._buffers.stream), f"profile {index}")
            self._buffers.wait()
            self._contexts[index] = context
        return self._contexts[index]


def open_engine(engine: Path, graph_sha256: str, kept: Path | None = None) -> EngineSession:
    """Load an engine that was built from that graph for this GPU by this TensorRT; `ValueError` for any other."""
    library = tensorrt_library()
    check_card(engine, graph_sha256, library, current_gpu())
    buffers = Buffers()  # makes the GPU's context, which TensorRT wants to find
    runtime = library.Runtime(library.Logger(library.Logger.ERROR))
    loaded = runtime.deserialize_cuda_engine(engine.read_bytes())
    if loaded is None:
        raise ValueError(f"{library.__name__} {library.__version__} does not load {engine}; its own words are above")
    return EngineSession(loaded, library, buffers, kept)


def _runtime_cache(engine: Any, library: Any, kept: Path | None) -> tuple[Any, Any]:
    """TensorRT-RTX's cache of kernels, with what was kept, and the configuration that uses it; None for TensorRT."""
    if library.__name__ != RTX:
        return None, None
    config = engine.create_runtime_config()
    config.cuda_graph_strategy = library.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    cache = config.create_runtime_cache()
    if kept is not None:
        with contextlib.suppress(FileNotFoundError):
            cache.deserialize(kept.read_bytes())  # refuses by itself what another GPU or version left
    config.set_runtime_cache(cache)
    return cache, config


def _within(shape: tuple[int, ...], longest: Any) -> bool:
    return all(size <= most for size, most in zip(shape, tuple(longest), strict=True))


def _must(done: bool, what: str) -> None:
    """TensorRT answers False and writes its reason to its log."""
    if not done:
        raise OSError(f"TensorRT refused {what}; its own words are above")
