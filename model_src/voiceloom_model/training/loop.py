"""The training loop: a warm-up of the whole voice, then its decoder against discriminators.

Everything random in a step comes from (seed, step); with the data order from (seed, epoch) an interrupted run
continues exactly where it would have been.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from voiceloom_model.features import MelConfig
from voiceloom_model.nn.discriminators import Discriminators
from voiceloom_model.nn.synthesizer import Batch, Synthesizer
from voiceloom_model.training import checkpoint
from voiceloom_model.training.data import Utterance, batch_order, collate
from voiceloom_model.training.options import Options
from voiceloom_model.training.phases import AdversarialPhase, Setting, WarmupPhase
from voiceloom_model.training.validation import validate

#: Called after every step with (step, seconds of audio in it, loss terms).
Report = Callable[[int, float, dict[str, float]], None]
Phase = WarmupPhase | AdversarialPhase

CURVE_EVERY = 10


class Trainer:
    """One run over `utterances`, resumable from `folder`."""

    def __init__(
        self,
        fabric: Fabric,
        synthesizer: Synthesizer,
        mel_config: MelConfig,
        options: Options,
        folder: Path,
    ) -> None:
        torch.manual_seed(options.seed)
        discriminators = Discriminators(synthesizer.config.discriminator_width)
        self.setting = Setting(fabric, synthesizer, discriminators, mel_config, options)
        self.folder = folder
        self.ema = checkpoint.Ema(synthesizer.named_parameters(), options.ema_decay)
        self.step = 0

    def run(
        self, utterances: Sequence[Utterance], held_out: Sequence[Utterance], report: Report
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Train to the end; returns the voice's averaged weights and the discriminators'."""
        state = checkpoint.load_state(self.folder)
        self.step = state["step"] if state else 0
        checkpoint.rewind_curves(self.folder, self.step)
        self._restore(state)
        options = self.setting.options
        for phase_type, end in ((WarmupPhase, options.warmup_steps), (AdversarialPhase, options.steps)):
            if self.step >= end:
                continue
            phase = phase_type(self.setting)
            self._enter(phase, state)
            self._advance(phase, end, utterances, held_out, report)
            state = None
        checkpoint.rewind_curves(self.folder, self.step)
        self._validate(held_out)
        return {
            **self.setting.synthesizer.state_dict(),
            **self.ema.values,
        }, self.setting.discriminators.state_dict()

    def _restore(self, state: dict | None) -> None:
        if state:
            self.setting.synthesizer.load_state_dict(state["model"])
            self.setting.discriminators.load_state_dict(state["discriminators"])
            self.ema.load_state_dict(state["ema"])

    def _enter(self, phase: Phase, state: dict | None) -> None:
        """Continue a phase with its optimizers' state, or start it from the averaged weights."""
        if state and state["phase"] == phase.name:
            for optimizer, saved in zip(phase.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
        else:
            self.setting.synthesizer.load_state_dict(self.ema.values, strict=False)
            self.ema.updates = 0

    def _advance(
        self,
        phase: Phase,
        end: int,
        utterances: Sequence[Utterance],
        held_out: Sequence[Utterance],
        report: Report,
    ) -> None:
        options, fabric = self.setting.options, self.setting.fabric
        lengths = [utterance.n_frames for utterance in utterances]
        order = batch_order(lengths, options.frames_per_batch, options.seed, self.step * fabric.world_size)
        while self.step < end:
            if self.step % options.validate_every == 0:
                self._validate(held_out)
            share = [next(order) for _ in range(fabric.world_size)][fabric.global_rank]
            batch = self._batch([utterances[index] for index in share])
            terms = {name: float(term) for name, term in phase.advance(batch, self.step).items()}
            self.ema.update(self.setting.synthesizer.named_parameters())
            if self.step % CURVE_EVERY == 0:
                self._record({f"train_{name}": value for name, value in terms.items()})
            self.step += 1
            report(self.step, float(batch.n_frames.sum()) / self.setting.mel_config.frames_per_second, terms)
            if self.step % options.checkpoint_every == 0 or self.step == end:
                self._save(phase)

    def _batch(self, utterances: Sequence[Utterance]) -> Batch:
        """Collate, and seed all that is random in this step."""
        fabric = self.setting.fabric
        seed = self.setting.options.seed * 1_000_003 + self.step
        torch.manual_seed(seed * fabric.world_size + fabric.global_rank)
        use_mean = (torch.rand(len(utterances)) < 0.5).tolist()
        batch = collate(utterances, self.setting.mel_config.hop_length, use_mean)
        return Batch(*fabric.to_device(tuple(batch)))

    def _validate(self, held_out: Sequence[Utterance]) -> None:
        """Score the averaged weights; the weights in training come back untouched."""
        synthesizer = self.setting.synthesizer
        training = {name: value.detach().clone() for name, value in synthesizer.named_parameters()}
        synthesizer.load_state_dict(self.ema.values, strict=False)
        self._record({f"valid_{name}": value for name, value in validate(self.setting, held_out).items()})
        synthesizer.load_state_dict(training, strict=False)

    def _record(self, values: dict[str, float]) -> None:
        if self.setting.fabric.is_global_zero:
            rounded = {name: float(f"{value:.6g}") for name, value in values.items()}
            checkpoint.append_curve(self.folder, {"step": self.step, **rounded})

    def _save(self, phase: Phase) -> None:
        setting = self.setting
        if setting.fabric.is_global_zero:
            state = {
                "step": self.step,
                "phase": phase.name,
                "model": setting.synthesizer.state_dict(),
                "discriminators": setting.discriminators.state_dict(),
                "ema": self.ema.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in phase.optimizers],
            }
            checkpoint.save_state(self.folder, state)
        setting.fabric.barrier()
