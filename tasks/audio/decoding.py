"""Any recording → mono samples, block by block: libsndfile reads what it knows, ffmpeg the rest.

Letters: T samples, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile as sf

from tasks.audio.ffmpeg import ffmpeg_blocks
from tasks.audio.formats import check_container, has_mp3_index
from tasks.rowstore import Rejected

_BLOCK = 1 << 20  # samples of all channels together: 4 MB
_UNKNOWN = 1 << 62  # libsndfile's length of a FLAC that never knew its own, whose end it then fails to find
_RATES_HZ = (2000, 768000)
_ABSURD = 1e9  # a float sample beyond any scale; even 32-bit whole numbers stored as floats stay near it
#: A mix this far below what unrelated channels would give has cancelled itself out (20 dB).
_CANCELLED = 0.01
_EVERY = 16  # of so many samples one is enough to see it


class Cancelled(Exception):
    """The channels of a recording cancel each other in the mix; `channel` is the loudest of them."""

    def __init__(self, channel: int):
        super().__init__(channel)
        self.channel = channel


@contextmanager
def opened(
    path: Path, max_duration_s: float = math.inf, channel: int | None = None
) -> Iterator[tuple[int, Iterator[np.ndarray]]]:
    """Open any recording: its sample rate in Hz and its samples, mono float32 (T,) block by block.

    Mono is the mean of all channels, or `channel` alone. Opening and reading raise `Rejected` with `empty_file`,
    `not_audio`, `truncated` (the header promises more than there is), `too_long` (as soon as more than
    `max_duration_s` is promised or has come), and reading ends with `Cancelled` where the mean is no mix.
    """
    codec = check_container(path)
    with _sound_file(path, max_duration_s) if not codec else _nothing() as known:
        if known is not None:
            yield known[0], _mono(*known, max_duration_s, channel)
            return
    with ffmpeg_blocks(path, codec, max_duration_s) as (rate, blocks):
        yield rate, _mono(rate, blocks, max_duration_s, channel)


def decode(path: Path, max_duration_s: float = math.inf) -> tuple[np.ndarray, int]:
    """Read any recording whole: mono waveform (T,) and its sample rate in Hz; raises as `opened` does."""
    try:
        with opened(path, max_duration_s) as (rate, blocks):
            return np.concatenate(list(blocks)), rate
    except Cancelled as mix:
        with opened(path, max_duration_s, mix.channel) as (rate, blocks):
            return np.concatenate(list(blocks)), rate


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


@contextmanager
def _sound_file(path: Path, max_duration_s: float) -> Iterator[tuple[int, Iterator[np.ndarray]] | None]:
    """Rate and blocks as libsndfile reads them; None when it does not know the format."""
    try:
        file = sf.SoundFile(path)
    except sf.LibsndfileError:
        yield None
        return
    with file:
        if file.format == "RAW" or file.frames >= _UNKNOWN:  # RAW is guessed from the suffix alone
            yield None
            return
        _check_rate(file.samplerate)
        is_guess = file.format == "MP3" and not has_mp3_index(path)
        if not is_guess and file.frames > max_duration_s * file.samplerate:
            raise _too_long(f"the header says {file.frames / file.samplerate:.0f} s", max_duration_s)
        yield file.samplerate, _sound_file_blocks(file, 0 if is_guess else file.frames)


def _sound_file_blocks(file: sf.SoundFile, promised: int) -> Iterator[np.ndarray]:
    size, found = max(1, _BLOCK // file.channels), 0
    try:
        while len(block := file.read(size, dtype="float32", always_2d=True)):
            found += len(block)
            yield block
    except sf.LibsndfileError as error:
        raise Rejected("truncated", f"libsndfile stopped: {error.error_string}") from error
    if found < promised:
        raise Rejected("truncated", f"the header promises {promised} samples, {found} are there")


def _mono(rate: int, blocks: Iterator[np.ndarray], max_duration_s: float, channel: int | None) -> Iterator[np.ndarray]:
    """(T, C) blocks → (T,) blocks, checked while they pass."""
    _check_rate(rate)
    found = absurd = 0
    powers, mixed = np.zeros(1), 0.0
    for block in blocks:
        mono = block[:, channel] if channel is not None else _mean(block)
        found += len(block)
        if found > max_duration_s * rate:
            raise _too_long(f"more than {max_duration_s:g} s came out of it", max_duration_s)
        if not (mono.max() < _ABSURD and mono.min() > -_ABSURD):
            absurd += block.size - np.count_nonzero(np.abs(block) < _ABSURD)
        elif channel is None and block.shape[1] > 1:
            few = block[::_EVERY].astype(np.float64)
            powers, mixed = powers + np.sum(few**2, axis=0), mixed + np.sum(_mean(few) ** 2)
        yield mono
    if absurd:
        raise Rejected("not_audio", f"{absurd} of its samples are not numbers, or beyond all bounds")
    if not found:
        raise Rejected("not_audio", "the file holds no samples")
    if mixed < _CANCELLED * powers.sum() / len(powers) ** 2:
        raise Cancelled(int(powers.argmax()))


def _mean(block: np.ndarray) -> np.ndarray:
    """(T, C) → (T,), a channel at a time: several times as fast as numpy along so short an axis."""
    mono = block[:, 0]
    for channel in range(1, block.shape[1]):
        mono = mono + block[:, channel]
    return mono / block.shape[1] if block.shape[1] > 1 else mono


def _check_rate(rate: int) -> None:
    if not _RATES_HZ[0] <= rate <= _RATES_HZ[1]:
        raise Rejected("not_audio", f"its header says {rate} samples a second")


def _too_long(finding: str, max_duration_s: float) -> Rejected:
    return Rejected("too_long", f"{finding}, above ingest.max_duration_s {max_duration_s:g}")
