"""Which utterances a step learns from: the same for every rank, and the same after an interruption.

The order of batches follows from (seed, epoch) alone. A batch is planned for all ranks and micro-batches together;
each takes its slice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from voiceloom_model.training.data import FRAME_MULTIPLE, Utterance, round_up
from voiceloom_model.training.options import Options


@dataclass(frozen=True)
class Plan:
    """Utterances of these lengths (frames), drawn by these weights, in batches of a budget of padded frames.

    With equal weights an epoch holds every utterance once; else it draws as many, the heavier ones more often.
    """

    lengths: np.ndarray
    weights: np.ndarray
    frames_per_batch: int
    seed: int

    @classmethod
    def of(cls, utterances: Sequence[Utterance], options: Options) -> Plan:
        """The plan of a run."""
        lengths = np.array([utterance.n_frames for utterance in utterances])
        speakers = [utterance.speaker_name for utterance in utterances]
        languages = [utterance.language for utterance in utterances]
        weights = np.ones(len(lengths))
        # Speakers first: equal languages then hold equal speakers each.
        for groups, balance in ((speakers, options.speaker_balance), (languages, options.language_balance)):
            weights = balanced(weights, lengths, groups, balance)
        return cls(lengths, weights, options.frames_per_batch, options.seed)

    def epoch(self, number: int) -> list[list[int]]:
        """Batches of similar lengths, count × padded frames ≤ the budget, in an order of this epoch's own.

        An utterance longer than the budget is a batch by itself.
        """
        rng = np.random.default_rng((self.seed, number))
        drawn = self._draw(rng)
        jittered = self.lengths[drawn] * rng.uniform(0.9, 1.1, len(drawn))
        batches: list[list[int]] = [[]]
        longest = 0
        for index in drawn[np.argsort(jittered, kind="stable")].tolist():
            frames = round_up(int(self.lengths[index]), FRAME_MULTIPLE)
            longest = max(longest, frames)
            if batches[-1] and (len(batches[-1]) + 1) * longest > self.frames_per_batch:
                batches.append([])
                longest = frames
            batches[-1].append(index)
        rng.shuffle(batches)
        return batches

    def batches(self, start: int) -> Iterator[list[int]]:
        """The batches of step `start` and all after it, for ever: the same whether or not the run was interrupted."""
        epoch = step = 0
        while True:
            batches = self.epoch(epoch)
            yield from batches[max(0, start - step) :]
            step += len(batches)
            epoch += 1

    def _draw(self, rng: np.random.Generator) -> np.ndarray:
        """An epoch's utterances: systematic sampling, so that none comes more than one time off what is expected."""
        count = len(self.weights)
        if np.ptp(self.weights) == 0:
            return np.arange(count)
        order = rng.permutation(count)
        ends = np.cumsum(self.weights[order]) * (count / self.weights.sum()) + rng.uniform()
        return np.repeat(order, np.diff(np.floor(ends), prepend=0).astype(int))


def balanced(weights: np.ndarray, lengths: np.ndarray, groups: Sequence, balance: float) -> np.ndarray:
    """The weights times each group's share of the weighted audio to the power of −`balance`.

    0 leaves the shares as they are, 1 makes them equal (Lample and Conneau 2019, XLM, section 3.1, α = 1 − balance).
    """
    if not balance:
        return weights
    _, members = np.unique(np.asarray(groups), return_inverse=True)
    audio = np.bincount(members, weights * lengths)
    return weights * (audio / audio.sum())[members] ** -balance


def share_of(batch: Sequence[int], part: int, parts: int) -> list[int]:
    """The positions in a batch that belong to a part: every so many, for neighbours are of like length."""
    return list(range(part, len(batch), parts))
