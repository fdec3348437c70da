"""One step of each phase: everything at once during the warm-up, decoder against discriminators after it.

Letters: B batch, F frames, L latent, T samples, S speaker channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from voiceloom_model import losses
from voiceloom_model.features import MelConfig
from voiceloom_model.nn.discriminators import Discriminators
from voiceloom_model.nn.spectral import LogMel
from voiceloom_model.nn.synthesizer import Batch, Synthesizer

#: Weights of the loss terms; `kl` is annealed from zero (see `kl_weight`).
WEIGHTS = {
    "mel": 45.0,
    "stft": 10.0,
    "kl": 1.0,
    "duration": 1.0,
    "prior_mel": 10.0,
    "adversarial": 1.0,
    "feature_matching": 2.0,
}
KL_STEPS = 1500


def kl_weight(step: int) -> float:
    """Annealed from 0 to 1, so that the latent carries the sound before it must obey the text."""
    return min(1.0, (step + 1) / KL_STEPS)


def total(terms: dict[str, Tensor], step: int) -> Tensor:
    """The weighted sum of the terms."""
    scale = {"kl": kl_weight(step)}
    return torch.stack([WEIGHTS[name] * scale.get(name, 1.0) * term for name, term in terms.items()]).sum()


def cut_segments(sequence: Tensor, starts: Tensor, size: int) -> Tensor:
    """(B, F, …) → (B, size, …), row b from starts[b] on."""
    return torch.stack([row[start : start + size] for row, start in zip(sequence, starts.tolist(), strict=True)])


class SoundLosses(nn.Module):
    """Mel and multi-resolution STFT distance of made and real waves (B, T)."""

    def __init__(self, mel_config: MelConfig) -> None:
        super().__init__()
        self.log_mel = LogMel(mel_config)

    def forward(self, made: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Compare sounds."""
        return {
            "mel": (self.log_mel(made) - self.log_mel(real)).abs().mean(),
            "stft": losses.stft_loss(made, real),
        }


class WarmupStep(nn.Module):
    """All of a voice, without discriminators: batch → loss terms.

    One module, so that a distributed wrapper sees a single forward.
    """

    def __init__(self, synthesizer: Synthesizer, mel_config: MelConfig, segment_frames: int) -> None:
        super().__init__()
        self.synthesizer = synthesizer
        self.sound = SoundLosses(mel_config)
        self.segment_frames = segment_frames

    def forward(self, batch: Batch, noise: Tensor, starts: Tensor) -> dict[str, Tensor]:
        """Noise (B, F, L) samples the posterior; starts (B,) choose the frames that are decoded."""
        outputs = self.synthesizer(batch, noise)
        latent = cut_segments(outputs.latent, starts, self.segment_frames)
        hop = self.synthesizer.config.hop_length
        real = cut_segments(batch.wave, starts * hop, self.segment_frames * hop)
        made = self.synthesizer.decoder(latent, torch.ones_like(latent[..., :1]), batch.speaker)
        return {**self.sound(made, real), **losses.text_losses(batch, outputs)}


class DecoderStep(nn.Module):
    """The decoder alone, for the adversarial phase: latents (B, F, L), speaker (B, S) → wave (B, T)."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        super().__init__()
        self.decoder = synthesizer.decoder

    def forward(self, latent: Tensor, speaker: Tensor) -> Tensor:
        """Decode segments."""
        return self.decoder(latent, torch.ones_like(latent[..., :1]), speaker)


def generator_terms(sound: SoundLosses, judge: Discriminators, made: Tensor, real: Tensor) -> dict[str, Tensor]:
    """What the decoder minimises in the adversarial phase."""
    scores, features = judge(made)
    with torch.no_grad():
        _, real_features = judge(real)
    return {
        **sound(made, real),
        "adversarial": losses.adversarial_loss(scores),
        "feature_matching": losses.feature_matching_loss(real_features, features),
    }
