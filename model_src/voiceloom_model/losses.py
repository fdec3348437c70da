"""What training minimises. Every term is a mean over frames, tokens or samples, whatever the batch's size.

Letters: B batch, N tokens, F frames, L latent, M mel bands, T samples.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from voiceloom_model.nn.synthesizer import Batch, Outputs

STFT_RESOLUTIONS = ((512, 128), (1024, 256), (256, 64))


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of (B, F, C) over the positions where mask (B, F, 1) is 1."""
    return (values.float() * mask).sum() / (mask.sum() * values.shape[-1])


def kl_divergence(outputs: Outputs) -> Tensor:
    """KL(posterior ‖ prior) in nats per frame, sampled (Kim et al. 2021, VITS, eq. 3 and 4).

    The flow preserves volume, so its log determinant is zero.
    """
    log_std = outputs.prior_log_std.float()
    distance = (outputs.prior_latent.float() - outputs.prior_mean.float()).square() * (-2 * log_std).exp()
    nats = log_std - outputs.posterior_log_std.float() - 0.5 + 0.5 * distance
    return masked_mean(nats.sum(dim=-1, keepdim=True), outputs.frame_mask)


def text_losses(batch: Batch, outputs: Outputs) -> dict[str, Tensor]:
    """The terms that need no waveform: prior mel, duration and KL."""
    targets = batch.durations.clamp(min=1).float().log()
    duration = (outputs.log_durations.float() - targets).square() * outputs.token_mask.squeeze(-1)
    return {
        "prior_mel": masked_mean((outputs.prior_mel.float() - outputs.mel).abs(), outputs.frame_mask),
        "duration": duration.sum() / outputs.token_mask.sum(),
        "kl": kl_divergence(outputs),
    }


def stft_loss(made: Tensor, real: Tensor) -> Tensor:
    """Multi-resolution STFT loss of waves (B, T): spectral convergence and log magnitude (Yamamoto et al. 2020)."""
    total = made.new_zeros(())
    for n_fft, hop_length in STFT_RESOLUTIONS:
        window = torch.hann_window(n_fft, device=made.device)
        a, b = (_magnitude(wave, n_fft, hop_length, window) for wave in (made, real))
        total = total + (a - b).norm() / b.norm().clamp(min=1e-5) + (a.log() - b.log()).abs().mean()
    return total / len(STFT_RESOLUTIONS)


def _magnitude(wave: Tensor, n_fft: int, hop_length: int, window: Tensor) -> Tensor:
    with torch.autocast(wave.device.type, enabled=False):
        spectrum = torch.stft(wave.float(), n_fft, hop_length, window=window, return_complex=True)
        return torch.view_as_real(spectrum).square().sum(-1).clamp(min=1e-7).sqrt()


def discriminator_loss(real: list[Tensor], made: list[Tensor]) -> Tensor:
    """Least squares: real towards 1, made towards 0, summed over the discriminators (Mao et al. 2017)."""
    terms = [(1 - r.float()).square().mean() + m.float().square().mean() for r, m in zip(real, made, strict=True)]
    return torch.stack(terms).sum()


def adversarial_loss(made: list[Tensor]) -> Tensor:
    """Least squares: made towards 1, summed over the discriminators."""
    return torch.stack([(1 - m.float()).square().mean() for m in made]).sum()


def feature_matching_loss(real: list[list[Tensor]], made: list[list[Tensor]]) -> Tensor:
    """Absolute difference of the discriminators' features, summed over layers (Kong et al. 2020, HiFi-GAN, eq. 6)."""
    pairs = [(r, m) for rs, ms in zip(real, made, strict=True) for r, m in zip(rs, ms, strict=True)]
    return torch.stack([F.l1_loss(m.float(), r.float().detach()) for r, m in pairs]).sum()
