"""What training minimises: terms of a batch, each divided by what is counted in the whole update.

Every term is a sum over utterances, so that an update may be split over ranks and micro-batches as one likes:
gradients add up to those of the whole (see `Counts`).
Letters: B batch, N tokens, F frames, L latent, M mel bands, S speaker channels, T samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from voiceloom_model.nn.spectral import magnitudes
from voiceloom_model.nn.synthesizer import Batch, Outputs

STFT_RESOLUTIONS = ((512, 128), (1024, 256), (256, 64))
#: Weaker bins hold the rounding of 16-bit samples and no speech; their logarithms would drown all other gradients.
STFT_FLOOR = 1e-3
#: What is drawn through where there is no pitch must only lead from one voiced stretch to the next.
UNVOICED_WEIGHT = 0.1


class Counts(NamedTuple):
    """What sums are divided by: frames, tokens and utterances of a whole update, over the number of ranks.

    Ranks average their gradients and micro-batches add theirs up, so the gradient is that of one rank with all of it.
    """

    frames: float
    tokens: float
    utterances: float

    @classmethod
    def of(cls, batch: Batch) -> Counts:
        """Of an update that is this one batch."""
        return cls(float(batch.n_frames.sum()), float(batch.n_tokens.sum()), float(len(batch.tokens)))


def summed(values: Tensor, mask: Tensor) -> Tensor:
    """Sum over the real frames (mask (B, F, 1)) of the mean over channels of (B, F, C)."""
    return (values.float() * mask).mean(dim=-1).sum()


def kl_divergence(outputs: Outputs) -> Tensor:
    """KL(posterior ‖ prior) in nats, sampled, summed over frames (Kim et al. 2021, VITS, eq. 3 and 4).

    The flow preserves volume, so its log determinant is zero.
    """
    log_std = outputs.prior_log_std.float()
    distance = (outputs.prior_latent.float() - outputs.prior_mean.float()).square() * (-2 * log_std).exp()
    nats = log_std - outputs.posterior_log_std.float() - 0.5 + 0.5 * distance
    return (nats.sum(dim=-1, keepdim=True) * outputs.frame_mask).sum()


def text_losses(outputs: Outputs, counts: Counts) -> dict[str, Tensor]:
    """The terms that need no waveform: duration, KL, and mels and the aligner where there are such."""
    terms = {"duration": outputs.duration.sum() / counts.tokens, "kl": kl_divergence(outputs) / counts.frames}
    for name, said in (("prior_mel", outputs.prior_mel), ("latent_mel", outputs.latent_mel)):
        if said is not None:
            terms[name] = summed((said.float() - outputs.mel).abs(), outputs.frame_mask) / counts.frames
    if outputs.align is not None:
        terms["align"] = outputs.align.sum() / counts.frames
    return terms


def stft_loss(made: Tensor, real: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
    """Multi-resolution STFT loss of waves (B, T): spectral convergence and log magnitude, (B,).

    Yamamoto et al. 2020, Parallel WaveGAN, section 2.2. `noise` holds a power (B, K, F) a resolution that comes on top
    of what was made.
    """
    total = made.new_zeros(len(made))
    for number, (n_fft, hop_length) in enumerate(STFT_RESOLUTIONS):
        a, b = (magnitudes(wave, n_fft, hop_length) for wave in (made, real))
        a = a if noise is None else (a.square() + noise[number]).sqrt()
        a, b = a.flatten(1), b.flatten(1)
        convergence = (a - b).norm(dim=1) / b.norm(dim=1).clamp(min=1e-5)
        log_a, log_b = (magnitude.clamp(min=STFT_FLOOR).log() for magnitude in (a, b))
        total = total + convergence + (log_a - log_b).abs().mean(dim=1)
    return total / len(STFT_RESOLUTIONS)


def pitch_loss(octaves: Tensor, wanted: Tensor, voiced: Tensor) -> Tensor:
    """Mean absolute difference of octaves (B, F), (B,); where nobody's voice is (voiced (B, F) 0), a tenth of it."""
    return ((octaves - wanted).abs() * (UNVOICED_WEIGHT + (1 - UNVOICED_WEIGHT) * voiced)).mean(dim=1)


def discriminator_loss(real: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
    """Least squares (B,): real towards 1, made towards 0, summed over the discriminators (Mao et al. 2017).

    Scores are (B, …), one tensor a discriminator.
    """
    terms = [_mean_square(1 - r) + _mean_square(m) for r, m in zip(real, made, strict=True)]
    return torch.stack(terms).sum(dim=0)


def adversarial_loss(made: list[Tensor]) -> Tensor:
    """Least squares (B,): made towards 1, summed over the discriminators."""
    return torch.stack([_mean_square(1 - m) for m in made]).sum(dim=0)


def feature_matching_loss(real: list[list[Tensor]], made: list[list[Tensor]]) -> Tensor:
    """Absolute difference of the discriminators' features, (B,), summed over layers (HiFi-GAN, eq. 6)."""
    pairs = [(r, m) for rs, ms in zip(real, made, strict=True) for r, m in zip(rs, ms, strict=True)]
    return torch.stack([(m.float() - r.float().detach()).abs().flatten(1).mean(dim=1) for r, m in pairs]).sum(dim=0)


def speaker_consistency_loss(heard: Tensor, wanted: Tensor) -> Tensor:
    """One minus the cosine of d-vectors (B, S): how unlike the speaker they sound, (B,) (YourTTS, eq. 1)."""
    return 1 - F.cosine_similarity(heard.float(), wanted.float(), dim=-1)


def _mean_square(values: Tensor) -> Tensor:
    return values.float().square().flatten(1).mean(dim=1)
