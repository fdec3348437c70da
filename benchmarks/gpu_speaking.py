"""How fast a GPU speaks: TensorRT and CUDA Graphs beside plain PyTorch and ONNX Runtime on the same GPU.

The preset `small` with random weights (speed does not depend on them), from tokens to samples in the host's memory, in
the runtime's windows; all take turns on texts of several lengths. TensorRT's engines are built first. The last line is
one JSON object: milliseconds a text (median over lengths and rounds), how far each one's sound is from the processor's
in dB at one pitch, and how many times faster than plain PyTorch (`…_vs_torch`) and ONNX Runtime (`…_vs_onnxruntime`)
ours are. What is not installed is null.

Run: python benchmarks/gpu_speaking.py
"""

from __future__ import annotations

import copy
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

ROUNDS = 20
WARM_UP_ROUNDS = 3
#: Tokens of a text: a word, a sentence, two, and as long a passage as the runtime speaks in one go.
LENGTHS = (12, 70, 150, 280)
PITCH_HZ = 120.0
NO_GPU = "There is no CUDA GPU here, so there is nothing to compare: see docs/gpu.md."

PEERS = ("torch", "onnxruntime")
OURS = ("cuda_graphs", "cuda_graphs_bf16", "tensorrt", "tensorrt_fp16")

Sessions = tuple[Any, Any]


def main() -> None:
    """Measure and print."""
    import torch

    if not torch.cuda.is_available():
        print(NO_GPU)
        print(json.dumps({"gpu": None}))
        return
    torch.backends.cudnn.allow_tf32 = False  # float32 is float32, as for the others
    from _random_voice import random_synthesizer

    from voiceloom_model.config import ModelConfig
    from voiceloom_model.export.graphs import export_synthesizer

    synthesizer = random_synthesizer(ModelConfig)
    with tempfile.TemporaryDirectory() as folder:
        export_synthesizer(synthesizer, Path(folder) / "fp32")
        networks = {name: network(sessions, synthesizer) for name, sessions in speakers(synthesizer, Path(folder))}
        report(networks, torch.cuda.get_device_name())


def speakers(synthesizer, folder: Path) -> Iterator[tuple[str, Sessions]]:
    """Who speaks, by name, each as the sessions of encoder and decoder; whoever cannot says why in one sentence."""
    import torch

    from voiceloom_model.gpu.cuda_graphs import BucketedSynthesizer, GraphOptions

    on_gpu = copy.deepcopy(synthesizer).cuda()
    yield "processor", onnxruntime_sessions(folder, "CPUExecutionProvider")
    yield "torch", torch_sessions(on_gpu)
    yield "cuda_graphs", torch_sessions(BucketedSynthesizer(on_gpu))
    yield "cuda_graphs_bf16", torch_sessions(BucketedSynthesizer(on_gpu, GraphOptions(dtype=torch.bfloat16)))
    others: dict[str, Callable[[], Sessions]] = {
        "onnxruntime": lambda: onnxruntime_sessions(folder, "CUDAExecutionProvider"),
        "tensorrt": lambda: tensorrt_sessions(folder, "fp32", synthesizer.config.hop_length),
        "tensorrt_fp16": lambda: tensorrt_sessions(folder, "fp16", synthesizer.config.hop_length),
    }
    for name, open_sessions in others.items():
        try:
            yield name, open_sessions()
        except (ValueError, OSError) as error:
            print(f"{name}: {error}")


def torch_sessions(network) -> Sessions:
    """PyTorch, with or without graphs."""
    from voiceloom_model.gpu.voice import NetworkSession

    return NetworkSession(network, "encode"), NetworkSession(network, "sound")


def onnxruntime_sessions(folder: Path, provider: str) -> Sessions:
    """ONNX Runtime on one provider; `ValueError` when it is not there or does not start."""
    import onnxruntime

    if provider not in onnxruntime.get_available_providers():
        raise ValueError("ONNX Runtime has no CUDA here: pip install onnxruntime-gpu in place of onnxruntime")
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # CUDA's libraries may lie where PyTorch installed them
    chosen = [(provider, {"use_tf32": "0"} if provider.startswith("CUDA") else {})]
    opened = [
        onnxruntime.InferenceSession(folder / "fp32" / f"{name}.onnx", providers=chosen)
        for name in ("encoder", "decoder")
    ]
    if opened[0].get_providers()[0] != provider:
        raise ValueError("ONNX Runtime could not start CUDA; its own words are above")
    return opened[0], opened[1]


