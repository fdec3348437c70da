"""Voices that say a text as samples, one function each: ours, Piper's, hibari's, espeak-ng's, sherpa-onnx's."""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _peers import piper_voice
from _workers import installed, joe, packages

SEED = 7
ESPEAK = "espeakng-loader==0.2.4"
#: espeak-ng's own constants: hand the samples over and play nothing; texts are UTF-8; sentences end with a pause.
RETRIEVE, UTF8, END_PAUSE = 2, 1, 0x1000
#: text → samples (T,) float32, sample rate
Say = Callable[[str], tuple[np.ndarray, int]]


def ours(bundle: Path, precision: str, speaker: str | None = None, language: str | None = None) -> Say:
    """A bundle at a precision; the default speaker, and that speaker's language, unless told."""
    from voiceloom_model.runtime import Voice

    voice = Voice.load(bundle, precision=precision, threads=1)
    return lambda text: (voice.say(text, speaker, language, seed=SEED), voice.sample_rate_hz)


def hibari() -> Say:
    """hibari-tts, English."""
    from hibari import SAMPLE_RATE, Hibari

    voice = Hibari(threads=1)
    return lambda text: (np.asarray(voice(text, seed=SEED), np.float32), SAMPLE_RATE)


def piper_joe() -> Say:
    """The Piper voice `joe`; piper-tts is imported from a folder of its own where it is not installed."""
    sys.path[:0] = map(str, packages())
    (path,) = joe().folder.glob("*.onnx")
    return piper(path)


def piper(path: Path) -> Say:
    """piper-tts with a Piper voice, whose session is given one thread like the others."""
    voice = piper_voice(path, threads=1)

    def say(text: str) -> tuple[np.ndarray, int]:
        chunks = [chunk.audio_float_array for chunk in voice.synthesize(text)]
        return np.concatenate(chunks), voice.config.sample_rate

    return say


def sherpa(path: Path) -> Say:
    """sherpa-onnx from version 2 on, which is given phonemes; a sentence of theirs is one of ours."""
    import sherpa_onnx
    from piper.phonemize_espeak import EspeakPhonemizer

    files = sherpa_onnx.OfflineTtsVitsModelConfig(model=str(path), tokens=str(path.with_name("tokens.txt")))
    model = sherpa_onnx.OfflineTtsModelConfig(vits=files, num_threads=1)
    voice = sherpa_onnx.OfflineTts(sherpa_onnx.OfflineTtsConfig(model=model))
    reader = EspeakPhonemizer()
    espeak = json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))["espeak"]["voice"]

    def say(text: str) -> tuple[np.ndarray, int]:
        request = sherpa_onnx.GenerationConfig()
        request.phoneme_codepoints = [[ord(one) for one in sentence] for sentence in reader.phonemize(espeak, text)]
        made = voice.generate("", request)
        return np.asarray(made.samples, np.float32), made.sample_rate

    return say


def espeak(language: str = "en-US") -> Say:
    """espeak-ng, a formant synthesiser by rules, from the package `espeakng-loader` through its C interface."""
    folder = installed(ESPEAK) / "espeakng_loader"
    library = ctypes.CDLL(str(next(folder.glob("libespeak-ng.*"))))
    rate = library.espeak_Initialize(RETRIEVE, 0, str(folder / "espeak-ng-data").encode(), 0)
    if rate <= 0:
        raise OSError(f"espeak-ng does not start from {folder}")
    if library.espeak_SetVoiceByName(language.lower().encode()):
        raise ValueError(f"espeak-ng has no voice for {language}")
    heard: list[np.ndarray] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def keep(samples, count: int, _) -> int:
        if samples and count:
            heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    library.espeak_SetSynthCallback(keep)

    def say(text: str) -> tuple[np.ndarray, int]:
        assert keep  # the library holds no reference of its own
        heard.clear()
        spoken = text.encode() + b"\0"
        library.espeak_Synth(spoken, len(spoken), 0, 1, 0, UTF8 | END_PAUSE, None, None)
        library.espeak_Synchronize()
        return np.concatenate(heard).astype(np.float32) / 32768, rate

    return say
