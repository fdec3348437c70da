"""The two phases of a run. Each owns its optimizers and advances by one batch.

Letters: B batch, F frames, L latent, T samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from voiceloom_model.features import MelConfig
from voiceloom_model.losses import discriminator_loss
from voiceloom_model.nn.discriminators import Discriminators
from voiceloom_model.nn.synthesizer import Batch, Synthesizer, length_mask
from voiceloom_model.training.options import Options
from voiceloom_model.training.steps import (
    DecoderStep,
    SoundLosses,
    WarmupStep,
    cut_segments,
    generator_terms,
    total,
)

MAX_GRADIENT_NORM = 10.0
BETAS = (0.8, 0.99)


@dataclass(frozen=True)
class Setting:
    """What both phases work on."""

    fabric: Fabric
    synthesizer: Synthesizer
    discriminators: Discriminators
    mel_config: MelConfig
    options: Options

    def segment_starts(self, batch: Batch) -> Tensor:
        """Where to cut each utterance (B,), inside its real frames."""
        last = (batch.n_frames - self.options.segment_frames).clamp(min=0)
        return (torch.rand(len(last)) * (last.cpu() + 1)).long().to(last.device)

    def posterior_noise(self, batch: Batch) -> Tensor:
        """Standard normal (B, F, L)."""
        return torch.randn(*batch.mel.shape[:2], self.synthesizer.config.latent).to(batch.mel.device)

    def optimize(self, optimizer, module: nn.Module, loss: Tensor) -> None:
        """One update; a step whose loss or gradient is not finite on any rank is skipped by all."""
        optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        norm = nn.utils.clip_grad_norm_(module.parameters(), MAX_GRADIENT_NORM)
        finite = torch.isfinite(norm + loss.detach()).float()
        if bool(torch.as_tensor(self.fabric.all_reduce(finite, reduce_op="mean")) == 1):
            optimizer.step()


def learning_rate(step: int, steps: int, options: Options) -> float:
    """Linear warm-up over at most 200 steps, then a cosine down to the final rate."""
    ramp = min(200, max(1, steps // 5))
    if step < ramp:
        return options.learning_rate * (step + 1) / ramp
    progress = (step - ramp) / max(1, steps - ramp)
    low, high = options.final_learning_rate, options.learning_rate
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * progress))


class WarmupPhase:
    """Everything but the discriminators."""

    name = "warmup"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        module = WarmupStep(setting.synthesizer, setting.mel_config, setting.options.segment_frames)
        optimizer = torch.optim.AdamW(module.parameters(), betas=BETAS, weight_decay=0.01, fused=True)
        self.module, self.optimizer = setting.fabric.setup(module, optimizer)
        self.optimizers = [self.optimizer]

    def advance(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """One step; returns the loss terms."""
        setting = self.setting
        self.module.train()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, setting.options.warmup_steps, setting.options)
        starts = setting.segment_starts(batch)
        terms = self.module(batch, setting.posterior_noise(batch), starts)
        setting.optimize(self.optimizer, self.module, total(terms, step))
        return {name: term.detach() for name, term in terms.items()}


class AdversarialPhase:
    """The decoder against the discriminators; everything before the latent stays as the warm-up left it."""

    name = "adversarial"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        fabric, options = setting.fabric, setting.options
        self.sound = SoundLosses(setting.mel_config).to(fabric.device)
        decoder = DecoderStep(setting.synthesizer)
        rate = options.adversarial_learning_rate
        self.decoder, self.decoder_optimizer = fabric.setup(
            decoder, torch.optim.AdamW(decoder.parameters(), lr=rate, betas=BETAS, weight_decay=0.01, fused=True)
        )
        judge = setting.discriminators
        self.judge, self.judge_optimizer = fabric.setup(
            judge, torch.optim.AdamW(judge.parameters(), lr=2 * rate, betas=BETAS, weight_decay=0.01, fused=True)
        )
        self.optimizers = [self.decoder_optimizer, self.judge_optimizer]

    def advance(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """One step of each side; returns the loss terms."""
        setting = self.setting
        starts = setting.segment_starts(batch)
        size, hop = setting.options.segment_frames, setting.synthesizer.config.hop_length
        latent = cut_segments(self._latent(batch), starts, size)
        real = cut_segments(batch.wave, starts * hop, size * hop)
        self.decoder.train()
        made = self.decoder(latent, batch.speaker)
        judged = discriminator_loss(self.judge(real)[0], self.judge(made.detach())[0])
        setting.optimize(self.judge_optimizer, self.judge, judged)
        terms = generator_terms(self.sound, self.judge, made, real)
        setting.optimize(self.decoder_optimizer, self.decoder, total(terms, step))
        return {name: term.detach() for name, term in {**terms, "discriminator": judged}.items()}

    @torch.no_grad()
    def _latent(self, batch: Batch) -> Tensor:
        """Sampled posterior (B, F, L) of the recordings."""
        synthesizer = self.setting.synthesizer
        mask = length_mask(batch.n_frames, batch.mel.shape[1])
        with self.setting.fabric.autocast():
            mel = synthesizer.normalise(batch.mel) * mask
            mean, log_std = synthesizer.posterior(mel, mask, batch.speaker)
        return mean.float() + self.setting.posterior_noise(batch) * log_std.float().exp()
