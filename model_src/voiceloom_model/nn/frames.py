"""Frame-level parts: expansion of text to frames, prior, posterior and the flow between them.

Letters: B batch, N tokens, F frames, H hidden, L latent, M mel bands, S speaker channels.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from voiceloom_model.config import ModelConfig
from voiceloom_model.nn.layers import ConvNextStack
from voiceloom_model.nn.text import block_options

#: Where a frame lies in its token: from its start, from its end (both 0 … 1), and the token's log length.
N_POSITIONS = 3
#: Enough to unfold a mel; the decoder has four times as many for what only a wave has.
LATENT_MEL_BLOCKS = 2


def expand(hidden: Tensor, durations: Tensor, n_frames: int, start: int | Tensor = 0) -> tuple[Tensor, Tensor]:
    """Repeat tokens for their durations, from frame `start` (a scalar) on.

    hidden (B, N, H), durations (B, N) whole frames → frames (B, F, H), positions (B, F, N_POSITIONS). Frames past
    the sum of a row's durations repeat its last token; mask them.
    """
    ends = durations.cumsum(dim=1)
    frames = torch.arange(n_frames, device=hidden.device) + start
    token = (frames.view(1, -1, 1) >= ends.unsqueeze(1)).sum(dim=-1).clamp(max=hidden.shape[1] - 1)
    lengths = durations.gather(1, token).clamp(min=1).to(hidden.dtype)
    since = (frames - (ends - durations).gather(1, token)).to(hidden.dtype)
    positions = torch.stack([since / lengths, (lengths - 1 - since) / lengths, lengths.log()], dim=-1)
    repeated = hidden.gather(1, token.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))
    return repeated, positions


class FramePrior(nn.Module):
    """Expanded text (B, F, H), positions (B, F, 3), mask, speaker → prior mean, log std (B, F, L), mel (B, F, M).

    The mel is a side task: it teaches the prior what each frame should sound like before the latent means anything.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.sizes = [config.latent, config.latent, config.n_mels]
        options = {**block_options(config), "dropout": config.dropout}
        self.stack = ConvNextStack(
            config.hidden + N_POSITIONS, config.hidden, sum(self.sizes), config.prior_blocks, options
        )
        self.reach = self.stack.reach

    def forward(
        self, frames: Tensor, positions: Tensor, mask: Tensor, speaker: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Predict what the text says of every frame."""
        mean, log_std, mel = self.stack(torch.cat([frames, positions], dim=-1), mask, speaker).split(self.sizes, -1)
        return mean, log_std.clamp(-6, 3), mel


class PosteriorEncoder(nn.Module):
    """Mel (B, F, M), mask, speaker → posterior mean and log std, both (B, F, L)."""

    reads: ClassVar[str] = "mel"

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.stack = ConvNextStack(
            config.n_mels, config.hidden, 2 * config.latent, config.posterior_blocks, block_options(config)
        )

    def forward(self, mel: Tensor, mask: Tensor, speaker: Tensor) -> tuple[Tensor, Tensor]:
        """Encode the recording."""
        mean, log_std = self.stack(mel, mask, speaker).chunk(2, dim=-1)
        return mean, log_std.clamp(-6, 2)


class LatentMel(nn.Module):
    """Latent (B, F, L), mask, speaker → normalised mel (B, F, M): a side task of training that no voice ships.

    It teaches the latent to hold the sound where the decoder's own gradient is too noisy to.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        options = block_options(config)
        self.stack = ConvNextStack(config.latent, config.hidden, config.n_mels, LATENT_MEL_BLOCKS, options)

    def forward(self, z: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        """Say what the recording's mel was."""
        return self.stack(z, mask, speaker)


class Coupling(nn.Module):
    """Mean-only affine coupling (Kim et al. 2021, VITS, section 2.1): volume-preserving, built of Linear layers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        half = config.latent // 2
        self.stack = ConvNextStack(half, config.hidden, half, config.flow_blocks, block_options(config))
        nn.init.zeros_(self.stack.leave.weight)
        nn.init.zeros_(self.stack.leave.bias)
        self.reach = self.stack.reach

    def forward(self, x: Tensor, mask: Tensor, speaker: Tensor, reverse: bool = False) -> Tensor:
        """(B, F, L) → (B, F, L): shift the second half by a function of the first."""
        first, second = x.chunk(2, dim=-1)
        shift = self.stack(first, mask, speaker)
        second = second - shift if reverse else second + shift
        return torch.cat([first, second], dim=-1)


class Flow(nn.Module):
    """Couplings with channel reversal between them: posterior latent ↔ prior latent, (B, F, L) both ways."""

    coupling: ClassVar[type[nn.Module]] = Coupling

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        couplings: list[Any] = [self.coupling(config) for _ in range(config.flow_couplings)]
        self.couplings = nn.ModuleList(couplings)
        self.reach: int = sum(coupling.reach for coupling in couplings)

    def forward(self, z: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        """From the posterior's latent to the prior's."""
        for coupling in self.couplings:
            z = coupling(z, mask, speaker).flip(-1)
        return z

    def reverse(self, z: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        """From the prior's latent to the posterior's; undoes `forward` exactly."""
        for coupling in reversed(self.couplings):
            z = coupling(z.flip(-1), mask, speaker, reverse=True)
        return z