def tensorrt_sessions(folder: Path, precision: str, hop_length: int) -> Sessions:
    """Engines of whichever TensorRT is installed, built for this GPU."""
    from voiceloom_model.gpu.build import Lengths, build_engines
    from voiceloom_model.gpu.engines import open_engine

    engines = folder / f"engines-{precision}"
    started = time.perf_counter()
    lengths = Lengths((64, 512), (256, 1344), hop_length)
    cards = build_engines(folder, precision, lengths, engines, folder / "cache")
    size = sum(path.stat().st_size for path in engines.iterdir())
    print(f"engines of {precision}: {size / 1e6:.1f} MB, built in {time.perf_counter() - started:.1f} s")
    opened = [open_engine(engines / f"{name}.engine", card.graph_sha256) for name, card in cards.items()]
    return opened[0], opened[1]


class Monotone:
    """A decoder's session that is always given one pitch, so that no last bit of one turns the phases of pulses."""

    def __init__(self, session: Any) -> None:
        self._session, self.get_inputs = session, session.get_inputs

    def run(self, output_names: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """All outputs, at that pitch where the decoder takes any."""
        pitch = {"f0": np.full_like(inputs["f0"], PITCH_HZ)} if "f0" in inputs else {}
        return self._session.run(output_names, {**inputs, **pitch})


def network(sessions: Sessions, synthesizer) -> Any:
    """The runtime's network of two sessions."""
    from voiceloom_model.nn.synthesizer import context_frames
    from voiceloom_model.runtime.network import Network

    config = synthesizer.config
    description: Any = SimpleNamespace(
        sample_rate_hz=16000,
        hop_length=config.hop_length,
        latent=config.latent,
        context_frames=context_frames(config),
        noise_scale=0.667,
        duration_noise_scale=0.8,
        layout=config.layout,
    )
    return Network(sessions[0], Monotone(sessions[1]), description)


def say(network, size: int) -> np.ndarray:
    """A text of so many random tokens as samples."""
    from voiceloom_model.runtime.network import Manner
    from voiceloom_model.text import N_SYMBOLS, Tokens

    rng = np.random.default_rng(size)
    speaker = np.full((1, 256), 1 / 16, np.float32)
    ids = rng.integers(1, N_SYMBOLS, size).tolist()
    plan = network.plan(Tokens(ids, rng.integers(0, 3, size).tolist()), Manner("en-US", speaker, 1.0, seed=size))
    return np.concatenate(list(network.sound(plan)))


def report(networks: dict[str, Any], gpu: str) -> None:
    """All take turns; print a line each and the JSON object."""
    milliseconds: defaultdict[str, list[float]] = defaultdict(list)
    distances: dict[str, float] = {}
    wanted = {size: say(networks["processor"], size) for size in LENGTHS}
    timed = {name: network for name, network in networks.items() if name != "processor"}
    for name, each in timed.items():
        distances[name] = max(distance_db(wanted[size], say(each, size)) for size in LENGTHS)
    for turn in range(WARM_UP_ROUNDS + ROUNDS):
        for size in LENGTHS:
            for name, each in timed.items():
                started = time.perf_counter()
                say(each, size)
                if turn >= WARM_UP_ROUNDS:
                    milliseconds[name].append(1000 * (time.perf_counter() - started))
    medians = {name: statistics.median(values) for name, values in milliseconds.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.2f} ms a text, {distances[name]:.0f} dB from the processor")
    print(json.dumps({"gpu": gpu, **figures(milliseconds, distances)}))


def figures(milliseconds: dict[str, list[float]], distances: dict[str, float]) -> dict[str, float | None]:
    """Medians, and medians of the ratios of what was measured in the same turn; null for who is not there."""
    found: dict[str, float | None] = {}
    for name in (*PEERS, *OURS):
        values = milliseconds.get(name)
        found[f"{name}_ms"] = round(statistics.median(values), 3) if values else None
        found[f"{name}_db"] = round(distances[name], 1) if values else None
    for name in OURS:
        for peer in PEERS:
            values, others = milliseconds.get(name, []), milliseconds.get(peer, [])
            ratios = [other / value for other, value in zip(others, values, strict=False)]
            found[f"{name}_vs_{peer}"] = round(statistics.median(ratios), 2) if ratios else None
    return found


def distance_db(wanted: np.ndarray, found: np.ndarray) -> float:
    """RMS of the difference over RMS, in dB; whole durations may differ by a frame where a half is rounded."""
    size = min(len(wanted), len(found))
    noise = np.square(wanted[:size] - found[:size]).mean()
    return float(10 * np.log10(max(noise, 1e-20) / np.square(wanted).mean()))


if __name__ == "__main__":
    main()
