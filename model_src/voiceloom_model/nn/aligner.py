"""Which frames belong to which token, found by the network in training (Kim et al. 2020, Glow-TTS, section 3.2).

Letters: B batch, N tokens, F frames, H hidden, D dimensions of what is aligned with (mel bands or latent).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from voiceloom_model.alignment import search_tensors
from voiceloom_model.config import ModelConfig
from voiceloom_model.nn.frames import expand


class Aligner(nn.Module):
    """Hidden (B, N, H), target (B, F, D) → whole frames per token (B, N), and how ill they fit (B,).

    A token's Gaussian has a mean of its own and unit variance. The target is taken as it is: no gradient reaches it.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.mean = nn.Linear(config.hidden, config.n_mels if config.alignment == "mel" else config.latent)

    def forward(
        self, hidden: Tensor, target: Tensor, token_mask: Tensor, frame_mask: Tensor, diagonal: float
    ) -> tuple[Tensor, Tensor]:
        """Search, and sum the squared distance to the tokens found over each row's frames, halved, a dimension."""
        mean, target = self.mean(hidden).float(), target.detach().float()
        durations = best_path(log_likelihood(mean, None, target), token_mask, frame_mask, diagonal)
        expected, _ = expand(mean, durations, target.shape[1])
        misfit = (expected - target).square() * frame_mask
        return durations, 0.5 * misfit.mean(dim=-1).sum(dim=1)


@torch.no_grad()
def log_likelihood(mean: Tensor, log_std: Tensor | None, target: Tensor) -> Tensor:
    """Of every frame (B, F, D) under every token's diagonal Gaussian (B, N, D): (B, N, F), constants left out.

    In float32 whatever the autocast. It lies in memory as (B, F, N), as the search reads it fastest.
    """
    with torch.autocast(mean.device.type, enabled=False):
        mean, target = mean.float(), target.float()
        log_std = torch.zeros_like(mean) if log_std is None else log_std.float()
        precision = (-2 * log_std).exp()
        constant = -(0.5 * mean.square() * precision + log_std).sum(dim=-1).unsqueeze(1)
        scores = torch.baddbmm(constant, target, (mean * precision).transpose(1, 2))
        return scores.baddbmm_(target.square(), precision.transpose(1, 2), alpha=-0.5).transpose(1, 2)


@torch.no_grad()
def best_path(scores: Tensor, token_mask: Tensor, frame_mask: Tensor, diagonal: float) -> Tensor:
    """Durations (B, N) of the best monotonic paths through scores (B, N, F).

    `diagonal` above zero favours even speech: it is how many nats a frame loses by standing one standard deviation
    (0.2 of the utterance) off the diagonal.
    """
    n_tokens, n_frames = (mask.sum(dim=(1, 2)).long() for mask in (token_mask, frame_mask))
    if diagonal > 0:
        tokens, frames = (
            (torch.arange(size, device=scores.device) + 0.5) / lengths.unsqueeze(1)
            for size, lengths in ((scores.shape[1], n_tokens), (scores.shape[2], n_frames))
        )
        off = (tokens.unsqueeze(2) - frames.unsqueeze(1)) / 0.2
        scores = scores - 0.5 * diagonal * off.square()
    return search_tensors(scores, n_tokens, n_frames)
