"""A voice that speaks: text to phonemes to sound, with numpy and ONNX Runtime.

Letters: T samples, S = 256 speaker channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime

from voiceloom_model.runtime.bundle import LEXICON, SPEAKER_ENCODER, Bundle, check_precision, open_bundle
from voiceloom_model.runtime.choices import Speaker, manner_of, speaker_names
from voiceloom_model.runtime.cloning import recording
from voiceloom_model.runtime.engine import Engine, interfaces
from voiceloom_model.runtime.network import Manner, Network, compute
from voiceloom_model.runtime.reading import Passage, Reader
from voiceloom_model.runtime.speech import Speech, Timed, frames_a_token, sounds
from voiceloom_model.runtime.windows import in_chunks
from voiceloom_model.runtime.words import spoken_tokens, timed_words
from voiceloom_model.text import Lexicon

PAUSE_S = 0.25


class Voice:
    """A loaded bundle. The same text, speaker, speed, seed, threads and provider give the same samples, bit for bit."""

    def __init__(self, bundle: Bundle, precision: str, engine: Engine) -> None:
        self.description, self.precision = bundle.description, precision
        self._bundle, self._engine = bundle, engine
        self._reader = Reader(Lexicon.load(bundle.folder / LEXICON), self.description.front_ends)
        encoder, decoder = (self._session(f"{precision}/{name}.onnx") for name in ("encoder", "decoder"))
        self._network = Network(encoder, decoder, self.description)
        self._pause = np.zeros(round(PAUSE_S * self.sample_rate_hz), np.float32)

    @classmethod
    def load(cls, folder: str | Path, precision: str | None = None, threads: int = 1, provider: str = "cpu") -> Voice:
        """Load a bundle after checking every file of it; `provider` is one of ONNX Runtime's: "cpu", "cuda", ….

        Without a `precision` it is the first that the bundle names: the smallest that proved as good as fp32.

        Raises `FileNotFoundError` or `ValueError` for what is no whole bundle, was made for other text tables, or
        lacks the precision, and for threads or a provider that there are not.
        """
        engine, bundle = Engine(threads, provider), open_bundle(Path(folder))
        precision = precision or bundle.description.precisions[0]
        check_precision(bundle.folder, bundle.description, precision)
        return cls(bundle, precision, engine)

    @property
    def sample_rate_hz(self) -> int:
        """Samples in a second of what `say` returns."""
        return self.description.sample_rate_hz

    @property
    def speakers(self) -> list[str]:
        """The names `say` knows; the default comes first."""
        return speaker_names(self.description)

    @property
    def languages(self) -> list[str]:
        """The BCP 47 tags of the languages the voice learned."""
        return list(self.description.languages)

    def say(
        self, text: str, speaker: Speaker = None, language: str | None = None, speed: float = 1.0, seed: int = 0
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
        speaker: Speaker = None,
        language: str | None = None,
        speed: float = 1.0,
        seed: int = 0,
        chunk_s: float | None = None,
    ) -> Iterator[np.ndarray]:
        """The samples of `say`, to the bit, in chunks of `chunk_s` seconds or, without, as soon as they are made.

        What is wrong is raised at once, but text is read only as far as it has to be: neither first audio nor memory
        depends on its length.
        """
        if chunk_s is not None and not (chunk_s > 0 and math.isfinite(chunk_s)):
            raise ValueError(f"chunk_s {chunk_s} must be seconds above 0")
        manner = manner_of(self.description, speaker, language, speed, seed)
        waves = self._waves(self._reader.passages(text, manner.language), manner, self._network)
        return waves if chunk_s is None else in_chunks(waves, max(1, round(chunk_s * self.sample_rate_hz)))

    def batch(
        self,
        texts: Sequence[str],
        speaker: Speaker = None,
        language: str | None = None,
        speed: float = 1.0,
        seed: int = 0,
    ) -> list[np.ndarray]:
        """What `say` returns for each of `texts`: on a CPU one text a thread, the longest first.

        A core computes nothing faster for computing several texts at once, so none is padded to another's length.
        """
        manner = manner_of(self.description, speaker, language, speed, seed)
        read = [list(self._reader.passages(text, manner.language)) for text in texts]
        order = sorted(range(len(read)), key=lambda index: -sum(len(passage.tokens.ids) for passage in read[index]))
        many = self._engine.provider == "cpu"
        network = self._one_thread if many else self._network

        def speak(index: int) -> np.ndarray:
            return np.concatenate(list(self._waves(read[index], manner, network)))

        with ThreadPoolExecutor(self._engine.threads if many else 1) as pool:
            spoken = dict(zip(order, pool.map(speak, order), strict=True))
        return [spoken[index] for index in range(len(read))]

    def speak(
        self, text: str, speaker: Speaker = None, language: str | None = None, speed: float = 1.0, seed: int = 0
    ) -> Speech:
        """What `say` returns, with the times of its phonemes and words."""
        manner = manner_of(self.description, speaker, language, speed, seed)
        waves: list[np.ndarray] = []
        phonemes: list[Timed] = []
        words: list[Timed] = []
        for passage in self._reader.passages(text, manner.language):
            plan = self._network.plan(passage.tokens, manner)
            waves += [self._pause] if waves else []
            said = self._timed(passage, plan.durations[0].tolist(), manner.language, sum(map(len, waves)))
            phonemes += said[0]
            words += said[1]
            waves += self._network.sound(plan)
        return Speech(np.concatenate(waves), self.sample_rate_hz, tuple(phonemes), tuple(words))

    def clone(self, wave: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """The speaker vector (S,) of a recording (T,), to be given to `say` as `speaker`."""
        wave = recording(wave, sample_rate_hz, self.description.speaker_sample_rate_hz)
        (vector,) = compute(self._speaker_encoder, {"wave": wave[None]})
        return np.asarray(vector)[0]

    def _waves(self, passages: Iterable[Passage], manner: Manner, network: Network) -> Iterator[np.ndarray]:
        """The samples of passages, window by window, with a pause before each but the first."""
        for number, passage in enumerate(passages):
            waves = network.sound(network.plan(passage.tokens, manner))
            if number:
                yield np.concatenate([self._pause, next(waves)])
            yield from waves

    def _timed(
        self, passage: Passage, durations: Sequence[int], language: str, from_sample: int
    ) -> tuple[list[Timed], list[Timed]]:
        """The phonemes and words of a passage that begins at a sample."""
        frames = frames_a_token(passage.tokens, durations, self.description.layout)
        heard = list(sounds(passage.tokens, frames))
        frame_s, from_s = self.description.hop_length / self.sample_rate_hz, from_sample / self.sample_rate_hz
        phonemes = [Timed(one.text, from_s + one.start * frame_s, from_s + one.end * frame_s) for one in heard]
        names = spoken_tokens(passage.text, language, self._reader.lexicon)
        words = timed_words(heard, names, lambda name: self._reader.words(name, language), frame_s, from_s)
        return phonemes, words

    @cached_property
    def _speaker_encoder(self) -> onnxruntime.InferenceSession:
        return self._session(SPEAKER_ENCODER)

    @cached_property
    def _one_thread(self) -> Network:
        """The network on sessions of one thread each, which several may use at once."""
        if self._engine.threads == 1:
            return self._network
        return type(self)(self._bundle, self.precision, Engine(1, self._engine.provider))._network

    def _session(self, name: str) -> onnxruntime.InferenceSession:
        """A graph of the bundle, opened."""
        interface = interfaces(self.description)[name.rpartition("/")[2]]
        return self._engine.open(self._bundle.graph(name), interface)
