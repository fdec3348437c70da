"""What a training run does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Options:
    """Counted in steps, so that a run can be repeated. Rates are per update; sizes are in mel frames.

    A step is one update from `frames_per_batch` padded frames, whatever the number of processes and of the
    `accumulate` parts each of them computes after one another. `max_minutes` ends a run by the clock: such a run
    cannot be repeated exactly. `mean_vector_share` of the utterances are spoken with their speaker's mean vector
    instead of their own, `unknown_speaker_share` without their speaker's row of the table.
    """

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
    accumulate: int = 1
    speaker_balance: float = 0.0
    language_balance: float = 0.0
    listen_every: int = 0
    keep: Literal["last", "best"] = "last"
    patience: int | None = None
    max_minutes: float | None = None
    speaker_consistency: float = 0.0
    diagonal_steps: int = 600
    kl_steps: int = 1500
    mean_vector_share: float = 0.5
    unknown_speaker_share: float = 0.1
    loss_weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """All steps of the run."""
        return self.warmup_steps + self.adversarial_steps
