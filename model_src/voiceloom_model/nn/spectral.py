"""Spectra of waveforms on tensors; the mel is the same as `features.log_mel` on arrays.

Letters: B batch, T samples, F frames, M mel bands, N FFT size, K = N/2 + 1 bins. All of it in float32 whatever the
autocast: half precision has too few digits for a spectrum.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from voiceloom_model.features import LOG_FLOOR, MelConfig, mel_filterbank

MAGNITUDE_FLOOR = 1e-6


def magnitudes(wave: Tensor, n_fft: int, hop_length: int, window: Tensor | None = None, center: bool = True) -> Tensor:
    """STFT magnitudes (B, K, F) of (B, T) under a Hann window, at least `MAGNITUDE_FLOOR`."""
    with torch.autocast(wave.device.type, enabled=False):
        window = torch.hann_window(n_fft, device=wave.device) if window is None else window
        spectrum = torch.stft(wave.float(), n_fft, hop_length, window=window, center=center, return_complex=True)
        return torch.view_as_real(spectrum).square().sum(-1).clamp(min=MAGNITUDE_FLOOR**2).sqrt()


class LinearSpectrum(nn.Module):
    """Waveform (B, T), T a multiple of the hop → magnitudes (B, F, K); frame f is centred on its hop."""

    window: Tensor

    def __init__(self, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Analyse; frame f is centred on samples f × hop … (f + 1) × hop."""
        margin = (self.n_fft - self.hop_length) // 2
        padded = nn.functional.pad(wave.float(), (margin, margin), mode="reflect")
        return magnitudes(padded, self.n_fft, self.hop_length, self.window, center=False).transpose(1, 2)


class LogMel(nn.Module):
    """Waveform (B, T), T a multiple of the hop → natural-log mel magnitudes (B, F, M)."""

    filters: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.spectrum = LinearSpectrum(config.n_fft, config.hop_length)
        self.register_buffer("filters", torch.from_numpy(mel_filterbank(config)), persistent=False)

    def forward(self, wave: Tensor, noise: Tensor | None = None) -> Tensor:
        """Analyse, framed as `LinearSpectrum` does; `noise` (B, F, K) is power that comes on top."""
        spectrum = self.spectrum(wave)
        spectrum = spectrum if noise is None else (spectrum.square() + noise).sqrt()
        with torch.autocast(wave.device.type, enabled=False):
            return (spectrum @ self.filters.T).clamp(min=LOG_FLOOR).log()
