"""What runs the graphs: ONNX Runtime with so many threads on one of its execution providers, the same every time.

A graph is opened only to compute what the graphs of a voice do: other inputs or outputs are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import onnxruntime

from voiceloom_model.runtime.description import Description

MAX_THREADS = 256
_SUFFIX = "ExecutionProvider"
#: Where ONNX Runtime would otherwise choose by timing, or round more than it is told.
_SAME_EVERY_TIME = {"CUDAExecutionProvider": {"cudnn_conv_algo_search": "DEFAULT", "use_tf32": "0"}}
_INT64, _FLOAT = "tensor(int64)", "tensor(float)"


#: A size of an axis that only the graph knows.
_OWN = -1


class Port(NamedTuple):
    """An input of a graph: its type, the sizes of its axes (None where free), and whether every graph has it."""

    type: str
    shape: tuple[int | None, ...]
    needed: bool = True


class Interface(NamedTuple):
    """What a graph takes and gives, in this order; all it gives is float.

    `more` is what another kind of the same graph takes and gives on top, all of it.
    """

    inputs: Mapping[str, Port]
    outputs: Sequence[str]
    more: Interface | None = None


def interfaces(description: Description) -> dict[str, Interface]:
    """What the three kinds of graph of a voice take and give, by file name; parts that ignore an input drop it."""
    speaker = Port(_FLOAT, (1, description.speaker_size), needed=False)
    return {
        "encoder.onnx": Interface(
            {
                "tokens": Port(_INT64, (1, None)),
                "stress": Port(_INT64, (1, None), needed=False),
                "language": Port(_INT64, (1,), needed=False),
                "speaker": speaker,
                "duration_noise": Port(_FLOAT, (1, None, 2), needed=False),
            },
            ("encoded", "log_durations"),
        ),
        "decoder.onnx": Interface(
            {
                "encoded": Port(_FLOAT, (1, None, _OWN)),
                "durations": Port(_INT64, (1, None)),
                "noise": Port(_FLOAT, (1, None, description.latent)),
                "speaker": speaker,
                "start": Port(_INT64, ()),
            },
            ("wave",),
            more=Interface(
                {
                    "breath": Port(_FLOAT, (1, None)),
                    "phase": Port(_FLOAT, (1,)),
                    "anchor": Port(_INT64, ()),
                    "f0": Port(_FLOAT, (1, None)),
                },
                ("heard_f0", "cycles"),
            ),
        ),
        "speaker_encoder.onnx": Interface({"wave": Port(_FLOAT, (1, None))}, ("speaker",)),
    }


def providers() -> dict[str, str]:
    """The execution providers that this ONNX Runtime has, by their short names: {"cpu": "CPUExecutionProvider", …}."""
    names = [name for name in onnxruntime.get_available_providers() if not name.startswith("Azure")]
    return {name.removesuffix(_SUFFIX).lower(): name for name in names}


@dataclass(frozen=True)
class Engine:
    """So many threads on a provider ("cpu", "cuda", …); `ValueError` for what there is not."""

    threads: int = 1
    provider: str = "cpu"

    def __post_init__(self) -> None:
        if type(self.threads) is not int or not 1 <= self.threads <= MAX_THREADS:
            raise ValueError(f"threads is {self.threads!r}, expected a whole number from 1 to {MAX_THREADS}")
        if self.provider not in providers():
            raise ValueError(
                f"there is no provider {self.provider!r} in this ONNX Runtime; there are: {', '.join(providers())}"
            )

    def open(self, path: Path, interface: Interface) -> onnxruntime.InferenceSession:
        """A session of the graph at `path`; `ValueError` when it cannot be opened, or is another."""
        wanted = providers()[self.provider]
        chosen: list[Any] = [(wanted, _SAME_EVERY_TIME.get(wanted, {}))]
        if self.provider != "cpu":
            chosen.append("CPUExecutionProvider")  # for what the provider has no kernel of
        try:
            session = onnxruntime.InferenceSession(path, self._options(), providers=chosen)
        except Exception as error:  # ONNX Runtime's errors have no other class in common
            reason = " ".join(str(error).split())[:200]
            raise ValueError(f"{path} is no graph that ONNX Runtime can open: {reason}") from error
        if wanted not in session.get_providers():
            raise ValueError(f"ONNX Runtime has the provider {self.provider!r} but could not start it on this machine")
        _check(session, path, interface)
        return session

    def _options(self) -> onnxruntime.SessionOptions:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        options.use_deterministic_compute = True
        options.enable_mem_pattern = False  # lengths differ at every call: a plan for the last one costs memory only
        options.log_severity_level = 4  # what goes wrong is raised; it need not be printed too
        return options


def _check(session: onnxruntime.InferenceSession, path: Path, interface: Interface) -> None:
    """Raise `ValueError` for a graph that takes or gives something else."""
    inputs = {entry.name: entry for entry in session.get_inputs()}
    outputs = {entry.name: entry.type for entry in session.get_outputs()}
    interface = _of_its_kind(interface, outputs)
    needed = {key for key, port in interface.inputs.items() if port.needed}
    wanted = list(dict.fromkeys(interface.outputs, _FLOAT).items())
    if not needed <= set(inputs) <= set(interface.inputs) or list(outputs.items()) != wanted:
        raise ValueError(
            f"{path} is no graph of a voice: it takes {_names(inputs)} and gives {_names(outputs)}, expected "
            f"{_names(interface.inputs)} and {_names(interface.outputs)}"
        )
    for key, entry in inputs.items():
        port = interface.inputs[key]
        if entry.type != port.type or not _fits(entry.shape, port.shape):
            raise ValueError(
                f"{path} is no graph of a voice: its {key} is {entry.type} {_shape(entry.shape)}, expected "
                f"{port.type} {_shape(port.shape)}"
            )


def _of_its_kind(interface: Interface, outputs: Mapping[str, str]) -> Interface:
    """With what the other kind has on top, where a graph gives anything of it."""
    more = interface.more
    if more is None or not set(more.outputs) & set(outputs):
        return interface
    return Interface({**interface.inputs, **more.inputs}, (*interface.outputs, *more.outputs))


def _fits(found: Sequence, wanted: Sequence[int | None]) -> bool:
    """Whether axes have the sizes wanted, and none is fixed that must be free."""
    return len(found) == len(wanted) and all(
        not isinstance(size, int) if expected is None else expected in (size, _OWN)
        for size, expected in zip(found, wanted, strict=True)
    )


def _names(table: Mapping | Sequence) -> str:
    return ", ".join(str(name)[:40] for name in list(table)[:9]) or "nothing"


def _shape(axes: Sequence) -> str:
    return "(" + ", ".join("any" if axis is None else str(axis)[:40] for axis in axes) + ")"
