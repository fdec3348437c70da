"""Building blocks shared by the network's parts.

Letters: B batch, F positions (frames or tokens), C channels, S speaker channels. Sequences are channels-last
(B, F, C), so that every projection is a Linear, which 8 bits make faster; masks are (B, F, 1) with 1 for real.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DepthwiseConv(nn.Module):
    """Depthwise convolution over positions: (B, F, C) → (B, F, C)."""

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve; the length stays."""
        return self.conv(x.transpose(1, 2)).transpose(1, 2)


class FilmNorm(nn.Module):
    """Layer norm whose scale and shift follow the speaker: (B, F, C), (B, S) → (B, F, C).

    Starts as a plain layer norm (the speaker's projection is zero), as in AdaLN-zero (Peebles & Xie 2023).
    """

    def __init__(self, channels: int, speaker_size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.film = nn.Linear(speaker_size, 2 * channels)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, speaker: Tensor) -> Tensor:
        """Normalise and modulate."""
        scale, shift = self.film(speaker).unsqueeze(1).chunk(2, dim=-1)
        return self.norm(x) * (1 + scale) + shift


class ConvNextBlock(nn.Module):
    """ConvNeXt block (Liu et al. 2022; for speech: Siuzdak 2023): (B, F, C), (B, F, 1), (B, S) → (B, F, C)."""

    def __init__(self, channels: int, speaker_size: int, kernel_size: int, expansion: int, dropout: float = 0.0):
        super().__init__()
        self.depthwise = DepthwiseConv(channels, kernel_size)
        self.norm = FilmNorm(channels, speaker_size)
        self.expand = nn.Linear(channels, expansion * channels)
        self.contract = nn.Linear(expansion * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        """Residual update; positions outside the mask stay zero if they were zero."""
        update = self.norm(self.depthwise(x * mask), speaker)
        update = self.contract(F.gelu(self.expand(update)))
        return (x + self.dropout(update) * self.scale) * mask


class ConvNextStack(nn.Module):
    """Linear in, blocks, norm, Linear out: (B, F, C_in), (B, F, 1), (B, S) → (B, F, C_out).

    An output depends on `reach` positions to either side of its own.
    """

    def __init__(self, inputs: int, channels: int, outputs: int, blocks: int, block_options: dict) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, channels)
        self.blocks = nn.ModuleList(ConvNextBlock(channels, **block_options) for _ in range(blocks))
        self.norm = nn.LayerNorm(channels)
        self.leave = nn.Linear(channels, outputs)
        self.reach = blocks * (block_options["kernel_size"] // 2)

    def forward(self, x: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        """Transform every position with its neighbourhood."""
        x = self.enter(x) * mask
        for block in self.blocks:
            x = block(x, mask, speaker)
        return self.leave(self.norm(x)) * mask


def rotary(x: Tensor) -> Tensor:
    """Rotary position embedding (Su et al. 2021, eq. 34) on (B, heads, F, D), D even."""
    half = x.shape[-1] // 2
    frequencies = 10000.0 ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = torch.arange(x.shape[-2], device=x.device, dtype=torch.float32).unsqueeze(-1) * frequencies
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class RotaryAttention(nn.Module):
    """Self-attention with rotary positions: (B, F, C), (B, F, 1) → (B, F, C), residual included."""

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.queries_keys_values = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attend to all real positions."""
        split = self.queries_keys_values(self.norm(x)).unflatten(-1, (3 * self.heads, -1)).transpose(1, 2)
        queries, keys, values = split.chunk(3, dim=1)
        scores = rotary(queries) @ rotary(keys).transpose(-1, -2) * queries.shape[-1] ** -0.5
        scores = scores.masked_fill(mask.transpose(1, 2).unsqueeze(1) == 0, -1e4)
        mixed = (scores.softmax(dim=-1) @ values).transpose(1, 2).flatten(2)
        return (x + self.dropout(self.out(mixed))) * mask
