"""The GPU's memory as TensorRT wants it: buffers of its own, and copies on one stream."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from voiceloom_model.gpu.library import answer, cuda_runtime


class Buffers:
    """A buffer for every name, as large as was ever wanted, and the stream on which all happens in order."""

    def __init__(self) -> None:
        self._cuda = cuda_runtime()
        self._kinds = self._cuda.cudaMemcpyKind
        self._stream = self._call("cudaStreamCreate")
        self._held: dict[str, tuple[int, int]] = {}  # name → address and size in bytes
        self._release = weakref.finalize(self, _release, self._cuda, self._held, self._stream)
        self._release.atexit = False  # the process takes all with it

    @property
    def stream(self) -> int:
        """The stream's handle, for TensorRT."""
        return int(self._stream)

    def hold(self, name: str, size: int) -> int:
        """The address of at least `size` bytes that are kept under a name; larger ones are allocated anew."""
        address, held = self._held.get(name, (0, 0))
        if held < size:
            if address:
                self._call("cudaFree", address)
            self._held[name] = (0, 0)
            address = int(self._call("cudaMalloc", size))
            self._held[name] = (address, size)
        return address

    def upload(self, name: str, array: np.ndarray) -> int:
        """Copy an array into the buffer of that name and return its address."""
        address = self.hold(name, max(array.nbytes, 1))
        self._copy(address, array.ctypes.data, array.nbytes, self._kinds.cudaMemcpyHostToDevice)
        return address

    def download(self, name: str, array: np.ndarray) -> None:
        """Fill an array from the buffer of that name, when all before it is done."""
        self._copy(array.ctypes.data, self._held[name][0], array.nbytes, self._kinds.cudaMemcpyDeviceToHost)

    def wait(self) -> None:
        """Return when everything on the stream is done."""
        self._call("cudaStreamSynchronize", self._stream)

    def close(self) -> None:
        """Give everything back; what is dropped does so by itself."""
        self._release()

    def _copy(self, to: int, source: int, size: int, kind: Any) -> None:
        self._call("cudaMemcpyAsync", to, source, size, kind, self._stream)

    def _call(self, name: str, *arguments: Any) -> Any:
        return answer(self._cuda, getattr(self._cuda, name)(*arguments))


def _release(cuda: Any, held: dict[str, tuple[int, int]], stream: Any) -> None:
    for address, _ in held.values():
        if address:
            cuda.cudaFree(address)
    held.clear()
    cuda.cudaStreamDestroy(stream)
