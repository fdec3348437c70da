"""The decoder: ConvNeXt blocks at frame rate and an inverse STFT head (Vocos, Siuzdak 2023).

Letters: B batch, F frames, L latent, K = N/2 + 1 bins, N FFT size, T = F × hop samples, S speaker channels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from voiceloom_model.config import ModelConfig
from voiceloom_model.nn.layers import ConvNextStack
from voiceloom_model.nn.sound import Excitation, Sound
from voiceloom_model.nn.text import block_options

MAX_LOG_MAGNITUDE = 6.0


class InverseStft(nn.Module):
    """Log magnitude and phase (B, F, K) each → waveform (B, T).

    The inverse DFT is a matrix product and overlap-add a sum of shifted pieces, so the exported graph holds
    nothing that ONNX Runtime or TensorRT lacks. Frame f is centred on samples f × hop … (f + 1) × hop, as in
    `features.magnitude_frames`.
    """

    cosines: Tensor
    sines: Tensor

    def __init__(self, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.hop_length, self.overlap = hop_length, n_fft // hop_length
        self.reach = self.overlap // 2
        cosines, sines = inverse_dft(n_fft, hop_length)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)

    def forward(self, log_magnitude: Tensor, phase: Tensor) -> Tensor:
        """Synthesise; runs in float32 whatever the autocast."""
        magnitude = log_magnitude.float().clamp(max=MAX_LOG_MAGNITUDE).exp()
        phase = phase.float()
        with torch.autocast(magnitude.device.type, enabled=False):
            return self.of_spectrum(magnitude * phase.cos(), magnitude * phase.sin())

    def of_spectrum(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """Real and imaginary part (B, F, K) each → waveform (B, T)."""
        pieces = (real @ self.cosines + imaginary @ self.sines).unflatten(-1, (self.overlap, self.hop_length))
        whole = self._overlap_add(pieces)
        margin = (self.overlap - 1) * self.hop_length // 2
        return whole[:, margin : margin + real.shape[1] * self.hop_length]

    def _overlap_add(self, pieces: Tensor) -> Tensor:
        """(B, F, N / hop, hop) → (B, (F + N / hop - 1) × hop): piece k of frame f lands on hop f + k."""
        extra = self.overlap - 1
        padded = nn.functional.pad(pieces, (0, 0, 0, 0, extra, extra))
        hops = pieces.shape[1] + extra
        shifted = [padded[:, extra - k : extra - k + hops, k] for k in range(self.overlap)]
        return torch.stack(shifted).sum(dim=0).flatten(1)


def inverse_dft(n_fft: int, hop_length: int) -> tuple[Tensor, Tensor]:
    """Windowed inverse-DFT matrices (K, N) for the real and the imaginary part.

    Hann synthesis window, divided by the constant sum of its squares at this overlap.
    """
    bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64).unsqueeze(1)
    samples = torch.arange(n_fft, dtype=torch.float64)
    window = torch.hann_window(n_fft, periodic=True, dtype=torch.float64)
    twice = torch.full_like(bins, 2.0)
    twice[0] = twice[-1] = 1.0
    angles = 2 * math.pi * bins * samples / n_fft
    scale = twice * window / n_fft / (window.square().sum() / hop_length)
    return (angles.cos() * scale).float(), (-angles.sin() * scale).float()


class Decoder(nn.Module):
    """Latent (B, F, L), mask (B, F, 1), speaker (B, S) → `Sound`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.stack = ConvNextStack(
            config.latent,
            config.decoder_width,
            config.n_fft + 2,
            config.decoder_blocks,
            block_options(config),
        )
        self.head = InverseStft(config.n_fft, config.hop_length)
        self.reach = self.stack.reach + self.head.reach

    def forward(self, z: Tensor, mask: Tensor, speaker: Tensor, excitation: Excitation | None = None) -> Sound:
        """Turn latents into sound."""
        log_magnitude, phase = self.stack(z, mask, speaker).chunk(2, dim=-1)
        return Sound(self.head(log_magnitude, phase))
