"""How long tokens last, as in VITS: drawn from a flow (its section 2.2.2), or predicted by two convolutions.

Letters: B batch, N tokens, H hidden channels, S speaker channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voiceloom_model.config import ModelConfig
from voiceloom_model.nn.vits.spline import spline

DROPOUT = 0.5
SEPARABLE_LAYERS = 3
HALF_FRAME = 0.5
_LOG_TWO_PI = math.log(2 * math.pi)


def to_nearest(log_frames: Tensor) -> Tensor:
    """Half a frame more: VITS rounds its durations up, `whole_durations` to the nearest."""
    return (log_frames.float().exp() + HALF_FRAME).log()


def speaker_projection(speaker_size: int, channels: int) -> nn.Linear:
    """What the speaker adds to a part of VITS; nothing at first."""
    projection = nn.Linear(speaker_size, channels)
    nn.init.zeros_(projection.weight)
    nn.init.zeros_(projection.bias)
    return projection


class SeparableConvs(nn.Module):
    """Depth-separable convolutions, each three times as dilated: (B, N, H), (B, N, 1) → (B, N, H)."""

    def __init__(self, channels: int, kernel_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        dilations = [kernel_size**layer for layer in range(SEPARABLE_LAYERS)]
        self.depthwise = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel_size, groups=channels, dilation=d, padding=d * (kernel_size - 1) // 2)
            for d in dilations
        )
        self.pointwise = nn.ModuleList(nn.Linear(channels, channels) for _ in dilations)
        self.depthwise_norms = nn.ModuleList(nn.LayerNorm(channels) for _ in dilations)
        self.pointwise_norms = nn.ModuleList(nn.LayerNorm(channels) for _ in dilations)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Transform every token with its wide neighbourhood."""
        layers = zip(self.depthwise, self.depthwise_norms, self.pointwise, self.pointwise_norms, strict=True)
        for depthwise, depthwise_norm, pointwise, pointwise_norm in layers:
            update = F.gelu(depthwise_norm(depthwise((x * mask).transpose(1, 2)).transpose(1, 2)))
            x = x + self.dropout(F.gelu(pointwise_norm(pointwise(update))))
        return x * mask


class Affine(nn.Module):
    """A scale and a shift for each of two channels: (B, N, 2) → (B, N, 2) and log determinant (B,)."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(2))
        self.log_scale = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor, mask: Tensor, condition: Tensor, reverse: bool = False) -> tuple[Tensor, Tensor]:
        """Towards the noise, or back."""
        log_determinant = (self.log_scale * mask).sum(dim=(1, 2))
        if reverse:
            return (x - self.shift) * (-self.log_scale).exp() * mask, -log_determinant
        return (self.shift + self.log_scale.exp() * x) * mask, log_determinant


class SplineCoupling(nn.Module):
    """Bends the second of two channels by a spline that follows the first: (B, N, 2) → (B, N, 2), log determinant.

    Condition (B, N, H) is what the text says. Starts as one gentle curve for every token.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.bins, self.tail = config.vits.duration_bins, config.vits.duration_tail
        self.enter = nn.Linear(1, config.hidden)
        self.convs = SeparableConvs(config.hidden, config.vits.duration_kernel)
        self.leave = nn.Linear(config.hidden, 3 * self.bins - 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor, mask: Tensor, condition: Tensor, reverse: bool = False) -> tuple[Tensor, Tensor]:
        """Towards the noise, or back."""
        first, second = x.chunk(2, dim=-1)
        raw = self.leave(self.convs(self.enter(first) + condition, mask)) * mask
        sizes, slopes = raw.split([2 * self.bins, self.bins - 1], dim=-1)
        shape = torch.cat([sizes / math.sqrt(condition.shape[-1]), slopes], dim=-1)
        moved, log_slope = spline(second.squeeze(-1), shape, self.bins, self.tail, reverse)
        moved = torch.cat([first, moved.unsqueeze(-1)], dim=-1) * mask
        return moved, (log_slope * mask.squeeze(-1)).sum(dim=1)


