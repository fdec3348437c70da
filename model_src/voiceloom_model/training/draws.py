"""Everything random in a training step, utterance by utterance.

Each utterance draws from a generator of its own, so its draws depend on its seed alone: not on who is beside it, nor
on the padding, the rank or the device.
Letters: B batch, N tokens, F frames, L latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from voiceloom_model.config import ModelConfig
from voiceloom_model.nn.synthesizer import Batch

#: How many of the utterances the speaker encoder listens to, where it does at all.
LISTENED_SHARE = 0.125


class Draws(NamedTuple):
    """posterior_noise (B, F, L), duration_noise (B, N, 2): standard normal. starts (B,): first decoded frames.

    listened (B,) bool: whether the speaker encoder listens. breath (B, T) of the segments, standard normal, and phase
    (B,) in cycles: what excites a source and filters; T is 0 for other decoders.
    """

    posterior_noise: Tensor
    duration_noise: Tensor
    starts: Tensor
    listened: Tensor
    breath: Tensor
    phase: Tensor


def draw(batch: Batch, seeds: Sequence[int], config: ModelConfig, segment_frames: int) -> Draws:
    """Draw for each utterance by its seed; segments lie inside its real frames where it is long enough."""
    samples = segment_frames * config.hop_length if config.decoder == "source" else 0
    posterior = torch.zeros(*batch.mel.shape[:2], config.latent)
    duration = torch.zeros(*batch.tokens.shape, 2)
    starts = torch.zeros(len(seeds), dtype=torch.long)
    listened = torch.zeros(len(seeds), dtype=torch.bool)
    breath, phase = torch.zeros(len(seeds), samples), torch.zeros(len(seeds))
    sizes = zip(seeds, batch.n_frames.tolist(), batch.n_tokens.tolist(), strict=True)
    for row, (seed, frames, tokens) in enumerate(sizes):
        generator = torch.Generator().manual_seed(seed)
        starts[row] = torch.randint(max(0, frames - segment_frames) + 1, (), generator=generator)
        listened[row] = torch.rand((), generator=generator) < LISTENED_SHARE
        posterior[row, :frames] = torch.randn(frames, config.latent, generator=generator)
        duration[row, :tokens] = torch.randn(tokens, 2, generator=generator)
        if samples:
            breath[row] = torch.randn(samples, generator=generator)
            phase[row] = torch.rand((), generator=generator)
    return Draws(*(tensor.to(batch.mel.device) for tensor in (posterior, duration, starts, listened, breath, phase)))
