"""The training loop: a warm-up of the whole voice, then its decoder against discriminators.

Everything random in a step comes from (seed, step); with the data order from (seed, epoch) an interrupted run
continues exactly where it would have been, and ranks need not tell each other what they draw.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from voiceloom_model.features import MelConfig
from voiceloom_model.nn.discriminators import Discriminators
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.training import checkpoint
from voiceloom_model.training.clock import Clock
from voiceloom_model.training.data import Utterance
from voiceloom_model.training.feed import Fed, Feed, ahead
from voiceloom_model.training.options import Options
from voiceloom_model.training.phases import AdversarialPhase, Setting, WarmupPhase
from voiceloom_model.training.scores import Best, score_of
from voiceloom_model.training.stopping import Stopping
from voiceloom_model.training.watching import Hooks, Watch

Phase = WarmupPhase | AdversarialPhase

CURVE_EVERY = 10


class Trainer:
    """One run over `utterances`, resumable from `folder`; `fabric` is launched already.

    `discriminators` are fresh unless given. `clock` says where the time went.
    """

    def __init__(
        self,
        fabric: Fabric,
        synthesizer: Synthesizer,
        mel_config: MelConfig,
        options: Options,
        folder: Path,
        discriminators: Discriminators | None = None,
    ) -> None:
        torch.manual_seed(options.seed)
        discriminators = discriminators or Discriminators(synthesizer.config.discriminator_width)
        self.setting = Setting(
            fabric, synthesizer.to(fabric.device), discriminators.to(fabric.device), mel_config, options
        )
        self.folder = folder
        self.ema = checkpoint.Ema(checkpoint.trained(synthesizer), options.ema_decay)
        self.best = Best(options.keep == "best")
        self.clock = Clock(options.max_minutes)
        self.stopping = Stopping()
        self.step = 0
        self._measured_at: int | None = None

    def run(
        self, utterances: Sequence[Utterance], held_out: Sequence[Utterance], hooks: Hooks | None = None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Train to the end; returns the voice's averaged weights, which it then has, and the discriminators'."""
        setting, options = self.setting, self.setting.options
        state = checkpoint.load_state(self.folder)
        self._restore(state)
        watch = Watch(setting, self.ema, self.folder, hooks or Hooks(), held_out)
        config, fabric = setting.synthesizer.config, setting.fabric
        feed = Feed(utterances, options, config, fabric.global_rank, fabric.world_size)
        with self.stopping:
            for phase_type, end in self._phases(state):
                phase = phase_type(setting)
                self._enter(phase, state)
                state = None
                over = self._advance(phase, end, feed, watch)
                self._measure(watch, last=True)
                if self.best.weights:
                    self.ema.load(self.best.weights)
                if over:
                    break
            if self._asked_to_stop():
                self.stopping.end()
        setting.synthesizer.load_state_dict(self.ema.values, strict=False)
        return setting.synthesizer.state_dict(), setting.discriminators.state_dict()

    def _phases(self, state: Mapping | None) -> list[tuple[type[Phase], int]]:
        """What is to come, each with the step at which it ends; the phase of `state` is entered again."""
        options = self.setting.options
        phases: list[tuple[type[Phase], int]] = [(WarmupPhase, options.warmup_steps)]
        if options.adversarial_steps:
            phases.append((AdversarialPhase, options.steps))
        names = [phase.name for phase, _ in phases]
        return phases[names.index(state["phase"]) if state else 0 :]

    def _restore(self, state: Mapping | None) -> None:
        if state:
            self.step = state["step"]
            self.setting.synthesizer.load_state_dict(state["model"])
            self.setting.discriminators.load_state_dict(state["discriminators"])
            self.ema.load_state_dict(state["ema"])
        self.clock.start(state["elapsed_s"] if state else 0.0)
        if self.setting.fabric.is_global_zero:
            checkpoint.rewind_curves(self.folder, self.step)

    def _enter(self, phase: Phase, state: Mapping | None) -> None:
        """Continue a phase with its optimizers' state, or start it from the averaged weights."""
        if state:
            for optimizer, saved in zip(phase.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            self.best.load_state_dict(state["best"])
        else:
            self.setting.synthesizer.load_state_dict(self.ema.values, strict=False)
            self.ema.updates = 0
            self.best = Best(self.best.keep)

    def _advance(self, phase: Phase, end: int, feed: Feed, watch: Watch) -> bool:
        """Train a phase to its end, or to where its time or its patience is over; returns whether time is."""
        options = self.setting.options
        steps = feed.steps(self.step)
        with closing(ahead(steps) if self.setting.fabric.device.type == "cuda" else steps) as fed:
            while self.step < end:
                if self._asked_to_stop():
                    self._save(phase)
                    self.stopping.end()
                if self._out_of_time():
                    self._save(phase)
                    return True
                self._measure(watch)
                if options.patience is not None and self.best.worse >= options.patience:
                    self.step = end
                else:
                    self._learn(phase, fed, watch)
                if self.step % options.checkpoint_every == 0 or self.step == end:
                    self._save(phase)
        return False

    def _learn(self, phase: Phase, fed: Iterator[Fed], watch: Watch) -> None:
        """One step."""
        fabric, seed = self.setting.fabric, self.setting.options.seed
        asked = time.perf_counter()
        parts, frames = next(fed)
        given = time.perf_counter()
        torch.manual_seed((seed * 1_000_003 + self.step) * fabric.world_size + fabric.global_rank)
        terms = phase.advance([fabric.to_device(part) for part in parts], self.step)
        self.ema.update(checkpoint.trained(self.setting.synthesizer))
        values = torch.stack([term.float() for term in terms.values()])
        if self.step % CURVE_EVERY == 0:
            values = torch.as_tensor(fabric.all_reduce(values, reduce_op="mean"))
        named = dict(zip(terms, values.tolist(), strict=True))
        if self.step % CURVE_EVERY == 0:
            watch.record(self.step, {f"train_{name}": value for name, value in named.items()})
        self.step += 1
        self.clock.count(given - asked, time.perf_counter() - asked)
        watch.hooks.report(self.step, frames / self.setting.mel_config.frames_per_second, named)

    def _measure(self, watch: Watch, last: bool = False) -> None:
        """Measure the averaged weights where that is due, once a step, and remember the best."""
        if self._measured_at == self.step or not watch.due(self.step, last):
            return
        self._measured_at = self.step
        score = score_of(watch.measure(self.step, last), by_ear=self.setting.options.listen_every > 0)
        if score is not None:
            self.best.offer(score, self.ema.values)

    def _asked_to_stop(self) -> bool:
        """Whether any rank got a signal; all of them leave after the same step."""
        asked = self.stopping.signal is not None
        if self.setting.fabric.world_size == 1:
            return asked
        several = torch.tensor(float(asked), device=self.setting.fabric.device)
        return bool(torch.as_tensor(self.setting.fabric.all_reduce(several, reduce_op="sum")))

    def _out_of_time(self) -> bool:
        """Whether the time is over by any rank's clock; asked now and then only."""
        minutes = self.setting.options.max_minutes
        if minutes is None or self.step % CURVE_EVERY:
            return False
        over = torch.tensor(float(self.clock.is_over), device=self.setting.fabric.device)
        if not torch.as_tensor(self.setting.fabric.all_reduce(over, reduce_op="sum")):
            return False
        if self.step == 0:
            raise ValueError(f"max_minutes {minutes:g} were over before the first step: nothing is trained; raise it")
        return True

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
                "best": self.best.state_dict(),
                "elapsed_s": self.clock.elapsed_s,
            }
            checkpoint.save_state(self.folder, state)
        setting.fabric.barrier()
