"""One recording → its utterance: trimmed, and refused when too short, too long, noisy, clipped or no speech.

Letters: T samples, W windows of the voice activity detector.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from tasks import audio
from tasks.params import SegmentParams
from tasks.rowstore import Rejected, row_key
from tasks.segment import vad

#: Raise it whenever the same recording would give other rows.
VERSION = 1

SCHEMA = pa.schema(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("duration_s", pa.float64()),
        pa.field("sample_rate_hz", pa.int32()),
        pa.field("snr_db", pa.float32()),
        pa.field("clipped_share", pa.float32()),
        pa.field("flac", pa.binary()),
    ]
)

_LOUD = 10**-2.5  # 25 dB below the mean of speech: vowels and fricatives, no breath
_GAP = 3  # windows: the closure of a plosive inside a word
_MAX_SNR_DB = 100.0  # digital silence around speech has no noise to speak of


def key(content_key: str, segment: SegmentParams, weights: str) -> str:
    """The row key: the recording's content, the limits (not how many fail or are held out), the detector."""
    matters = segment.model_dump(exclude={"held_out_share", "held_out_min_words", "max_error_rate"})
    return row_key("segment", VERSION, content_key, json.dumps(matters, sort_keys=True), weights)


def cut(recording: tuple[float, dict], segment: SegmentParams) -> list[dict]:
    """One row of `SCHEMA` for a recording (clipped share, audio); `Rejected` when it is not usable."""
    clipped_share, content = recording
    if clipped_share > segment.max_clipped_share:
        raise Rejected("clipped", f"{clipped_share:.2%} of its samples are clipped")
    wave, rate = audio.from_flac(content["bytes"])
    at_16k = audio.resample(wave, rate, vad.RATE_HZ)
    speech = vad.speech_windows(vad.speech_probabilities(at_16k), segment.vad_threshold)
    if not speech.any():
        raise Rejected("no_speech", "no speech was found in it")
    power = window_power(at_16k)
    loud = power > power[speech].mean() * _LOUD
    start_s, end_s = _bounds(loud, speech, segment.padding_s, len(wave) / rate)
    start, end = round(start_s * rate), round(end_s * rate)
    _check_length((end - start) / rate, segment)
    snr_db = signal_to_noise_db(power, speech)
    if snr_db < segment.min_snr_db:
        raise Rejected("low_snr", f"speech is {snr_db:.1f} dB above the noise, below {segment.min_snr_db:g}")
    return [
        {
            "start_s": start / rate,
            "end_s": end / rate,
            "duration_s": (end - start) / rate,
            "sample_rate_hz": rate,
            "snr_db": snr_db,
            "clipped_share": clipped_share,
            "flac": audio.to_flac(wave[start:end], rate),
        }
    ]


def _bounds(loud: np.ndarray, speech: np.ndarray, padding_s: float, duration_s: float) -> tuple[float, float]:
    """First and last second to keep, from (W,) bool each.

    From the detector's first to its last window of speech, and outward over windows as loud as speech: the
    detector comes late to a word and leaves it early.
    """
    first, last = np.flatnonzero(speech)[[0, -1]]
    before = _outward(loud[:first][::-1])
    after = _outward(loud[last + 1 :])
    start, end = (first - before) * vad.WINDOW_S, (last + 1 + after) * vad.WINDOW_S
    return max(0.0, start - padding_s), min(duration_s, end + padding_s)


def _outward(loud: np.ndarray) -> int:
    """How many windows, going outward, belong to the word: up to the last loud one before a gap."""
    reach = 0
    for index in np.flatnonzero(loud):
        if index - reach > _GAP:
            break
        reach = int(index) + 1
    return reach


def _check_length(duration_s: float, segment: SegmentParams) -> None:
    if duration_s < segment.min_duration_s:
        raise Rejected("too_short", f"{duration_s:.2f} s of speech, below {segment.min_duration_s:g} s")
    if duration_s > segment.max_duration_s:
        raise Rejected("too_long", f"{duration_s:.2f} s of speech, above {segment.max_duration_s:g} s")


def window_power(wave: np.ndarray) -> np.ndarray:
    """Mean power of each window of the detector: (T,) at 16 kHz → (W,)."""
    padded = np.pad(wave.astype(np.float64), (0, -len(wave) % vad.WINDOW))
    return np.mean(padded.reshape(-1, vad.WINDOW) ** 2, axis=1)


def signal_to_noise_db(power: np.ndarray, speech: np.ndarray) -> float:
    """Mean power of speech over that of the quietest tenth of all windows, in dB; (W,) each.

    Not over the windows without speech: in a recording cut close they hold the beginnings and ends of words.
    """
    noise = np.sort(power)[: max(1, len(power) // 10)].mean()
    return float(min(10 * np.log10(power[speech].mean() / max(noise, 1e-12)), _MAX_SNR_DB))
