"""A monotonic rational-quadratic spline (Durkan et al. 2019, Neural Spline Flows), the same in both directions.

Letters: B batch, N tokens, K bins.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

MIN_BIN = 1e-3
MIN_SLOPE = 1e-3
_SLOPE_OF_ONE = math.log(math.exp(1 - MIN_SLOPE) - 1)  # what `_slopes` maps to 1, the slope of the tails


class _Bin(NamedTuple):
    """The piece of the spline that a value lies in; each (B, N)."""

    left: Tensor
    width: Tensor
    bottom: Tensor
    height: Tensor
    slope_left: Tensor
    slope_right: Tensor


def spline(x: Tensor, shape: Tensor, bins: int, tail: float, reverse: bool = False) -> tuple[Tensor, Tensor]:
    """Values (B, N) and the curve's raw shape (B, N, 3K - 1) → moved values and log slope, both (B, N).

    The shape holds K widths, K heights and K - 1 inner slopes. Beyond ± `tail` values stay as they are.
    """
    x, shape = x.float(), shape.float()
    inside = (x >= -tail) & (x <= tail)
    edges_x, edges_y = _edges(shape[..., :bins], tail), _edges(shape[..., bins : 2 * bins], tail)
    slopes = _slopes(shape[..., 2 * bins :])
    held = x.clamp(-tail, tail)
    at = ((edges_y if reverse else edges_x)[..., 1:-1] <= held.unsqueeze(-1)).sum(dim=-1, keepdim=True)
    piece = _Bin(
        *_left_and_size(edges_x, at),
        *_left_and_size(edges_y, at),
        _pick(slopes, at),
        _pick(slopes, at + 1),
    )
    moved, log_slope = (_backward if reverse else _forward)(held, piece)
    return torch.where(inside, moved, x), torch.where(inside, log_slope, torch.zeros_like(x))


def _edges(raw: Tensor, tail: float) -> Tensor:
    """Raw sizes (B, N, K) → edges (B, N, K + 1) from -tail to tail, at least `MIN_BIN` of the whole apart."""
    sizes = MIN_BIN + (1 - MIN_BIN * raw.shape[-1]) * raw.softmax(dim=-1)
    inner = 2 * tail * sizes.cumsum(dim=-1)[..., :-1] - tail
    return F.pad(F.pad(inner, (1, 0), value=-tail), (0, 1), value=tail)


def _slopes(raw: Tensor) -> Tensor:
    """Raw inner slopes (B, N, K - 1) → slopes at all edges (B, N, K + 1), 1 at both ends."""
    return MIN_SLOPE + F.softplus(F.pad(raw, (1, 1), value=_SLOPE_OF_ONE))


def _left_and_size(edges: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    left = _pick(edges, at)
    return left, _pick(edges, at + 1) - left


def _pick(values: Tensor, at: Tensor) -> Tensor:
    return values.gather(-1, at).squeeze(-1)


def _forward(x: Tensor, piece: _Bin) -> tuple[Tensor, Tensor]:
    """Equation 4 of the paper, and the log of equation 5."""
    share = (x - piece.left) / piece.width
    steepness = piece.height / piece.width
    bend = piece.slope_left + piece.slope_right - 2 * steepness
    below = steepness + bend * share * (1 - share)
    y = piece.bottom + piece.height * (steepness * share.square() + piece.slope_left * share * (1 - share)) / below
    return y, _log_slope(share, steepness, below, piece)


def _backward(y: Tensor, piece: _Bin) -> tuple[Tensor, Tensor]:
    """The root of the quadratic of equations 6 to 8, and the log slope of the inverse."""
    steepness = piece.height / piece.width
    bend = piece.slope_left + piece.slope_right - 2 * steepness
    above = y - piece.bottom
    a = piece.height * (steepness - piece.slope_left) + above * bend
    b = piece.height * piece.slope_left - above * bend
    c = -steepness * above
    share = 2 * c / (-b - (b.square() - 4 * a * c).clamp(min=0).sqrt())
    below = steepness + bend * share * (1 - share)
    return share * piece.width + piece.left, -_log_slope(share, steepness, below, piece)


def _log_slope(share: Tensor, steepness: Tensor, below: Tensor, piece: _Bin) -> Tensor:
    weighted = piece.slope_right * share.square() + 2 * steepness * share * (1 - share)
    weighted = weighted + piece.slope_left * (1 - share).square()
    return 2 * steepness.log() + weighted.log() - 2 * below.log()
