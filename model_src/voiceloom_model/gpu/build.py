"""A bundle's ONNX graphs as TensorRT engines, by `tensorrt` or `tensorrt-rtx`, whichever is installed.

TensorRT times kernels on the GPU that is here and builds for that one; what it timed is kept between builds.
TensorRT-RTX builds for the GPU that is here, or, without any, for all that it knows (Ampere to Blackwell) and finishes
the engine where it is loaded. Networks are strongly typed, an engine computes in the precision of its graph, so for
fp16 the decoder's graph is halved first. The encoder stays fp32: a text lasts as long in any precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voiceloom_model.gpu.card import GRAPHS, SOURCE, EngineCard, file_sha256
from voiceloom_model.gpu.library import RTX, Gpu, current_gpu, tensorrt_library
from voiceloom_model.runtime.windows import windows

#: Longer than any passage at an ordinary speed: half a minute at 16 kHz and a hop of 256.
PASSAGE_FRAMES = 2000

Profile = dict[str, tuple[int, int, int]]  # "tokens", "frames", "samples" → fewest, best and most


@dataclass(frozen=True)
class Lengths:
    """Bucket sizes, ascending; every one is an optimisation profile whose kernels are chosen for its longest.

    A decoder that is a source and filters also takes samples, `hop_length` a frame.
    """

    tokens: tuple[int, ...]
    frames: tuple[int, ...]
    hop_length: int

    def profiles(self, graph: str) -> list[Profile]:
        """Encoders only know tokens; a decoder's bucket is of frames and takes any number of tokens."""
        if graph == "encoder":
            return [{"tokens": (1, size, size)} for size in self.tokens]
        tokens, hop = (1, self.tokens[0], self.tokens[-1]), self.hop_length
        return [
            {"tokens": tokens, "frames": (1, size, size), "samples": (hop, size * hop, size * hop)}
            for size in self.frames
        ]


def widest_window(context: int | None) -> int:
    """The most frames that the runtime computes at once, for a voice that hears `context` frames to either side.

    Without windows that is a passage, which never has so many.
    """
    return max(window.last - window.first for size in range(1, PASSAGE_FRAMES) for window in windows(size, context))


