"""The two phases of a run. Each owns its optimizers and advances by one batch.

Letters: B batch, F frames, L latent, T samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from voiceloom_model.features import MelConfig
from voiceloom_model.losses import Counts, discriminator_loss
from voiceloom_model.nn.discriminators import Discriminators
from voiceloom_model.nn.sound import Sound
from voiceloom_model.nn.synthesizer import Batch, Synthesizer
from voiceloom_model.training.draws import Draws
from voiceloom_model.training.options import Options
from voiceloom_model.training.steps import (
    TAUGHT_WEIGHTS,
    WEIGHTS,
    DecoderStep,
    SoundLosses,
    WarmupStep,
    cut_segments,
    excite,
    generator_terms,
    kl_weight,
    pitch_terms,
    total,
)

MAX_GRADIENT_NORM = 10.0
BETAS = (0.8, 0.99)


class Micro(NamedTuple):
    """A part of an update: some utterances, what was drawn for them, and what the whole update counts."""

    batch: Batch
    draws: Draws
    counts: Counts


@dataclass(frozen=True)
class Setting:
    """What both phases work on."""

    fabric: Fabric
    synthesizer: Synthesizer
    discriminators: Discriminators
    mel_config: MelConfig
    options: Options

    @property
    def weights(self) -> dict[str, float]:
        """Of the loss terms."""
        taught = TAUGHT_WEIGHTS if self.synthesizer.latent_mel is not None else {}
        return {**WEIGHTS, **taught, "speaker": self.options.speaker_consistency, **self.options.loss_weights}

    def update(self, optimizer, module: nn.Module) -> Tensor:
        """Clip and apply the gradients; returns their norm before clipping.

        An update whose gradient is not finite on any rank is skipped by all of them together.
        """
        norm = nn.utils.clip_grad_norm_(module.parameters(), MAX_GRADIENT_NORM)
        finite = torch.isfinite(norm).float()
        if bool(torch.as_tensor(self.fabric.all_reduce(finite, reduce_op="mean")) == 1):
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return norm.detach()


def learning_rate(step: int, steps: int, options: Options) -> float:
    """Linear warm-up over at most 200 steps, then a cosine down to the final rate."""
    ramp = min(200, max(1, steps // 5))
    if step < ramp:
        return options.learning_rate * (step + 1) / ramp
    progress = (step - ramp) / max(1, steps - ramp)
    low, high = options.final_learning_rate, options.learning_rate
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * progress))


def set_rate(optimizer, rate: float) -> None:
    """One rate for all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def added(sums: dict[str, Tensor], terms: Mapping[str, Tensor]) -> None:
    """Add a micro-batch's terms to those before it."""
    for name, term in terms.items():
        sums[name] = sums.get(name, 0.0) + term.detach()


class WarmupPhase:
    """Everything but the discriminators."""

    name = "warmup"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        options = setting.options
        module = WarmupStep(
            setting.synthesizer, setting.mel_config, options.segment_frames, options.speaker_consistency > 0
        )
        optimizer = _adamw(module, options.learning_rate)
        self.module, self.optimizer = setting.fabric.setup(module, optimizer)
        self.optimizers = [self.optimizer]

    def advance(self, parts: Sequence[Micro], step: int) -> dict[str, Tensor]:
        """One update over its micro-batches; returns the loss terms."""
        setting, options = self.setting, self.setting.options
        self.module.train()
        set_rate(self.optimizer, learning_rate(step, options.warmup_steps, options))
        diagonal = max(0.0, 1 - step / options.diagonal_steps) if options.diagonal_steps else 0.0
        kl = kl_weight(step, options.kl_steps)
        sums: dict[str, Tensor] = {}
        for number, part in enumerate(parts, start=1):
            with setting.fabric.no_backward_sync(self.module, enabled=number < len(parts)):
                terms = self.module(*part, diagonal)
                setting.fabric.backward(total(terms, setting.weights, kl))
            added(sums, terms)
        return {**sums, "gradient_norm": setting.update(self.optimizer, self.module)}


