"""Frame-level parts of VITS: the prior of every token, the posterior and the flow between them.

Letters: B batch, F frames, H hidden, L latent, K = n_fft / 2 + 1 bins, S speaker channels.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from voiceloom_model.config import ModelConfig
from voiceloom_model.nn.frames import Flow
from voiceloom_model.nn.vits.durations import speaker_projection


class WaveNet(nn.Module):
    """Gated convolutions with skip connections (van den Oord et al. 2016), not causal, channels-first.

    (B, H, F), mask (B, 1, F), speaker (B, S) → (B, H, F).
    """

    def __init__(self, config: ModelConfig, layers: int) -> None:
        super().__init__()
        hidden, kernel = config.hidden, config.vits.wavenet_kernel
        dilations = [config.vits.wavenet_dilation_rate**layer for layer in range(layers)]
        self.speaker = speaker_projection(config.speaker_size, 2 * hidden * layers)
        self.gates = nn.ModuleList(
            nn.Conv1d(hidden, 2 * hidden, kernel, dilation=d, padding=d * (kernel - 1) // 2) for d in dilations
        )
        outputs = [2 * hidden] * (layers - 1) + [hidden]  # after the last layer nothing goes on
        self.leaves = nn.ModuleList(nn.Conv1d(hidden, size, 1) for size in outputs)
        self.reach = sum(d * (kernel - 1) // 2 for d in dilations)

    def forward(self, x: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        """Transform every frame with its neighbourhood."""
        hidden, skipped = x.shape[1], torch.zeros_like(x)
        conditions = self.speaker(speaker).unsqueeze(-1).chunk(len(self.gates), dim=1)
        for gate, leave, condition in zip(self.gates, self.leaves, conditions, strict=True):
            signal, opening = (gate(x) + condition).chunk(2, dim=1)
            out = leave(signal.tanh() * opening.sigmoid())
            skipped = skipped + out[:, -hidden:]
            if out.shape[1] > hidden:
                x = (x + out[:, :hidden]) * mask
        return skipped * mask


class _Wrapped(nn.Module):
    """A WaveNet between two projections, channels-last: (B, F, C_in), mask (B, F, 1), speaker → (B, F, C_out)."""

    def __init__(self, config: ModelConfig, inputs: int, outputs: int, layers: int) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, config.hidden)
        self.wavenet = WaveNet(config, layers)
        self.leave = nn.Linear(config.hidden, outputs)
        self.reach = self.wavenet.reach

    def forward(self, x: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        x = (self.enter(x) * mask).transpose(1, 2)
        return self.leave(self.wavenet(x, mask.transpose(1, 2), speaker).transpose(1, 2)) * mask


class TokenPrior(nn.Module):
    """Expanded text (B, F, H), positions (B, F, 3), mask, speaker → prior mean, log std (B, F, L), no mel.

    VITS projects every token before it repeats it; on repeated tokens a projection gives the same.
    """

    reach: ClassVar[int] = 0

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.project = nn.Linear(config.hidden, 2 * config.latent)

    def forward(self, frames: Tensor, positions: Tensor, mask: Tensor, speaker: Tensor) -> tuple[Tensor, Tensor, None]:
        """Say what every frame's token says."""
        mean, log_std = (self.project(frames) * mask).chunk(2, dim=-1)
        return mean, log_std, None


class WavenetPosterior(_Wrapped):
    """Linear magnitudes (B, F, K), mask, speaker → posterior mean and log std, both (B, F, L)."""

    reads: ClassVar[str] = "linear"

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, config.n_fft // 2 + 1, 2 * config.latent, config.vits.posterior_layers)

    def forward(self, spectrum: Tensor, mask: Tensor, speaker: Tensor) -> tuple[Tensor, Tensor]:
        """Encode the recording."""
        mean, log_std = super().forward(spectrum, mask, speaker).chunk(2, dim=-1)
        return mean, log_std


class WavenetCoupling(_Wrapped):
    """Mean-only affine coupling: (B, F, L) → (B, F, L); the second half moves by a function of the first."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, config.latent // 2, config.latent // 2, config.vits.flow_layers)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, z: Tensor, mask: Tensor, speaker: Tensor, reverse: bool = False) -> Tensor:
        """Shift, or shift back."""
        first, second = z.chunk(2, dim=-1)
        shift = super().forward(first, mask, speaker)
        return torch.cat([first, (second - shift if reverse else second + shift) * mask], dim=-1)


class WavenetFlow(Flow):
    """The same flow of WaveNet couplings: posterior latent ↔ prior latent, (B, F, L) both ways."""

    coupling: ClassVar[type[nn.Module]] = WavenetCoupling
