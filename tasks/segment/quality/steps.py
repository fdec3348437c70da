"""The measures that cost a network each: DNSMOS, what speech recognition hears, and whether the voice changes.

Each is a step of its own under a key of the audio and the network, so that switching one on computes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tasks import asr, audio, mos
from tasks.engine import Step
from tasks.params import QualityParams
from tasks.rowstore import row_key

DNSMOS_VERSION = LISTEN_VERSION = VOICE_VERSION = 1

DNSMOS_ROW = pa.schema([("dnsmos", pa.float32())])
LISTEN_ROW = pa.schema([("heard_text", pa.string()), ("language_probability", pa.float32())])
VOICE_ROW = pa.schema([("voice_similarity", pa.float32())])

#: Where the parts of whisper-base are joined.
MODELS = Path("runs/models")
_APART = 2  # windows of the speaker encoder that hardly overlap

Sound = tuple[bytes, str]


class Keyed(NamedTuple):
    """A step on (FLAC bytes, language) whose one row holds columns of SCORES, and its key of (audio_key, language)."""

    step: Step
    key_of: Callable[[str, str], str]


def quality_steps(quality: QualityParams) -> list[Keyed]:
    """The steps that `quality` switches on."""
    steps = [dnsmos_step()] if quality.dnsmos else []
    if quality.asr_model is not None:
        steps.append(listen_step(quality.asr_model))
    return [*steps, voice_step()] if quality.second_voice else steps


def dnsmos_step() -> Keyed:
    """`dnsmos`: P.835 overall quality."""
    step = Step("quality-dnsmos", DNSMOS_VERSION, _dnsmos, DNSMOS_ROW, batch_size=64, cost=lambda sound: 8.0)
    weights = mos.weights_hash()
    return Keyed(step, lambda audio_key, language: row_key(audio_key, weights))


def listen_step(model: str) -> Keyed:
    """`heard_text`, and the `language_probability` of the declared language."""
    asr.model_folder(model, MODELS)  # joined here, for workers would all begin to at once
    function = partial(_listen, model=model)
    step = Step("quality-listen", LISTEN_VERSION, function, LISTEN_ROW, batch_size=256, cost=lambda sound: 32.0)
    weights = asr.weights_hash(model)
    return Keyed(step, lambda audio_key, language: row_key(audio_key, language.split("-")[0], weights))


def voice_step() -> Keyed:
    """`voice_similarity`: the cosine of the two stretches of 1.6 s least alike; null below 2.8 s."""
    from voiceloom_model.speaker_weights import weights_hash

    step = Step("quality-voice", VOICE_VERSION, _voice, VOICE_ROW)
    weights = weights_hash()
    return Keyed(step, lambda audio_key, language: row_key(audio_key, weights))


def _dnsmos(sound: Sound) -> list[dict]:
    return [{"dnsmos": mos.dnsmos(_at_16k(sound))[0]}]


def _listen(sound: Sound, model: str) -> list[dict]:
    heard = _listener(model).hear_clip(_at_16k(sound), sound[1])
    return [{"heard_text": heard.text, "language_probability": heard.language_probability}]


def _voice(sound: Sound) -> list[dict]:
    from voiceloom_model.speaker import embed_windows

    return [{"voice_similarity": least_alike(embed_windows(*audio.from_flac(sound[0])))}]


def least_alike(vectors: np.ndarray) -> float | None:
    """The smallest cosine of two unit vectors (P, E) that are two windows or more apart; None without any.

    Measured on prompts of five speakers, 1.6 s windows: within one voice 0.53 and more (median 0.74), between
    two voices 0.62 and less (median 0.47).
    """
    first, second = np.triu_indices(len(vectors), _APART)
    return float((vectors @ vectors.T)[first, second].min()) if len(first) else None


@lru_cache(maxsize=1)
def _listener(model: str) -> asr.Listener:
    return asr.Listener(model, MODELS)


def _at_16k(sound: Sound) -> np.ndarray:
    wave, rate = audio.from_flac(sound[0])
    return audio.resample(wave, rate, asr.SAMPLE_RATE_HZ)
