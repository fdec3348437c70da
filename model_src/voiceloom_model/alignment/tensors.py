"""Monotonic alignment search on tensors, wherever they are.

Letters: B batch, N tokens, F frames.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from voiceloom_model.alignment.search import search

if TYPE_CHECKING:
    from torch import Tensor


def search_tensors(scores: Tensor, n_tokens: Tensor, n_frames: Tensor) -> Tensor:
    """`search` on tensors: scores (B, N, F), n_tokens and n_frames (B,) → durations (B, N) int64, where scores are.

    No gradient passes. On a GPU with Triton nothing is copied to the host, so nothing is checked there either: a row
    with fewer frames than tokens is given no durations at all, where the processor raises `ValueError`.
    """
    if scores.is_cuda and triton_is_here():
        from voiceloom_model.alignment.triton_search import search_on_device

        return search_on_device(scores.detach(), n_tokens, n_frames)
    import torch

    host = (tensor.detach().cpu() for tensor in (scores.float(), n_tokens, n_frames))
    return torch.from_numpy(search(*(tensor.numpy() for tensor in host))).to(scores.device)


@cache
def triton_is_here() -> bool:
    """Whether Triton is installed; the CUDA builds of torch bring it."""
    return find_spec("triton") is not None