class AdversarialPhase:
    """The decoder against the discriminators; everything before the latent stays as the warm-up left it."""

    name = "adversarial"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        fabric, rate = setting.fabric, setting.options.adversarial_learning_rate
        self.sound = SoundLosses(setting.mel_config).to(fabric.device)
        decoder, judge = DecoderStep(setting.synthesizer), setting.discriminators
        self.decoder, self.decoder_optimizer = fabric.setup(decoder, _adamw(decoder, rate))
        self.judge, self.judge_optimizer = fabric.setup(judge, _adamw(judge, 2 * rate))
        self.optimizers = [self.decoder_optimizer, self.judge_optimizer]

    def advance(self, parts: Sequence[Micro], step: int) -> dict[str, Tensor]:
        """One update of each side, at once; returns the loss terms."""
        self.decoder.train()
        sums: dict[str, Tensor] = {}
        for number, part in enumerate(parts, start=1):
            together = number < len(parts)
            with self.setting.fabric.no_backward_sync(self.decoder, enabled=together):
                made, real, pitch = self._sounds(part)
            with self.setting.fabric.no_backward_sync(self.judge, enabled=together):
                self._teach_judge(made.wave.detach(), real, part.counts, sums)
            self._teach_decoder(made, real, part.counts, sums, pitch)
        judge_norm = self.setting.update(self.judge_optimizer, self.judge)
        norm = self.setting.update(self.decoder_optimizer, self.decoder)
        return {**sums, "gradient_norm": norm, "judge_gradient_norm": judge_norm}

    def _sounds(self, part: Micro) -> tuple[Sound, Tensor, dict[str, Tensor]]:
        """Pieces of the sampled posterior, decoded, the same of the recordings (B, T), and how far off in pitch."""
        batch, draws, _ = part
        fabric, synthesizer = self.setting.fabric, self.setting.synthesizer
        size, hop = self.setting.options.segment_frames, synthesizer.config.hop_length
        with torch.no_grad(), fabric.autocast():
            latent, _, _ = synthesizer.sample_posterior(batch, draws.posterior_noise)
            speaker = synthesizer.speaker_vector(batch.speaker, batch.speaker_id)
        made = self.decoder(cut_segments(latent.float(), draws.starts, size), speaker, excite(batch, draws, size))
        real = cut_segments(batch.wave, draws.starts * hop, size * hop)
        made = made._replace(wave=made.wave.float())
        return made, real, pitch_terms(made, batch, draws.starts)

    def _teach_judge(self, made: Tensor, real: Tensor, counts: Counts, sums: dict[str, Tensor]) -> None:
        """Real and made go in side by side: one forward for a distributed wrapper."""
        scores, _ = self.judge(torch.cat([real, made]))
        pairs = [score.chunk(2) for score in scores]
        loss = discriminator_loss([pair[0] for pair in pairs], [pair[1] for pair in pairs]).sum() / counts.utterances
        self.setting.fabric.backward(loss)
        added(sums, {"discriminator": loss})

    def _teach_decoder(
        self, made: Sound, real: Tensor, counts: Counts, sums: dict[str, Tensor], pitch: Mapping[str, Tensor]
    ) -> None:
        """The judge stands still, and none of its gradients is computed."""
        setting = self.setting
        setting.discriminators.requires_grad_(False)
        with setting.fabric.autocast():
            terms = generator_terms(self.sound, setting.discriminators, made, real)
        terms = {name: term / counts.utterances for name, term in {**terms, **pitch}.items()}
        setting.fabric.backward(total(terms, setting.weights))
        setting.discriminators.requires_grad_(True)
        added(sums, terms)


def _adamw(module: nn.Module, rate: float) -> torch.optim.Optimizer:
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(trained, lr=rate, betas=BETAS, weight_decay=0.01, fused=True)
