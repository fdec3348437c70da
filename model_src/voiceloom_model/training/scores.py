"""The best weights of a phase, and for how long nothing has been better."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

#: What a voice is judged by, lower is better; a later name decides where the earlier ones are equal.
#: Words misheard come first: the mel distance alone rewards a voice that mumbles.
BY_EAR = ("wer", "mel_text")
BY_MEL = ("mel_text",)


def score_of(values: Mapping[str, float], by_ear: bool) -> tuple[float, ...] | None:
    """The score in what was measured; None where it was not measured. What is not a number is worst."""
    names = BY_EAR if by_ear else BY_MEL
    if not all(name in values for name in names):
        return None
    return tuple(math.inf if math.isnan(values[name]) else values[name] for name in names)


class Best:
    """The best score of a phase with the weights that had it, if they are to be kept.

    It begins anew in every phase: discriminators give up mel distance for a natural sound.
    """

    def __init__(self, keep: bool) -> None:
        self.keep = keep
        self.score: tuple[float, ...] | None = None
        self.worse = 0
        self.weights: dict[str, Tensor] = {}

    def offer(self, score: tuple[float, ...], weights: Mapping[str, Tensor]) -> None:
        """Take the score if it is better than all before it, and count it if not."""
        if self.score is not None and score >= self.score:
            self.worse += 1
            return
        self.score, self.worse = score, 0
        if self.keep:
            self.weights = {name: value.detach().cpu().clone() for name, value in weights.items()}

    def state_dict(self) -> dict:
        """For a checkpoint."""
        return {"score": self.score, "worse": self.worse, "weights": self.weights}

    def load_state_dict(self, state: Mapping) -> None:
        """From a checkpoint."""
        self.score, self.worse, self.weights = state["score"], state["worse"], state["weights"]
