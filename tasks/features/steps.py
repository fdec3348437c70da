"""The three steps kept in row stores, each under a key of exactly what decides its answer.

A corrected transcript changes only the key of `phonemes`; another mel definition only that of `acoustic`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tasks.engine import Step
from tasks.features.acoustic import VERSION as ACOUSTIC_VERSION
from tasks.features.acoustic import acoustic_features
from tasks.params import AudioParams, FeaturesParams
from tasks.rowstore import Rejected, row_key
from voiceloom_model.text import front_end_identity, phonemize

SPEAKER_VERSION = 1
PHONEMES_VERSION = 1

_MATRIX = pa.binary()  # the numbers' bytes: as lists, every number would become a Python object on its way
ACOUSTIC_ROW = pa.schema(
    [("n_frames", pa.int32()), *((name, _MATRIX) for name in ("mel", "f0_hz", "energy_db", "mfcc"))]
)
SPEAKER_ROW = pa.schema([("embedding", _MATRIX)])
PHONEMES_ROW = pa.schema([("phonemes", pa.string())])


class Keyed(NamedTuple):
    """A step, the utterance columns that are its payload, and the key it gives to their values."""

    step: Step
    columns: tuple[str, ...]
    key_of: Callable[..., str]


def acoustic_step(audio: AudioParams, params: FeaturesParams) -> Keyed:
    """Mel, F0, energy and MFCC of the audio."""
    function = partial(_acoustic, audio=audio, params=params)
    step = Step("features-acoustic", ACOUSTIC_VERSION, function, ACOUSTIC_ROW)
    measures = json.dumps(params.model_dump(exclude={"max_error_rate"}), sort_keys=True)
    return Keyed(step, ("audio",), lambda content: row_key(content["bytes"], audio, measures))


def speaker_step() -> Keyed:
    """The d-vector of the audio."""
    from voiceloom_model.speaker import weights_hash

    step = Step("features-speaker", SPEAKER_VERSION, _speaker, SPEAKER_ROW)
    weights = weights_hash()
    return Keyed(step, ("audio",), lambda content: row_key(content["bytes"], weights))


def phonemes_step() -> Keyed:
    """The phonemes of the text."""
    step = Step("features-phonemes", PHONEMES_VERSION, _phonemes, PHONEMES_ROW, batch_size=64)
    return Keyed(step, ("text", "language"), _phonemes_key)


def _phonemes_key(text: str, language: str) -> str:
    return row_key(text, json.dumps(front_end_identity(language), sort_keys=True))


def _acoustic(payload: tuple[dict], audio: AudioParams, params: FeaturesParams) -> list[dict]:
    wave, _ = _decoded(payload[0])
    return [acoustic_features(wave, audio, params)]


def _speaker(payload: tuple[dict]) -> list[dict]:
    from voiceloom_model.speaker import embed

    wave, rate = _decoded(payload[0])
    return [{"embedding": embed(wave, rate).astype("<f4").tobytes()}]


def _phonemes(payload: tuple[str, str]) -> list[dict]:
    return [{"phonemes": phonemize(*payload)}]


def _decoded(audio: dict) -> tuple[np.ndarray, int]:
    """Samples (T,) and their rate of an audio column's value."""
    import soundfile

    from tasks.audio import from_flac

    try:
        wave, rate = from_flac(audio["bytes"])
    except soundfile.LibsndfileError as error:
        raise Rejected("unreadable_audio", f"the audio cannot be decoded: {error.error_string}") from error
    if wave.ndim != 1 or len(wave) == 0:
        raise Rejected("unreadable_audio", f"expected mono samples, found an array of shape {wave.shape}")
    return wave, rate
