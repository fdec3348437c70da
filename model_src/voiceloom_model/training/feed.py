"""What a rank is fed: its parts of each step's batch.

On a CPU made when it is asked for: that takes a millisecond, while a thread that makes it ahead slows each of the
network's operations to a half. A GPU needs no processor meanwhile, and its batches are larger: `ahead`.

Everything random of an utterance comes from (seed, step, position in the whole batch), so that neither the ranks nor
the micro-batches nor an interruption change what is drawn.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from voiceloom_model.config import ModelConfig
from voiceloom_model.losses import Counts
from voiceloom_model.training.batches import Plan, share_of
from voiceloom_model.training.data import Utterance, collate
from voiceloom_model.training.draws import draw
from voiceloom_model.training.options import Options
from voiceloom_model.training.phases import Micro

#: For a rank that has no utterance of a batch, and must compute along: a sum divided by this teaches nothing.
NOTHING = Counts(math.inf, math.inf, math.inf)


class Fed(NamedTuple):
    """One step's parts for this rank, and the frames that all ranks learn from together."""

    parts: list[Micro]
    frames: int


@dataclass(frozen=True)
class Feed:
    """Feeds rank `rank` of `ranks` from `utterances`; `config` is the network's."""

    utterances: Sequence[Utterance]
    options: Options
    config: ModelConfig
    rank: int = 0
    ranks: int = 1

    def steps(self, start: int) -> Generator[Fed]:
        """What each step from `start` on is fed, for ever."""
        for step, batch in enumerate(Plan.of(self.utterances, self.options).batches(start), start):
            yield self.fed(step, batch)

    def fed(self, step: int, batch: Sequence[int]) -> Fed:
        """This rank's share of a batch."""
        counts = self._counts(batch)
        parts = self.ranks * self.options.accumulate
        shares = (share_of(batch, number * self.ranks + self.rank, parts) for number in range(self.options.accumulate))
        micros = [self._micro(step, batch, share, counts) for share in shares if share]
        if not micros:
            micros = [self._micro(step, batch, [0], NOTHING)]
        return Fed(micros, int(sum(self.utterances[index].n_frames for index in batch)))

    def _counts(self, batch: Sequence[int]) -> Counts:
        """Known to every rank without asking the others."""
        drawn = [self.utterances[index] for index in batch]
        sizes = sum(u.n_frames for u in drawn), sum(len(u.tokens) for u in drawn), len(drawn)
        return Counts(*(size / self.ranks for size in sizes))

    def _micro(self, step: int, batch: Sequence[int], positions: Sequence[int], counts: Counts) -> Micro:
        options = self.options
        seeds = [utterance_seed(options.seed, step, position) for position in positions]
        chances = [np.random.default_rng(seed).random(2) for seed in seeds]
        collated = collate(
            [self.utterances[batch[position]] for position in positions],
            self.config.hop_length,
            [bool(mean < options.mean_vector_share) for mean, _ in chances],
            [bool(unknown >= options.unknown_speaker_share) for _, unknown in chances],
        )
        return Micro(collated, draw(collated, seeds, self.config, options.segment_frames), counts)


def ahead(steps: Generator[Fed], count: int = 2) -> Generator[Fed]:
    """The same, of which a thread makes the next `count` meanwhile."""
    with ThreadPoolExecutor(1) as pool, closing(steps):
        coming = deque(pool.submit(next, steps) for _ in range(count))
        try:
            while True:
                fed = coming.popleft().result()
                coming.append(pool.submit(next, steps))
                yield fed
        finally:
            pool.shutdown(cancel_futures=True)


def utterance_seed(seed: int, step: int, position: int) -> int:
    """The seed of all that is random of one utterance in one step."""
    return int(np.random.SeedSequence((seed, step, position)).generate_state(1, np.uint64)[0])
