"""Mel spectrograms on tensors, the same as `features.log_mel` on arrays.

Letters: B batch, T samples, F frames, M mel bands, N FFT size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from voiceloom_model.features import LOG_FLOOR, MelConfig, mel_filterbank


class LogMel(nn.Module):
    """Waveform (B, T), T a multiple of the hop → natural-log mel magnitudes (B, F, M), in float32."""

    filters: Tensor
    window: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("filters", torch.from_numpy(mel_filterbank(config)), persistent=False)
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Analyse; frame f is centred on samples f × hop … (f + 1) × hop."""
        margin = (self.config.n_fft - self.config.hop_length) // 2
        with torch.autocast(wave.device.type, enabled=False):
            padded = nn.functional.pad(wave.float(), (margin, margin), mode="reflect")
            spectrum = torch.stft(
                padded, self.config.n_fft, self.config.hop_length, window=self.window, center=False,
                return_complex=True,
            )  # fmt: skip
            magnitude = torch.view_as_real(spectrum).square().sum(-1).clamp(min=1e-12).sqrt()
            return (self.filters @ magnitude).clamp(min=LOG_FLOOR).log().transpose(1, 2)
