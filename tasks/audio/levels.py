"""How loud a recording is, and how much of it is clipped: measures that take samples whole or block by block.

Letters: T samples.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tasks.rowstore import Rejected

_BLOCK_HOPS = 4  # BS.1770's gating block of 0.4 s moves by a quarter of itself
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_CEILING = 0.99
_LEVEL_WINDOW_S = 0.02
#: A recording this near its target stays as it is, so that what was exported comes back bit for bit.
_NEAR_DB = 0.05
_FLAT_RUN = 3


class LevelMeter:
    """RMS level of the loudest 20 ms; one click makes no silent file loud."""

    def __init__(self, rate_hz: int):
        self._width = max(1, int(_LEVEL_WINDOW_S * rate_hz))
        self._rest = np.zeros(0, np.float32)
        self._loudest: float | None = None

    def add(self, wave: np.ndarray) -> None:
        """Hear the next (T,)."""
        wave = np.concatenate((self._rest, wave)) if len(self._rest) else wave
        whole = len(wave) // self._width * self._width
        self._rest = wave[whole:]
        if whole:
            self._loudest = max(self._loudest or 0.0, _mean_power(wave[:whole].reshape(-1, self._width)))

    def dbfs(self) -> float:
        """The level in dB below full scale."""
        loudest = self._loudest
        if loudest is None:
            loudest = _mean_power(self._rest.reshape(1, -1)) if len(self._rest) else 0.0
        return float(10 * np.log10(loudest + 1e-20))


def _mean_power(windows: np.ndarray) -> float:
    return float(np.max(np.mean(windows.astype(np.float64) ** 2, axis=1)))


def peak_level_dbfs(wave: np.ndarray, rate_hz: int) -> float:
    """RMS level of the loudest 20 ms of (T,), in dB below full scale."""
    meter = LevelMeter(rate_hz)
    meter.add(wave)
    return meter.dbfs()


class FlatTops:
    """Samples on a flat top: runs of three or more within 0.1 % of the recording's own peak."""

    def __init__(self, peak: float):
        self._top = 0.999 * max(peak, 1e-9)
        self._flat = self._total = self._open = 0

    def add(self, wave: np.ndarray) -> None:
        """Look at the next (T,)."""
        top = np.abs(wave) >= self._top
        edges = np.flatnonzero(np.diff(np.concatenate(([0], top.astype(np.int8), [0]))))
        runs = edges[1::2] - edges[::2]
        if len(runs) and edges[0] == 0:
            runs[0] += self._open
        else:
            self._flat += self._open if self._open >= _FLAT_RUN else 0
        self._open = int(runs[-1]) if len(runs) and edges[-1] == len(wave) else 0
        runs = runs[:-1] if self._open else runs
        self._flat += int(runs[runs >= _FLAT_RUN].sum())
        self._total += len(wave)

    def share(self) -> float:
        """How much of what was seen is flat, 0 to 1."""
        return (self._flat + (self._open if self._open >= _FLAT_RUN else 0)) / max(self._total, 1)


def clipped_share(wave: np.ndarray) -> float:
    """Share of samples of (T,) on a flat top.

    Measured against the recording's own peak, so that a clipped recording turned down later is still found;
    before resampling, which rounds the tops.
    """
    tops = FlatTops(float(np.max(np.abs(wave), initial=0)))
    tops.add(wave)
    return tops.share()


