"""Slim multi-period and multi-resolution discriminators.

Letters: B batch, T samples, P period, F frames, K bins. A discriminator maps waves (B, T) to scores and to the
features of every layer, for the feature-matching loss. Sources: HiFi-GAN (Kong et al. 2020), UnivNet (Jang 2021).
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from voiceloom_model.nn.spectral import magnitudes

PERIODS = (2, 3, 5, 7, 11)
RESOLUTIONS = ((256, 64), (512, 128), (1024, 256))
SLOPE = 0.1


class Scorer(nn.Module):
    """A stack of weight-normed 2-D convolutions: (B, C, height, width) → scores, list of features."""

    def __init__(self, layers: list[nn.Conv2d]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(weight_norm(layer) for layer in layers)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Scores are what the last layer says, flattened to (B, …)."""
        features = []
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.layers[-1](x).flatten(1), features


def _period_layers(width: int) -> list[nn.Conv2d]:
    sizes = [1, width, 2 * width, 4 * width, 8 * width]
    strided = [nn.Conv2d(a, b, (5, 1), (3, 1), (2, 0)) for a, b in pairwise(sizes)]
    return [
        *strided,
        nn.Conv2d(sizes[-1], sizes[-1], (5, 1), 1, (2, 0)),
        nn.Conv2d(sizes[-1], 1, (3, 1), 1, (1, 0)),
    ]


def _resolution_layers(width: int) -> list[nn.Conv2d]:
    strided = [nn.Conv2d(1 if i == 0 else width, width, (3, 9), (1, 2), (1, 4)) for i in range(4)]
    return [*strided, nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, 1, 3, 1, 1)]


class Discriminators(nn.Module):
    """All of them: waves (B, T) → list of scores, list of feature lists."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.periods = nn.ModuleList(Scorer(_period_layers(width)) for _ in PERIODS)
        self.resolutions = nn.ModuleList(Scorer(_resolution_layers(width)) for _ in RESOLUTIONS)

    def forward(self, wave: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Judge waveforms."""
        judged = [scorer(fold(wave, period)) for scorer, period in zip(self.periods, PERIODS, strict=True)]
        for scorer, (n_fft, hop_length) in zip(self.resolutions, RESOLUTIONS, strict=True):
            judged.append(scorer(magnitudes(wave, n_fft, hop_length).transpose(1, 2).unsqueeze(1)))
        scores, features = zip(*judged, strict=True)
        return list(scores), list(features)


def fold(wave: Tensor, period: int) -> Tensor:
    """(B, T) → (B, 1, ceil(T / P), P)."""
    missing = -wave.shape[-1] % period
    return F.pad(wave, (0, missing), mode="reflect").unflatten(-1, (-1, period)).unsqueeze(1)
