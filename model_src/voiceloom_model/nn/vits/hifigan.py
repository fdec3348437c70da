"""The decoder of VITS: HiFi-GAN (Kong et al. 2020), V1's residual blocks or the lighter V3's, which Piper has.

Letters: B batch, F frames, L latent, C channels, T = F × hop samples, S speaker channels.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voiceloom_model.config import ModelConfig, VitsSizes
from voiceloom_model.nn.sound import Excitation, Sound
from voiceloom_model.nn.vits.durations import speaker_projection

#: How far the first and the last convolution look to either side.
EDGE_MARGIN = 3


class ResidualBlock(nn.Module):
    """Dilated convolutions with residuals, each followed by a plain one if `plain`: (B, C, T) → (B, C, T)."""

    def __init__(self, channels: int, kernel_size: int, dilations: tuple[int, ...], slope: float, plain: bool) -> None:
        super().__init__()
        self.slope = slope
        self.dilated = nn.ModuleList(_conv(channels, kernel_size, dilation) for dilation in dilations)
        self.plain = nn.ModuleList(_conv(channels, kernel_size, 1) for _ in dilations if plain)

    def forward(self, x: Tensor) -> Tensor:
        """Refine."""
        for index, dilated in enumerate(self.dilated):
            update = dilated(F.leaky_relu(x, self.slope))
            if self.plain:
                update = self.plain[index](F.leaky_relu(update, self.slope))
            x = x + update
        return x


def _conv(channels: int, kernel_size: int, dilation: int) -> nn.Conv1d:
    conv = nn.Conv1d(channels, channels, kernel_size, dilation=dilation, padding=dilation * (kernel_size - 1) // 2)
    nn.init.normal_(conv.weight, std=0.01)
    return conv


def _upsampler(inputs: int, outputs: int, kernel_size: int, rate: int) -> nn.ConvTranspose1d:
    conv = nn.ConvTranspose1d(inputs, outputs, kernel_size, stride=rate, padding=(kernel_size - rate) // 2)
    nn.init.normal_(conv.weight, std=0.01)
    return conv


def _reach(sizes: VitsSizes) -> int:
    """How many frames to either side the sound of a frame depends on: its first and last sample, traced back."""
    plain = int(sizes.resblock == 1)
    refined = max(
        sum((dilation + plain) * (kernel - 1) // 2 for dilation in dilations)
        for kernel, dilations in zip(sizes.resblock_kernels, sizes.resblock_dilations, strict=True)
    )
    first, last = -EDGE_MARGIN, math.prod(sizes.upsample_rates) - 1 + EDGE_MARGIN
    for kernel, rate in zip(reversed(sizes.upsample_kernels), reversed(sizes.upsample_rates), strict=True):
        padding = (kernel - rate) // 2
        first = math.ceil((first - refined + padding - kernel + 1) / rate)
        last = (last + refined + padding) // rate
    return max(-first, last) + EDGE_MARGIN


class HifiGan(nn.Module):
    """Latent (B, F, L), mask (B, F, 1), speaker (B, S) → waveform (B, F × hop)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        sizes = config.vits
        if math.prod(sizes.upsample_rates) != config.hop_length:
            raise ValueError(
                f"the upsampling rates {sizes.upsample_rates} make {math.prod(sizes.upsample_rates)} samples a "
                f"frame, but hop_length is {config.hop_length}"
            )
        self.slope = sizes.leaky_slope
        widths = [sizes.upsample_channels // 2**index for index in range(len(sizes.upsample_rates) + 1)]
        self.enter = nn.Conv1d(config.latent, widths[0], 2 * EDGE_MARGIN + 1, padding=EDGE_MARGIN)
        self.speaker = speaker_projection(config.speaker_size, widths[0])
        self.upsamplers = nn.ModuleList(
            _upsampler(wide, narrow, kernel, rate)
            for wide, narrow, kernel, rate in zip(
                widths[:-1], widths[1:], sizes.upsample_kernels, sizes.upsample_rates, strict=True
            )
        )
        self.resblocks = nn.ModuleList(
            ResidualBlock(width, kernel, dilations, sizes.leaky_slope, plain=sizes.resblock == 1)
            for width in widths[1:]
            for kernel, dilations in zip(sizes.resblock_kernels, sizes.resblock_dilations, strict=True)
        )
        self.leave = nn.Conv1d(widths[-1], 1, 2 * EDGE_MARGIN + 1, padding=EDGE_MARGIN, bias=False)
        self.reach = _reach(sizes)

    def forward(self, z: Tensor, mask: Tensor, speaker: Tensor, excitation: Excitation | None = None) -> Sound:
        """Turn latents into sound."""
        x = self.enter((z * mask).transpose(1, 2)) + self.speaker(speaker).unsqueeze(-1)
        at_once = len(self.resblocks) // len(self.upsamplers)
        for index, upsampler in enumerate(self.upsamplers):
            x = upsampler(F.leaky_relu(x, self.slope))
            first, *others = (block(x) for block in self.resblocks[index * at_once : (index + 1) * at_once])
            x = functools.reduce(torch.add, others, first) / at_once
        with torch.autocast(x.device.type, enabled=False):  # half precision would be heard
            return Sound(self.leave(F.leaky_relu(x.float())).tanh().squeeze(1))  # this last slope is 0.01, as published
