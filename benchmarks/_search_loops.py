"""Monotonic alignment search as others have it: a plain Python loop, and the same compiled by Cython.

Both take scores (B, F, N) as they lie in memory, and sum paths up in place, as the program published with VITS does.
That one fills a matrix of the whole path besides; these write durations at once, as ours does.
Letters: B batch, F frames, N tokens.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

Search = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

CYTHON_SOURCE = """
# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
cdef void search_row(float[:, ::1] best, long long[::1] durations, long long tokens, long long frames) noexcept nogil:
    cdef long long frame, token
    cdef float stay, step
    for frame in range(1, frames):
        for token in range(max(0, tokens - frames + frame), min(tokens, frame + 1)):
            stay = best[frame - 1, token] if token < frame else -1e9
            step = best[frame - 1, token - 1] if token > 0 else -1e9
            best[frame, token] += max(stay, step)
    token = tokens - 1
    for frame in range(frames - 1, -1, -1):
        durations[token] += 1
        if token > 0 and (token == frame or best[frame - 1, token - 1] > best[frame - 1, token]):
            token -= 1


def search_batch(float[:, :, ::1] scores, long long[:, ::1] durations, long long[::1] tokens, long long[::1] frames):
    cdef Py_ssize_t row
    with nogil:
        for row in range(scores.shape[0]):
            search_row(scores[row], durations[row], tokens[row], frames[row])
"""


def python_search(scores: np.ndarray, n_tokens: np.ndarray, n_frames: np.ndarray) -> np.ndarray:
    """A plain loop over numpy arrays; spoils `scores` (B, F, N)."""
    durations = np.zeros((scores.shape[0], scores.shape[2]), np.int64)
    for row, (tokens, frames) in enumerate(zip(n_tokens.tolist(), n_frames.tolist(), strict=True)):
        _python_row(scores[row], durations[row], tokens, frames)
    return durations


def _python_row(best: np.ndarray, durations: np.ndarray, tokens: int, frames: int) -> None:
    for frame in range(1, frames):
        for token in range(max(0, tokens - frames + frame), min(tokens, frame + 1)):
            stay = best[frame - 1, token] if token < frame else -1e9
            step = best[frame - 1, token - 1] if token > 0 else -1e9
            best[frame, token] += max(stay, step)
    token = tokens - 1
    for frame in range(frames - 1, -1, -1):
        durations[token] += 1
        if token > 0 and (token == frame or best[frame - 1, token - 1] > best[frame - 1, token]):
            token -= 1


def cython_search(folder: Path) -> Search | None:
    """Compile the loop in `folder`; None, with a word why, where there is no Cython or no C compiler."""
    if importlib.util.find_spec("Cython") is None or not (shutil.which("cc") or shutil.which("gcc")):
        print("Cython or a C compiler is missing: alignment is not compared with it")
        return None
    (folder / "mas.pyx").write_text(CYTHON_SOURCE, encoding="utf-8")
    (folder / "build.py").write_text(
        "from Cython.Build import cythonize\nfrom setuptools import Extension, setup\n"
        "flags = ['-O3', '-march=native']\n"
        "setup(ext_modules=cythonize(Extension('mas', ['mas.pyx'], extra_compile_args=flags)))\n",
        encoding="utf-8",
    )
    command = [sys.executable, "build.py", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        print(f"Cython could not be compiled, alignment is not compared with it:\n{done.stderr[-2000:]}")
        return None
    compiled = _load(next(folder.glob("mas*.so")))

    def search(scores: np.ndarray, n_tokens: np.ndarray, n_frames: np.ndarray) -> np.ndarray:
        durations = np.zeros((scores.shape[0], scores.shape[2]), np.int64)
        compiled.search_batch(scores, durations, n_tokens, n_frames)
        return durations

    return search


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("mas", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
