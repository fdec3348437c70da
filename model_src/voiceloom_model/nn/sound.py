"""What every decoder is given beside the latent, and what it gives back.

Letters: B batch, F frames, T = F × hop samples.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

#: The pitch in Hz of frames where nobody's voice is near.
UNVOICED_HZ = 100.0


class Excitation(NamedTuple):
    """What pulses and noise are made of, for decoders that are a source and filters; others do without.

    breath (B, T): standard normal samples; None: no noise sounds, the wave is that of the pulses alone. phase (B,): the
    pulses' phase in cycles where frame `anchor` () begins. f0 (B, F): the pitch in Hz, 0 where it is to be as the
    network says.
    """

    breath: Tensor | None
    phase: Tensor
    anchor: Tensor
    f0: Tensor


class Sound(NamedTuple):
    """wave (B, T). Of a source and filters also octaves, f0 and cycles, (B, F) each.

    Octaves above `source.MIDDLE_HZ` are the pitch as the network says it, f0 in Hz is what was heard, and cycles are
    the pulses' phase as each frame begins. In training also what losses compare: `tonal` (B, T), the pulses' part of
    the wave, and `noise` (B, P × F, K), the log magnitudes of the filters that noise goes through.
    """

    wave: Tensor
    octaves: Tensor | None = None
    f0: Tensor | None = None
    cycles: Tensor | None = None
    tonal: Tensor | None = None
    noise: Tensor | None = None


def draw_excitation(frames: int, hop_length: int, seed: int, device: torch.device | None = None) -> Excitation:
    """For one utterance of so many frames: drawn where every machine draws the same, then brought to the device."""
    breath = torch.randn(1, frames * hop_length, generator=torch.Generator().manual_seed(seed))
    anchor = torch.zeros((), dtype=torch.long, device=device)
    return Excitation(breath.to(device), torch.zeros(1, device=device), anchor, torch.zeros(1, frames, device=device))
