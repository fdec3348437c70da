"""Monotonic alignment search as one GPU kernel; the same paths as `search.search`, ties included.

Letters: B batch, N tokens, F frames, W frames whose decisions share a 32-bit word.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

FRAMES_PER_WORD = 32


@triton.jit
def _search_row(  # noqa: PLR0913  (a kernel is given its strides one by one)
    scores,
    n_tokens,
    n_frames,
    decisions,
    durations,
    n_columns,
    row_stride,
    token_stride,
    frame_stride,
    n_words,
    BLOCK: tl.constexpr,
    WORD: tl.constexpr,
):
    """One program a row: forward over the frames with a token a lane, then back along the decisions.

    A decision is one bit: whether the best path to (token, frame) came from the token before. `decisions` is
    (B, n_words, n_columns) int32, `durations` (B, n_columns) int64.
    """
    row = tl.program_id(0).to(tl.int64)
    tokens, frames = tl.load(n_tokens + row).to(tl.int32), tl.load(n_frames + row).to(tl.int32)
    lane = tl.arange(0, BLOCK)
    real = lane < tokens
    before = tl.maximum(lane - 1, 0)
    column = scores + row * row_stride + lane * token_stride
    words = decisions + row * n_words * n_columns
    total = tl.zeros((BLOCK,), tl.int32)
    if (tokens > 0) & (frames >= tokens):
        best = tl.where(lane == 0, tl.load(column, mask=real, other=0.0).to(tl.float32), float("-inf"))
        for word in range(0, tl.cdiv(frames, WORD)):
            bits = tl.zeros((BLOCK,), tl.int32)
            first = word * WORD
            for frame in range(tl.maximum(first, 1), tl.minimum(first + WORD, frames)):
                score = tl.load(column + frame * frame_stride, mask=real, other=0.0).to(tl.float32)
                step = tl.where(lane == 0, float("-inf"), tl.gather(best, before, 0))
                stepped = (step > best) | (lane == frame)
                bits |= stepped.to(tl.int32) << (frame - first)
                best = tl.where(stepped, step, best) + score
            tl.store(words + word * n_columns + lane, bits, mask=real)
        tl.debug_barrier()  # the decisions of all lanes are read below
        token = tokens - 1
        for passed in range(0, frames):
            frame = frames - 1 - passed
            total += (lane == token).to(tl.int32)
            bits_here = tl.load(words + (frame // WORD) * n_columns + token)
            token -= (bits_here >> (frame % WORD)) & 1
    tl.store(durations + row * n_columns + lane, total.to(tl.int64), mask=lane < n_columns)


def search_on_device(scores: Tensor, n_tokens: Tensor, n_frames: Tensor) -> Tensor:
    """Scores (B, N, F) of any strides, n_tokens and n_frames (B,) → durations (B, N) int64, without leaving the GPU.

    A row with fewer frames than tokens, or without tokens, is all zero.
    """
    size, n_columns, longest = scores.shape
    n_words = triton.cdiv(longest, FRAMES_PER_WORD)
    decisions = torch.empty(size, n_words, n_columns, dtype=torch.int32, device=scores.device)
    durations = torch.empty(size, n_columns, dtype=torch.int64, device=scores.device)
    block = triton.next_power_of_2(max(n_columns, 1))
    lengths = (n_tokens.to(scores.device), n_frames.to(scores.device))
    kernel: Any = _search_row  # what `triton.jit` makes of a function is more than its type says
    kernel[(size,)](
        scores,
        *lengths,
        decisions,
        durations,
        n_columns,
        *scores.stride(),
        n_words,
        BLOCK=block,
        WORD=FRAMES_PER_WORD,
        num_warps=min(8, max(1, block // 64)),
    )
    return durations
