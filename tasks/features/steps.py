"""The three steps kept in row stores, each under a key of exactly what decides its answer.

A corrected transcript changes only the key of `phonemes`; another mel definition only that of `acoustic`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tasks.engine import Step
from tasks.features.acoustic import VERSION as ACOUSTIC_VERSION
from tasks.features.acoustic import acoustic_features
from tasks.params import AudioParams, FeaturesParams
from tasks.rowstore import Failure, Rejected, row_key
from voiceloom_model.text import Lexicon, choice_for, front_end_identity, lexicon_key, read

SPEAKER_VERSION = 2
PHONEMES_VERSION = 2

_MATRIX = pa.binary()  # the numbers' bytes: as lists, every number would become a Python object on its way
ACOUSTIC_ROW = pa.schema(
    [("n_frames", pa.int32()), *((name, _MATRIX) for name in ("mel", "f0_hz", "energy_db", "mfcc"))]
)
SPEAKER_ROW = pa.schema([("embedding", _MATRIX)])
#: `oov` are the words of the text that no lexicon held, as often as they come.
PHONEMES_ROW = pa.schema([("phonemes", pa.string()), ("oov", pa.list_(pa.string()))])


class Keyed(NamedTuple):
    """A step, the utterance columns that are its payload, and the key it gives to the values of `keyed_by`."""

    step: Step
    columns: tuple[str, ...]
    keyed_by: tuple[str, ...]
    key_of: Callable[..., str]


def acoustic_step(audio: AudioParams, params: FeaturesParams) -> Keyed:
    """Mel, F0, energy and MFCC of the audio."""
    function = partial(_acoustic, audio=audio, params=params)
    step = Step("features-acoustic", ACOUSTIC_VERSION, function, ACOUSTIC_ROW)
    measures = json.dumps(params.model_dump(include={"f0_min_hz", "f0_max_hz", "n_mfcc"}), sort_keys=True)
    return Keyed(step, ("audio",), ("audio_key",), lambda audio_key: row_key(audio_key, audio, measures))


def speaker_step() -> Keyed:
    """The d-vector of the audio."""
    from voiceloom_model.speaker_weights import weights_hash

    step = Step("features-speaker", SPEAKER_VERSION, _speakers, SPEAKER_ROW, batch_size=32, together=True)
    weights = weights_hash()
    return Keyed(step, ("audio",), ("audio_key",), lambda audio_key: row_key(audio_key, weights))


def phonemes_step(lexicon: Lexicon, front_ends: Mapping[str, str]) -> Keyed:
    """The phonemes of the text, and its words that no lexicon held; `front_ends` are the user's choices.

    Of the user's lexicon only the entries that a text holds are part of its key.
    """
    function = partial(_phonemes, lexicon=lexicon, front_ends=dict(front_ends))
    step = Step("features-phonemes", PHONEMES_VERSION, function, PHONEMES_ROW, batch_size=16, cost=lambda said: 0.25)

    @cache
    def identity(language: str) -> str:
        return json.dumps(front_end_identity(language, choice_for(language, front_ends)), sort_keys=True)

    def key_of(text: str, language: str) -> str:
        return row_key(text, identity(language), lexicon_key(text, language, lexicon))

    return Keyed(step, ("text", "language"), ("text", "language"), key_of)


def _acoustic(payload: tuple[dict], audio: AudioParams, params: FeaturesParams) -> list[dict]:
    wave, _ = _decoded(payload[0])
    return [acoustic_features(wave, audio, params)]


def _speakers(payloads: Sequence[tuple[dict]]) -> list[list[dict] | Failure]:
    from voiceloom_model.speaker import embed_many

    heard = [_decoded_or_failure(payload[0]) for payload in payloads]
    vectors = iter(embed_many([sound for sound in heard if not isinstance(sound, Failure)]))
    return [
        sound if isinstance(sound, Failure) else [{"embedding": next(vectors).astype("<f4").tobytes()}]
        for sound in heard
    ]


def _decoded_or_failure(audio: dict) -> tuple[np.ndarray, int] | Failure:
    try:
        return _decoded(audio)
    except Rejected as rejected:
        return rejected.failure


def _phonemes(payload: tuple[str, str], lexicon: Lexicon, front_ends: dict[str, str]) -> list[dict]:
    text, language = payload
    reading = read(text, language, lexicon, choice_for(language, front_ends))
    return [{"phonemes": reading.phonemes, "oov": list(reading.guessed)}]


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