class StochasticDurations(nn.Module):
    """Hidden (B, N, H), mask (B, N, 1), speaker (B, S), noise (B, N, 2) → natural log of frames per token (B, N).

    The noise's scale is its temperature; without noise every token has its most central duration. Neither the text
    encoder nor the speaker vector learns from durations.
    """

    noise_size: ClassVar[int] = 2

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        hidden, kernel, flows = config.hidden, config.vits.duration_kernel, config.vits.duration_flows
        self.enter, self.leave = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.convs = SeparableConvs(hidden, kernel, DROPOUT)
        self.speaker = speaker_projection(config.speaker_size, hidden)
        self.flows = nn.ModuleList([Affine(), *(SplineCoupling(config) for _ in range(flows))])
        self.posterior_enter, self.posterior_leave = nn.Linear(1, hidden), nn.Linear(hidden, hidden)
        self.posterior_convs = SeparableConvs(hidden, kernel, DROPOUT)
        self.posterior_flows = nn.ModuleList([Affine(), *(SplineCoupling(config) for _ in range(flows))])

    def forward(self, hidden: Tensor, mask: Tensor, speaker: Tensor, noise: Tensor | None = None) -> Tensor:
        """Turn noise into log durations."""
        condition = self._condition(hidden, mask, speaker)
        z = hidden.new_zeros(*hidden.shape[:2], self.noise_size) if noise is None else noise
        # The first coupling is left out, as published: it touches only the channel that is thrown away.
        for flow in [*reversed([*self.flows][2:]), self.flows[0]]:
            z, _ = flow(z.flip(-1), mask, condition, reverse=True)
        return to_nearest(z[..., 0]) * mask.squeeze(-1)

    def loss(self, hidden: Tensor, mask: Tensor, speaker: Tensor, durations: Tensor, noise: Tensor) -> Tensor:
        """Negative variational bound (B,) of whole durations (B, N), in nats over all real tokens (eq. 7 of VITS).

        Noise (B, N, 2) draws what makes whole durations continuous, and the channel beside them.
        """
        condition = self._condition(hidden, mask, speaker)
        frames = durations.unsqueeze(-1).float() * mask
        drawn, log_q = self._dequantised(frames, mask, condition, noise)
        taken, beside = drawn.chunk(2, dim=-1)
        taken, log_sigmoid = taken.sigmoid() * mask, F.logsigmoid(taken) + F.logsigmoid(-taken)
        log_q = log_q - (log_sigmoid * mask).sum(dim=(1, 2))
        log_frames = (frames - taken).clamp(min=1e-5).log() * mask
        z, log_determinant = _through(self.flows, torch.cat([log_frames, beside], dim=-1), mask, condition)
        log_determinant = log_determinant - log_frames.sum(dim=(1, 2))
        return _gaussian_nats(z, mask) - log_determinant + log_q

    def _condition(self, hidden: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        x = self.enter(hidden.detach()) + self.speaker(speaker.detach()).unsqueeze(1)
        return self.leave(self.convs(x, mask)) * mask

    def _dequantised(self, frames: Tensor, mask: Tensor, condition: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """What is drawn beside the whole durations (B, N, 2), before its sigmoid, and its log probability (B,)."""
        heard = self.posterior_leave(self.posterior_convs(self.posterior_enter(frames), mask)) * mask
        noise = noise * mask
        drawn, log_determinant = _through(self.posterior_flows, noise, mask, condition + heard)
        return drawn, -_gaussian_nats(noise, mask) - log_determinant


def _through(flows: Iterable[nn.Module], x: Tensor, mask: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
    """Through an affine flow and couplings, the channels swapped after each coupling: (B, N, 2), log determinant."""
    affine, *couplings = flows
    x, total = affine(x, mask, condition)
    for coupling in couplings:
        x, log_determinant = coupling(x, mask, condition)
        x, total = x.flip(-1), total + log_determinant
    return x, total


def _gaussian_nats(x: Tensor, mask: Tensor) -> Tensor:
    """-log N(x; 0, 1) summed over real tokens: (B, N, 2) → (B,)."""
    return (0.5 * (_LOG_TWO_PI + x.square()) * mask).sum(dim=(1, 2))


class ConvolutionalDurations(nn.Module):
    """Hidden (B, N, H), mask (B, N, 1), speaker (B, S) → natural log of frames per token (B, N)."""

    noise_size: ClassVar[int] = 0

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels, kernel = config.vits.duration_channels, config.vits.duration_kernel
        self.speaker = speaker_projection(config.speaker_size, config.hidden)
        self.first = nn.Conv1d(config.hidden, channels, kernel, padding=kernel // 2)
        self.first_norm = nn.LayerNorm(channels)
        self.second = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)
        self.second_norm = nn.LayerNorm(channels)
        self.project = nn.Linear(channels, 1)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, hidden: Tensor, mask: Tensor, speaker: Tensor, noise: Tensor | None = None) -> Tensor:
        """Predict log durations; there is no noise in it."""
        return to_nearest(self._raw(hidden, mask, speaker)) * mask.squeeze(-1)

    def loss(self, hidden: Tensor, mask: Tensor, speaker: Tensor, durations: Tensor, noise: Tensor) -> Tensor:
        """Squared error of the log of whole durations (B, N), summed over each row's tokens: (B,)."""
        error = self._raw(hidden, mask, speaker).float() - durations.clamp(min=1).float().log()
        return (error.square() * mask.squeeze(-1)).sum(dim=1)

    def _raw(self, hidden: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        x = hidden.detach() + self.speaker(speaker.detach()).unsqueeze(1)
        for conv, norm in ((self.first, self.first_norm), (self.second, self.second_norm)):
            x = self.dropout(norm(conv((x * mask).transpose(1, 2)).relu().transpose(1, 2)))
        return (self.project(x * mask) * mask).squeeze(-1)
