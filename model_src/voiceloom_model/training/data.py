"""Utterances in memory, and the padding that keeps shapes few.

Letters: N tokens, F frames, M mel bands, S speaker channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from voiceloom_model.nn.sound import UNVOICED_HZ
from voiceloom_model.nn.synthesizer import Batch

#: Padded sizes are multiples of these: few shapes, so the CPU's kernels are prepared once each.
FRAME_MULTIPLE = 32
TOKEN_MULTIPLE = 8


@dataclass(frozen=True)
class Utterance:
    """One training example: tokens, stress (N,), mel (F, M) float16, wave (F × hop,) int16, speaker (S,).

    durations (N,): whole frames per token, summing to F; empty where the network aligns by itself. `speaker_id` is
    the speaker's row in the network's table, 0 for none. f0 (F,) in Hz, 0 without a voice; empty where nobody asks.
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
    speaker_id: int = 0
    speaker_name: str = ""
    f0: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))

    @property
    def n_frames(self) -> int:
        """Mel frames."""
        return len(self.mel)


def round_up(value: int, multiple: int) -> int:
    """The next multiple at or above `value`."""
    return -(-value // multiple) * multiple


def collate(
    utterances: Sequence[Utterance], hop_length: int, use_mean: Sequence[bool], known: Sequence[bool] | None = None
) -> Batch:
    """Pad utterances into a `Batch`.

    Where `use_mean`, the speaker's mean vector stands for the utterance's own; who is not `known` is speaker 0.
    """
    known = [True] * len(utterances) if known is None else known
    n_tokens = round_up(max(len(u.tokens) for u in utterances), TOKEN_MULTIPLE)
    n_frames = round_up(max(u.n_frames for u in utterances), FRAME_MULTIPLE)
    vectors = [u.speaker_mean if mean else u.speaker for u, mean in zip(utterances, use_mean, strict=True)]
    ids = [u.speaker_id if one_of_us else 0 for u, one_of_us in zip(utterances, known, strict=True)]
    waves = _padded([u.wave for u in utterances], n_frames * hop_length, np.float32)
    waves /= 32768
    f0 = _padded([u.f0 for u in utterances], n_frames, np.float32)
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
        speaker_id=torch.tensor(ids),
        f0=torch.from_numpy(np.stack([contour(row) for row in f0])),
        voiced=torch.from_numpy((f0 > 0).astype(np.float32)),
    )


def contour(f0: np.ndarray) -> np.ndarray:
    """Pitch (F,) in Hz with 0 for none → the same, drawn through where there is none, straight on a musical scale."""
    (voiced,) = np.nonzero(f0 > 0)
    if not len(voiced):
        return np.full_like(f0, UNVOICED_HZ)
    return np.exp(np.interp(np.arange(len(f0)), voiced, np.log(f0[voiced]))).astype(f0.dtype)


def _padded(arrays: Sequence[np.ndarray], size: int, dtype: type) -> np.ndarray:
    padded = np.zeros((len(arrays), size, *arrays[0].shape[1:]), dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return padded
