"""A voice that speaks: text to phonemes to sound, with numpy and ONNX Runtime.

Letters: N tokens, F frames, L latent, T = F × hop samples, S = 256 speaker channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime

from voiceloom_model import text as front_end
from voiceloom_model.runtime.bundle import LEXICON, Description, check_sums, read_description
from voiceloom_model.runtime.passages import passages
from voiceloom_model.text.layout import laid_out

PAUSE_S = 0.25
SPEEDS = (0.25, 4.0)
MIN_CLONE_S = 0.5


class Voice:
    """A loaded bundle. The same text, speaker, speed, seed and threads give the same samples, bit for bit."""

    def __init__(self, folder: Path, description: Description, precision: str, threads: int) -> None:
        self.description, self.precision = description, precision
        self._folder, self._threads = folder, threads
        self._lexicon = front_end.Lexicon.load(folder / LEXICON)
        self._encoder = self._session(f"{precision}/encoder.onnx")
        self._decoder = self._session(f"{precision}/decoder.onnx")
        sizes = {entry.name: entry.shape[-1] for entry in self._encoder.get_inputs()}
        self._duration_noise_size = int(sizes.get("duration_noise", 0))

    @classmethod
    def load(cls, folder: str | Path, precision: str = "int8", threads: int = 1) -> Voice:
        """Load a bundle after checking every file of it.

        Raises `FileNotFoundError` or `ValueError` for what is no whole bundle, was made for other text
        tables, or lacks the precision.
        """
        folder = Path(folder)
        check_sums(folder)
        description = read_description(folder)
        if precision not in description.precisions:
            raise ValueError(f"{folder} has no {precision!r} graphs; it has: {', '.join(description.precisions)}")
        return cls(folder, description, precision, threads)

    @property
    def sample_rate_hz(self) -> int:
        """Samples in a second of what `say` returns."""
        return self.description.sample_rate_hz

    @property
    def speakers(self) -> list[str]:
        """The names `say` knows; the default comes first."""
        default = self.description.default_speaker
        return [default, *sorted(set(self.description.speakers) - {default})]

    @property
    def languages(self) -> list[str]:
        """The BCP 47 tags of the languages the voice learned."""
        return list(self.description.languages)

    def say(
        self,
        text: str,
        speaker: str | np.ndarray | None = None,
        language: str | None = None,
        speed: float = 1.0,
        seed: int = 0,
    ) -> np.ndarray:
        """Speak `text`: float32 samples (T,) between -1 and 1 at `sample_rate_hz`.

        `speaker` is a name or a vector from `clone`, `language` one of `languages` (by default the speaker's
        own), `speed` 2 is twice as fast. Raises `ValueError` for a choice there is not, and for text with
        nothing to say.
        """
        return np.concatenate(list(self.stream(text, speaker, language, speed, seed)))

    def stream(
        self,
        text: str,
        speaker: str | np.ndarray | None = None,
        language: str | None = None,
        speed: float = 1.0,
        seed: int = 0,
    ) -> Iterator[np.ndarray]:
        """Yield what `say` returns passage by passage, each as soon as it is spoken."""
        vector = self._vector(speaker)
        tag = self._language(language, speaker)
        if not SPEEDS[0] <= speed <= SPEEDS[1]:
            raise ValueError(f"speed {speed} is outside {SPEEDS[0]} to {SPEEDS[1]}")
        if seed < 0:
            raise ValueError(f"seed {seed} must not be negative")
        choice = front_end.choice_of(self.description.front_ends[tag])
        phonemes = [front_end.phonemize(passage, tag, self._lexicon, choice) for passage in passages(text)]
        spoken = [front_end.encode(passage) for passage in phonemes if any(map(str.isalpha, passage))]
        if not spoken:
            raise ValueError(f"{text!r} holds nothing to say in {tag}")
        pause = np.zeros(round(PAUSE_S * self.sample_rate_hz), np.float32)
        for index, tokens in enumerate(spoken):
            wave = self._speak(tokens, tag, vector, speed, seed)
            yield np.concatenate([pause, wave]) if index else wave

    def clone(self, wave: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """The speaker vector (S,) of a recording (T,), to be given to `say` as `speaker`."""
        wave = np.asarray(wave, np.float32)
        if wave.ndim != 1 or not np.isfinite(wave).all():
            raise ValueError(f"a recording to clone is one channel of finite samples (T,), found shape {wave.shape}")
        if len(wave) < MIN_CLONE_S * sample_rate_hz:
            raise ValueError(f"{len(wave) / sample_rate_hz:.2f} s are too short to clone; give {MIN_CLONE_S} s or more")
        wave = resample(wave, sample_rate_hz, self.description.speaker_sample_rate_hz)
        (vector,) = self._speaker_encoder.run(None, {"wave": wave[None]})
        return np.asarray(vector)[0]

    @cached_property
    def _speaker_encoder(self) -> onnxruntime.InferenceSession:
        return self._session("speaker_encoder.onnx")

    def _session(self, name: str) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._threads, 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(self._folder / name, options, providers=["CPUExecutionProvider"])

    def _speak(
        self, tokens: front_end.Tokens, language: str, speaker: np.ndarray, speed: float, seed: int
    ) -> np.ndarray:
        """One passage; noise depends on the seed alone, so a passage sounds the same wherever it stands."""
        generator = np.random.Generator(np.random.Philox(seed))
        tokens = laid_out(*tokens, self.description.layout)
        texts = {
            "tokens": np.asarray([tokens.ids], np.int64),
            "stress": np.asarray([tokens.stress], np.int64),
            "language": np.asarray([front_end.language_id(language)], np.int64),
            "speaker": speaker,
        }
        if self._duration_noise_size:
            shape = (1, len(tokens.ids), self._duration_noise_size)
            texts["duration_noise"] = _noise(generator, shape, self.description.duration_noise_scale)
        encoded, log_durations = self._encoder.run(None, texts)
        durations = np.maximum(np.rint(np.exp(np.asarray(log_durations)) / speed), 1).astype(np.int64)
        shape = (1, int(durations.sum()), self.description.latent)
        noise = _noise(generator, shape, self.description.noise_scale)
        inputs = {"encoded": encoded, "durations": durations, "noise": noise, "speaker": speaker}
        (wave,) = self._decoder.run(None, inputs)
        return np.clip(np.asarray(wave)[0], -1.0, 1.0)

    def _vector(self, speaker: str | np.ndarray | None) -> np.ndarray:
        """The speaker vector (1, S) of a name, or of a vector as given."""
        if speaker is None or isinstance(speaker, str):
            speaker = np.asarray(self._known(speaker)["embedding"])
        vector = np.asarray(speaker, np.float32)
        size = len(self._known(None)["embedding"])
        if vector.shape != (size,) or not np.isfinite(vector).all():
            raise ValueError(f"a speaker vector has {size} finite numbers, found shape {vector.shape}")
        return vector[None]

    def _known(self, name: str | None) -> dict:
        """What the bundle holds of a speaker; the default one for no name."""
        name = name or self.description.default_speaker
        if name not in self.description.speakers:
            raise ValueError(f"there is no speaker {name!r}; the speakers are: {', '.join(self.speakers)}")
        return self.description.speakers[name]

    def _language(self, wanted: str | None, speaker: str | np.ndarray | None) -> str:
        """The tag to read text by: as wanted, whatever its case; a bare `en` stands for the first English."""
        if wanted is None:
            return self._known(speaker if isinstance(speaker, str) else None)["language"]
        tags = {tag.lower(): tag for tag in self.languages}
        bases = {tag.split("-")[0]: tags[tag] for tag in reversed(tags)}
        found = tags.get(wanted.lower()) or bases.get(wanted.lower())
        if found is None:
            raise ValueError(f"the voice does not speak {wanted!r}; its languages are: {', '.join(self.languages)}")
        return found


def _noise(generator: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    """Normal noise of a standard deviation."""
    return generator.standard_normal(shape, np.float32) * np.float32(scale)


def resample(wave: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Band-limited resampling of (T,) through its whole spectrum; fit for analysis, not for editing."""
    if from_hz == to_hz:
        return wave
    samples = round(len(wave) * to_hz / from_hz)
    resampled = np.fft.irfft(np.fft.rfft(wave)[: samples // 2 + 1], samples)
    return (resampled * (samples / len(wave))).astype(np.float32)