class Builder:
    """TensorRT's builder for the GPU that is here; `ValueError` where it cannot build."""

    def __init__(self, lengths: Lengths, cache: Path) -> None:
        self.library, self.gpu = tensorrt_library(), current_gpu()
        self.lengths, self.cache = lengths, cache
        self.anywhere = self.library.__name__ == RTX
        if self.gpu is None and not self.anywhere:
            raise ValueError("tensorrt builds on the GPU that it builds for, and there is none here; use tensorrt-rtx")
        self._log = _listener(self.library)
        self._builder: Any = self.library.Builder(self._log)

    def build(self, graph: Path, precision: str, engine: Path) -> EngineCard:
        """Build `graph` into `engine` and write its card; `ValueError` with TensorRT's words when it cannot."""
        network, _parser = self._parsed(self._halved(graph) if precision == "fp16" else graph)
        config = self._config(network, self.lengths.profiles(graph.stem))
        timings = self._timings(config, graph)
        made = self._builder.build_serialized_network(network, config)
        if made is None:
            raise ValueError(self._refusal(f"build {graph}"))
        if timings is not None:
            timings.parent.mkdir(parents=True, exist_ok=True)
            timings.write_bytes(bytes(config.get_timing_cache().serialize()))
        engine.write_bytes(bytes(made))
        card = self._card(graph, precision, engine)
        card.write(engine)
        return card

    def _halved(self, graph: Path) -> Path:
        from voiceloom_model.export.half import halve_graph

        halved = self.cache / f"{graph.stem}.fp16.onnx"
        halved.parent.mkdir(parents=True, exist_ok=True)
        halve_graph(graph, halved)
        return halved

    def _parsed(self, graph: Path) -> tuple[Any, Any]:
        """The network, and the parser, which owns the weights."""
        flag = 1 << int(self.library.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        network = self._builder.create_network(flag)
        parser = self.library.OnnxParser(network, self._log)
        if not parser.parse_from_file(str(graph)):
            error = parser.get_error(0)
            self._log.errors.append(f"{error.node_operator()} {error.node_name()}: {error.desc()}")
            raise ValueError(self._refusal(f"read {graph}"))
        return network, parser

    def _config(self, network: Any, profiles: list[Profile]) -> Any:
        config = self._builder.create_builder_config()
        config.clear_flag(self.library.BuilderFlag.TF32)  # float32 is float32, as everywhere else
        if self.anywhere and self.gpu is not None:
            config.num_compute_capabilities = 1
            config.set_compute_capability(self.library.ComputeCapability.CURRENT, 0)
        inputs = [network.get_input(index) for index in range(network.num_inputs)]
        inputs = [tensor for tensor in inputs if -1 in tuple(tensor.shape)]
        for lengths in profiles:
            profile = self._builder.create_optimization_profile()
            for tensor in inputs:
                shapes = [_shape(tensor, lengths, which) for which in range(3)]
                profile.set_shape(tensor.name, *shapes)
            if config.add_optimization_profile(profile) < 0:
                raise ValueError(self._refusal(f"take the lengths {lengths}"))
        return config

    def _timings(self, config: Any, graph: Path) -> Path | None:
        """Give TensorRT what it timed before; the file of it. TensorRT-RTX times nothing."""
        if self.anywhere or self.gpu is None:
            return None
        gpu = self.gpu.name.replace(" ", "-").replace("/", "-")
        path = self.cache / f"{graph.stem}-{self.library.__version__}-{gpu}.timing"
        kept = config.create_timing_cache(path.read_bytes() if path.is_file() else b"")
        config.set_timing_cache(kept, ignore_mismatch=False)
        return path

    def _card(self, graph: Path, precision: str, engine: Path) -> EngineCard:
        gpu = self.gpu or Gpu("", "")
        return EngineCard(
            graph_sha256=file_sha256(graph),
            engine_sha256=file_sha256(engine),
            precision=precision,
            library=self.library.__name__,
            version=self.library.__version__,
            gpu=gpu.name or None,
            compute_capability=gpu.compute_capability or None,
            lengths=[
                {name: sizes[2] for name, sizes in profile.items()} for profile in self.lengths.profiles(graph.stem)
            ],
        )

    def _refusal(self, what: str) -> str:
        words = self._log.errors[-1] if self._log.errors else "it does not say why"
        return f"{self.library.__name__} {self.library.__version__} does not {what}: {' '.join(words.split())}"


def build_engines(voice: Path, precision: str, lengths: Lengths, folder: Path, cache: Path) -> dict[str, EngineCard]:
    """Write `encoder.engine`, `decoder.engine` and their cards into `folder`, from a bundle's fp32 graphs.

    `cache` is a folder that keeps what helps the next build. `ValueError` or `FileNotFoundError` when it cannot be.
    """
    graphs = voice / SOURCE
    if not graphs.is_dir():
        raise FileNotFoundError(f"{graphs} is not there: engines are built from the {SOURCE} graphs of a voice")
    builder = Builder(lengths, cache)
    folder.mkdir(parents=True)
    precisions = {"encoder": "fp32", "decoder": precision}
    return {
        name: builder.build(graphs / f"{name}.onnx", precisions[name], folder / f"{name}.engine") for name in GRAPHS
    }


def _shape(tensor: Any, lengths: Profile, which: int) -> tuple[int, ...]:
    """An input's shape at one end of a profile, its free axes by their names in the graph."""
    sizes = enumerate(tuple(tensor.shape))
    return tuple(lengths[tensor.get_dimension_name(axis)][which] if size < 0 else size for axis, size in sizes)


def _listener(library: Any) -> Any:
    """A logger that remembers errors instead of printing them: TensorRT says why only there."""

    class Listener(library.ILogger):
        def __init__(self) -> None:
            library.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, msg: str) -> None:
            if severity == library.ILogger.ERROR:
                self.errors.append(msg)

    return Listener()
