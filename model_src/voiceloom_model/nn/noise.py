"""How strong filtered noise is on average, without making it: what a loss compares instead of one draw of the noise.

The magnitude of one bin of one draw is anywhere between nothing and twice its mean, so a loss of two draws of the same
noise is far from zero and its gradient points nearly anywhere. The expected power is exact, and so is the direction.

Letters: B batch, T samples, P pieces, K bins of a piece, F frames and N FFT size of the spectrum that is asked for.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

#: Of a bin of noise whose mean square is 1, by Rayleigh's distribution: its mean magnitude and its median, squared.
MEAN_SQUARED, MEDIAN_SQUARED = math.pi / 4, math.log(2)


class NoisePower(nn.Module):
    """Log magnitudes (B, P, K) of the filters of unit noise → expected power (B, N/2 + 1, F) of its STFT.

    Pieces are `piece` samples apart and analysed by windows of `piece_fft`; the STFT has a Hann window, and frames
    centred as `spectral.magnitudes` centres them (`center`), or on their hop.
    """

    window: Tensor
    bins: Tensor

    def __init__(self, n_fft: int, hop_length: int, piece: int, piece_fft: int, center: bool = True) -> None:
        super().__init__()
        self.n_fft, self.hop_length, self.piece, self.center = n_fft, hop_length, piece, center
        unit = torch.hann_window(piece_fft).square().sum()
        self.register_buffer("window", torch.hann_window(n_fft).square() / unit, persistent=False)
        self.register_buffer("bins", _between(n_fft // 2 + 1, piece_fft // 2 + 1), persistent=False)
        self._shares: dict[tuple[int, int], Tensor] = {}

    def forward(self, filters: Tensor, samples: int) -> Tensor:
        """Of a stretch of `samples`."""
        pieces = filters.shape[1]
        if (pieces, samples) not in self._shares:
            self._shares[pieces, samples] = self._hears(pieces, samples)
        shares = self._shares[pieces, samples].to(filters.device)
        with torch.autocast(filters.device.type, enabled=False):
            power = (2 * filters.float()).exp() @ self.bins
            return torch.einsum("fp,bpk->bkf", shares, power)

    def _hears(self, pieces: int, samples: int) -> Tensor:
        """How much of each piece a frame hears, (F, P): loudness goes straight from the middle of one to the next."""
        frames = samples // self.hop_length + int(self.center)
        before = self.n_fft // 2 if self.center else (self.n_fft - self.hop_length) // 2
        starts = torch.arange(frames).unsqueeze(1) * self.hop_length - before
        heard = (starts + torch.arange(self.n_fft)).clamp(0, samples - 1)
        places = ((heard - self.piece / 2) / self.piece).clamp(0, pieces - 1)
        lower = places.floor().clamp(max=pieces - 2).long()
        upper = places - lower
        shares = torch.zeros(frames, pieces)
        shares.scatter_add_(1, lower, self.window.cpu() * (1 - upper))
        return shares.scatter_add_(1, lower + 1, self.window.cpu() * upper)


def _between(many: int, few: int) -> Tensor:
    """(few, many): values at `few` places → values at `many`, straight between them."""
    places = torch.arange(many) / (many - 1) * (few - 1)
    lower = places.floor().clamp(max=few - 2).long()
    upper = places - lower
    table = torch.zeros(few, many)
    table[lower, torch.arange(many)] = 1 - upper
    table[lower + 1, torch.arange(many)] += upper
    return table
