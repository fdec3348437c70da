"""Utterances in memory, batches by frame budget, and the padding that keeps shapes few.

Letters: N tokens, F frames, M mel bands, S speaker channels. The order of batches follows from (seed, epoch) alone,
and everything random in a step from (seed, step), so a run can resume anywhere without stored random states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from voiceloom_model.nn.synthesizer import Batch

#: Padded sizes are multiples of these: few shapes, so the CPU's kernels are prepared once each.
FRAME_MULTIPLE = 32
TOKEN_MULTIPLE = 8


@dataclass(frozen=True)
class Utterance:
    """One training example: tokens, stress (N,), mel (F, M) float16, wave (F × hop,) int16, speaker (S,).

    durations (N,): whole frames per token, summing to F.
    """

    id: str
    tokens: np.ndarray
    stress: np.ndarray
    durations: np.ndarray
    language: int
    mel: np.ndarray
    wave: np.ndarray
    speaker: np.ndarray
    speaker_mean: np.ndarray

    @property
    def n_frames(self) -> int:
        """Mel frames."""
        return len(self.mel)


def round_up(value: int, multiple: int) -> int:
    """The next multiple at or above `value`."""
    return -(-value // multiple) * multiple


def epoch_batches(lengths: Sequence[int], frames_per_batch: int, seed: int, epoch: int) -> list[list[int]]:
    """Group utterances of similar length so that count × padded frames ≤ the budget; order shuffled by epoch."""
    rng = np.random.default_rng((seed, epoch))
    jittered = np.asarray(lengths) * rng.uniform(0.9, 1.1, len(lengths))
    batches: list[list[int]] = [[]]
    longest = 0
    for index in np.argsort(jittered, kind="stable"):
        longest = max(longest, round_up(lengths[index], FRAME_MULTIPLE))
        if batches[-1] and (len(batches[-1]) + 1) * longest > frames_per_batch:
            batches.append([])
            longest = round_up(lengths[index], FRAME_MULTIPLE)
        batches[-1].append(int(index))
    rng.shuffle(batches)
    return batches


def batch_order(lengths: Sequence[int], frames_per_batch: int, seed: int, start: int) -> Iterator[list[int]]:
    """Batches from step `start` on, for ever: the same whether or not the run was interrupted."""
    epoch = step = 0
    while True:
        batches = epoch_batches(lengths, frames_per_batch, seed, epoch)
        for batch in batches:
            if step >= start:
                yield batch
            step += 1
        epoch += 1


def collate(utterances: Sequence[Utterance], hop_length: int, use_mean: Sequence[bool]) -> Batch:
    """Pad utterances into a `Batch`; where `use_mean`, the speaker's mean vector stands for the utterance's own."""
    n_tokens = round_up(max(len(u.tokens) for u in utterances), TOKEN_MULTIPLE)
    n_frames = round_up(max(u.n_frames for u in utterances), FRAME_MULTIPLE)
    vectors = [u.speaker_mean if mean else u.speaker for u, mean in zip(utterances, use_mean, strict=True)]
    waves = _padded([u.wave for u in utterances], n_frames * hop_length, np.float32) / 32768
    return Batch(
        tokens=torch.from_numpy(_padded([u.tokens for u in utterances], n_tokens, np.int64)),
        stress=torch.from_numpy(_padded([u.stress for u in utterances], n_tokens, np.int64)),
        durations=torch.from_numpy(_padded([u.durations for u in utterances], n_tokens, np.int64)),
        n_tokens=torch.tensor([len(u.tokens) for u in utterances]),
        language=torch.tensor([u.language for u in utterances]),
        mel=torch.from_numpy(_padded([u.mel for u in utterances], n_frames, np.float32)),
        n_frames=torch.tensor([u.n_frames for u in utterances]),
        wave=torch.from_numpy(waves),
        speaker=torch.from_numpy(np.stack(vectors).astype(np.float32)),
    )


def _padded(arrays: Sequence[np.ndarray], size: int, dtype: type) -> np.ndarray:
    padded = np.zeros((len(arrays), size, *arrays[0].shape[1:]), dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return padded
