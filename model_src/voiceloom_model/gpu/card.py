"""What an engine was built of, by and for: `GRAPH.engine.json` beside `GRAPH.engine`.

An engine is machine code for one GPU and one version of TensorRT. Elsewhere TensorRT would refuse it with a riddle, or
run it slowly; the card says why in one sentence before TensorRT is asked.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voiceloom_model.gpu.library import Gpu

#: The precision of the graphs that engines are built from.
SOURCE = "fp32"
GRAPHS = ("encoder", "decoder")
AGAIN = "build it again: dvc --cd engines repro"


@dataclass(frozen=True)
class EngineCard:
    """Identities of the bundle's fp32 graph and of the engine, what built it, in which precision and for which GPU.

    `gpu` and `compute_capability` are None for an engine of TensorRT-RTX that was built without a GPU and is finished
    on whichever loads it. `lengths` are the most tokens, frames and samples of each optimisation profile.
    """

    graph_sha256: str
    engine_sha256: str
    precision: str
    library: str
    version: str
    gpu: str | None
    compute_capability: str | None
    lengths: list[dict[str, int]]

    def write(self, engine: Path) -> None:
        """Write it beside the engine."""
        text = json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True)
        _beside(engine).write_text(text + "\n", encoding="utf-8")


def read_card(engine: Path) -> EngineCard:
    """The card of an engine; `FileNotFoundError` for none, `ValueError` for one that cannot be read."""
    path = _beside(engine)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there, so nobody knows what {engine.name} is; {AGAIN}")
    try:
        return EngineCard(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} does not describe an engine ({error}); {AGAIN}") from error


def check_card(engine: Path, graph_sha256: str, library: Any, gpu: Gpu | None) -> EngineCard:
    """The card of an engine that may be loaded here; `ValueError` in one sentence for any other.

    The graph, the engine's content, the version of TensorRT and the GPU must be those of the card.
    """
    card = read_card(engine)
    here = (library.__name__, library.__version__)
    if gpu is None:
        raise ValueError(f"{engine} needs a CUDA GPU, and there is none here")
    if card.graph_sha256 != graph_sha256:
        raise ValueError(f"{engine} was built from another voice than this; {AGAIN}")
    if card.engine_sha256 != file_sha256(engine):
        raise ValueError(f"{engine} was altered, its sum is not the one on its card; {AGAIN}")
    if (card.library, card.version) != here:
        raise ValueError(f"{engine} was built by {card.library} {card.version}, here is {' '.join(here)}; {AGAIN}")
    if card.gpu is not None and Gpu(card.gpu, card.compute_capability or "") != gpu:
        built_for, found = f"{card.gpu} ({card.compute_capability})", f"{gpu.name} ({gpu.compute_capability})"
        raise ValueError(f"{engine} was built for {built_for}, here is {found}; {AGAIN}")
    return card


def file_sha256(path: Path) -> str:
    """Identity of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _beside(engine: Path) -> Path:
    return engine.with_name(engine.name + ".json")
