"""What a training run does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Counted in steps, so that a run can be repeated. Rates are per update; sizes are in mel frames."""

    seed: int
    warmup_steps: int
    adversarial_steps: int
    frames_per_batch: int
    segment_frames: int
    learning_rate: float
    final_learning_rate: float
    ema_decay: float
    checkpoint_every: int
    validate_every: int
    adversarial_learning_rate: float = 2e-4

    @property
    def steps(self) -> int:
        """All steps of the run."""
        return self.warmup_steps + self.adversarial_steps
