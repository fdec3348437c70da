"""The GPU's alignment search: in Triton's interpreter, compiled for GPUs that are not here, and on one if there is."""

import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch

from voiceloom_model.alignment import search, search_tensors

needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")

INTERPRET = """
import sys
import numpy as np
import torch
from voiceloom_model.alignment.triton_search import search_on_device

cases = np.load(sys.argv[1])
found = {}
for name in sorted({key.split("/")[0] for key in cases.files}):
    scores, n_tokens, n_frames = (torch.from_numpy(cases[f"{name}/{part}"]) for part in ("scores", "tokens", "frames"))
    found[name] = search_on_device(scores, n_tokens, n_frames).numpy()
    by_frame = scores.transpose(1, 2).contiguous().transpose(1, 2)
    assert (search_on_device(by_frame, n_tokens, n_frames).numpy() == found[name]).all(), "the layout changed a path"
np.savez(sys.argv[2], **found)
"""

COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from voiceloom_model.alignment.triton_search import _search_row

signature = dict.fromkeys(_search_row.arg_names, "i32")
signature |= {"scores": "*fp32", "n_tokens": "*i64", "n_frames": "*i64", "decisions": "*i32", "durations": "*i64"}
signature |= {"BLOCK": "constexpr", "WORD": "constexpr"}
for architecture, block in ((80, 64), (90, 512)):
    source = ASTSource(_search_row, signature, {"BLOCK": block, "WORD": 32})
    kernel = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options={"num_warps": 4})
    assert len(kernel.asm["cubin"]) > 1000
"""


def made_up_cases(count: int, longest: int) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Random scores and lengths; every other case is full of ties."""
    rng = np.random.default_rng(0)
    cases = {}
    for number in range(count):
        size, n_tokens = rng.integers(1, 5), rng.integers(1, longest)
        scores = rng.standard_normal((size, n_tokens, n_tokens + rng.integers(0, 3 * longest))).astype(np.float32)
        tokens = rng.integers(1, n_tokens + 1, size)
        frames = np.array([rng.integers(least, scores.shape[2] + 1) for least in tokens])
        cases[f"{number}"] = (np.round(scores) if number % 2 else scores, tokens, frames)
    return cases


def run_script(script: str, *arguments: object, **environment: str) -> None:
    """A process of its own: Triton decides at its first import whether it interprets."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@needs_triton
def test_kernel_finds_the_paths_of_the_processor_ties_included(tmp_path):
    cases = made_up_cases(24, 16)
    parts = ("scores", "tokens", "frames")
    named: dict[str, Any] = {
        f"{name}/{part}": array for name, case in cases.items() for part, array in zip(parts, case, strict=True)
    }
    named |= {"bad/scores": np.zeros((3, 4, 6)), "bad/tokens": np.array([4, 0, 4]), "bad/frames": np.array([3, 6, 6])}
    np.savez(tmp_path / "cases.npz", **named)
    run_script(INTERPRET, tmp_path / "cases.npz", tmp_path / "found.npz", TRITON_INTERPRET="1", OMP_NUM_THREADS="1")
    with np.load(tmp_path / "found.npz") as found:
        for name, (scores, tokens, frames) in cases.items():
            np.testing.assert_array_equal(found[name], search(scores, tokens, frames), err_msg=f"case {name}")
        assert found["bad"].sum(axis=1).tolist() == [0, 0, 6], "a row that has no path is given nothing"


@pytest.mark.slow
@needs_triton
def test_kernel_compiles_for_gpus(tmp_path):
    run_script(COMPILE, TRITON_CACHE_DIR=str(tmp_path))


def test_tensors_on_a_gpu_without_triton_go_by_the_host(monkeypatch):
    """Without a GPU: a tensor that says it is on one."""

    class Claimed(torch.Tensor):
        is_cuda = True

    monkeypatch.setattr("voiceloom_model.alignment.tensors.triton_is_here", lambda: False)
    scores = torch.randn(1, 3, 9)
    found = search_tensors(scores.as_subclass(Claimed), torch.tensor([3]), torch.tensor([9]))
    assert found.tolist() == search(scores.numpy(), np.array([3]), np.array([9])).tolist()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@needs_triton
def test_a_real_gpu_finds_the_paths_of_the_processor_without_waiting_for_it():
    for scores, tokens, frames in made_up_cases(40, 400).values():
        on_gpu = [torch.from_numpy(array).cuda() for array in (scores, tokens, frames)]
        search_tensors(*on_gpu)  # compile: it may wait
        torch.cuda.set_sync_debug_mode("error")
        try:
            found = search_tensors(*on_gpu)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        np.testing.assert_array_equal(found.cpu().numpy(), search(scores, tokens, frames))
