"""Which TensorRT is installed, and which GPU is here."""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import dataclass
from typing import Any

RTX = "tensorrt_rtx"
#: TensorRT builds on the GPU that it builds for; TensorRT-RTX builds anywhere and finishes an engine where it is used.
LIBRARIES = ("tensorrt", RTX)

#: What CUDA answers where there is no GPU, or none that its driver can use.
NO_GPU = ("cudaErrorNoDevice", "cudaErrorInsufficientDriver", "cudaErrorStubLibrary")


@dataclass(frozen=True)
class Gpu:
    """A CUDA device: its name, and its compute capability as NVIDIA writes it, such as "8.9"."""

    name: str
    compute_capability: str


def tensorrt_library() -> Any:
    """The module `tensorrt` or `tensorrt_rtx`, the first that is installed; `ValueError` for neither."""
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            library = importlib.import_module(name)
            if hasattr(library, "Builder"):  # a folder of that name can be imported too
                return library
    raise ValueError(
        "TensorRT is not installed: pip install tensorrt-rtx for a GeForce or RTX GPU, tensorrt for a data-centre GPU"
    )


def cuda_runtime() -> Any:
    """The module `cuda.bindings.runtime`; `ValueError` where it is not installed."""
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except ImportError as error:
        raise ValueError(f"CUDA cannot be called: pip install cuda-bindings ({error})") from error


def current_gpu() -> Gpu | None:
    """The first CUDA device of this process; None where there is none."""
    cuda = cuda_runtime()
    error, count = cuda.cudaGetDeviceCount()
    if error.name in NO_GPU or not count:
        return None
    properties = answer(cuda, cuda.cudaGetDeviceProperties(0))
    name = properties.name.split(b"\0")[0].decode()
    return Gpu(name, f"{properties.major}.{properties.minor}")


def answer(cuda: Any, result: tuple) -> Any:
    """What a call of the CUDA runtime gave beside its status; `OSError` with CUDA's own words for a bad status."""
    error, *values = result
    if error != cuda.cudaError_t.cudaSuccess:
        _, words = cuda.cudaGetErrorString(error)
        raise OSError(f"the GPU failed: {words.decode()} ({error.name})")
    return values[0] if values else None