@lru_cache(maxsize=8)
def _weighting(rate_hz: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The K-weighting filters' coefficients (b, a), as pyloudnorm derives them for this rate."""
    import pyloudnorm

    return [stage.generate_coefficients() for stage in pyloudnorm.Meter(rate_hz)._filters.values()]


class LoudnessMeter:
    """Integrated loudness (ITU-R BS.1770-4) of samples that come block by block."""

    def __init__(self, rate_hz: int):
        self._rate = rate_hz
        self._states = [np.zeros(2) for _ in _weighting(rate_hz)]
        self._hops: list[np.ndarray] = []
        self._partial = 0.0
        self._count = 0

    def add(self, wave: np.ndarray) -> None:
        """Hear the next (T,)."""
        sums = np.concatenate(([0.0], np.cumsum(self._weighted(wave) ** 2)))
        start, self._count = self._count, self._count + len(wave)
        first, last = (10 * start + 9) // self._rate + 1, (10 * self._count + 9) // self._rate
        ends = np.arange(first, last + 1) * self._rate // 10 - start
        hops = np.diff(sums[np.concatenate(([0], ends, [len(wave)]))])
        hops[0] += self._partial
        self._partial = float(hops[-1])
        self._hops.append(hops[:-1])

    def _weighted(self, wave: np.ndarray) -> np.ndarray:
        from scipy.signal import lfilter

        weighted = wave.astype(np.float64)
        for index, (b, a) in enumerate(_weighting(self._rate)):
            weighted, self._states[index] = lfilter(b, a, weighted, zi=self._states[index])
        return weighted

    def lufs(self) -> float:
        """The loudness in LUFS, -inf below the absolute gate.

        What is shorter than one 0.4 s block is one block of its own length.
        """
        hops = np.concatenate([*self._hops, np.zeros(0)])
        if len(hops) < _BLOCK_HOPS:
            powers = np.array([(hops.sum() + self._partial) / max(self._count, 1)])
        else:
            if 20 * self._count >= self._rate * (2 * len(hops) + 1):  # the last hop is there to more than its half
                hops = np.append(hops, self._partial)
            powers = np.convolve(hops, np.ones(_BLOCK_HOPS), "valid") / (_BLOCK_HOPS * self._rate / 10)
        return _gated(powers)


def _gated(powers: np.ndarray) -> float:
    """Mean of the blocks' powers above both gates, in LUFS."""
    with np.errstate(divide="ignore"):
        levels = -0.691 + 10 * np.log10(powers)
        heard = levels >= _ABSOLUTE_GATE_LUFS
        if not heard.any():
            return -np.inf
        relative = -0.691 + 10 * np.log10(powers[heard].mean()) + _RELATIVE_GATE_LU
        return float(-0.691 + 10 * np.log10(powers[heard & (levels > relative)].mean()))


def loudness_lufs(wave: np.ndarray, rate_hz: int) -> float:
    """Integrated loudness of (T,), ITU-R BS.1770-4."""
    meter = LoudnessMeter(rate_hz)
    meter.add(wave)
    return meter.lufs()


def gain_to_target_db(measured_lufs: float, peak: float, target_lufs: float) -> float:
    """The gain that brings a recording to `target_lufs`, or as near as 1 % below full scale allows.

    None at all where it would be within 0.05 dB: a recording that is as it should be keeps its samples.
    `Rejected` with `silent` when there is no loudness to measure.
    """
    if not np.isfinite(measured_lufs):
        raise Rejected("silent", "there is nothing loud enough to measure")
    gain_db = min(target_lufs - measured_lufs, 20 * np.log10(_CEILING / peak))
    return 0.0 if abs(gain_db) < _NEAR_DB else float(gain_db)


def apply_gain(wave: np.ndarray, gain_db: float) -> np.ndarray:
    """(T,) louder by `gain_db`."""
    return (wave * 10 ** (gain_db / 20)).astype(np.float32) if gain_db else wave


def normalise_loudness(wave: np.ndarray, rate_hz: int, target_lufs: float) -> tuple[np.ndarray, float]:
    """Bring (T,) to `target_lufs`, as `gain_to_target_db` says; and its loudness then."""
    measured = loudness_lufs(wave, rate_hz)
    gain_db = gain_to_target_db(measured, float(np.max(np.abs(wave))), target_lufs)
    return apply_gain(wave, gain_db), measured + gain_db
