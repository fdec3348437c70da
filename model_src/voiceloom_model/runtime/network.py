"""A passage's tokens to sound: the encoder once, then the decoder window by window.

A decoder that is a source and filters makes pulses, whose phase goes on from window to window: before the first it is
zero, and before each other what the one before says of the frame where it begins.

Letters: N tokens, H hidden, F frames, L latent, S speaker channels, T = F × hop samples.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from voiceloom_model.runtime.description import Description
from voiceloom_model.runtime.windows import Window, windows
from voiceloom_model.text import Tokens, language_id
from voiceloom_model.text.layout import laid_out

#: No sound of speech lasts as long; a graph that says so is not one of a voice.
MAX_TOKEN_S = 10.0


class Manner(NamedTuple):
    """How to speak: a language's tag, a speaker vector (1, S), the speed and the seed of all noise."""

    language: str
    speaker: np.ndarray
    speed: float
    seed: int


class Plan(NamedTuple):
    """A passage about to sound: encoded (1, N, H), durations (1, N) in frames, noise (1, F, L), speaker (1, S).

    breath draws standard normal samples for a decoder that is a source and filters; None for others.
    """

    encoded: np.ndarray
    durations: np.ndarray
    noise: np.ndarray
    speaker: np.ndarray
    breath: np.random.Generator | None = None


class Network:
    """The two graphs that speak, as sessions: `run(None, {name: array})` and `get_inputs()` are all they need."""

    def __init__(self, encoder: Any, decoder: Any, description: Description) -> None:
        self._encoder, self._decoder, self._description = encoder, decoder, description
        self._encoder_inputs = {entry.name: entry.shape for entry in encoder.get_inputs()}
        self._decoder_inputs = {entry.name for entry in decoder.get_inputs()}
        self._is_source = "breath" in self._decoder_inputs

    def plan(self, tokens: Tokens, manner: Manner) -> Plan:
        """Read a passage and draw its noise, from the seed alone: it sounds the same wherever it stands.

        Raises `ValueError` when the graph gives durations that cannot be.
        """
        generator = np.random.Generator(np.random.Philox(manner.seed))
        texts = self._texts(laid_out(*tokens, self._description.layout), manner, generator)
        encoded, log_durations = compute(self._encoder, texts)
        durations = self._whole(np.asarray(log_durations), texts["tokens"].shape, manner.speed)
        frames = int(durations.sum())
        noise = _noise(generator, (1, frames, self._description.latent), self._description.noise_scale)
        return Plan(np.asarray(encoded), durations, noise, manner.speaker, generator if self._is_source else None)

    def sound(self, plan: Plan) -> Iterator[np.ndarray]:
        """The samples (T,) of a passage, one window after the other."""
        phase, breath = np.zeros(1, np.float32), None if plan.breath is None else Breath(plan.breath)
        for window in windows(plan.noise.shape[1], self._description.context_frames):
            wave, phase = self._window(plan, window, phase, breath)
            yield wave

    def _texts(self, tokens: Tokens, manner: Manner, generator: np.random.Generator) -> dict[str, np.ndarray]:
        """What the encoder takes, as far as it does."""
        texts = {
            "tokens": np.asarray([tokens.ids], np.int64),
            "stress": np.asarray([tokens.stress], np.int64),
            "language": np.asarray([language_id(manner.language)], np.int64),
            "speaker": manner.speaker,
        }
        if "duration_noise" in self._encoder_inputs:
            shape = (1, len(tokens.ids), int(self._encoder_inputs["duration_noise"][-1]))
            texts["duration_noise"] = _noise(generator, shape, self._description.duration_noise_scale)
        return {name: value for name, value in texts.items() if name in self._encoder_inputs}

    def _whole(self, log_durations: np.ndarray, shape: tuple[int, ...], speed: float) -> np.ndarray:
        """Log frames (1, N) → whole frames at a speed, at least one a token."""
        longest = MAX_TOKEN_S * self._description.sample_rate_hz / self._description.hop_length
        if log_durations.shape != shape or not (log_durations <= np.log(longest)).all():
            raise ValueError(f"the voice's encoder gives a token more than {MAX_TOKEN_S:g} s: it is no voice's encoder")
        return np.maximum(np.rint(np.exp(log_durations) / speed), 1).astype(np.int64)

    def _window(
        self, plan: Plan, window: Window, phase: np.ndarray, breath: Breath | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The samples (T,) of a window in which the pulses begin at a phase (1,), and that of the next window."""
        hop = self._description.hop_length
        noise = plan.noise[:, window.first : window.last]
        sounds: dict[str, Any] = {**plan._asdict(), "noise": noise, "start": np.asarray(window.first, np.int64)}
        if breath is not None:
            sounds["breath"] = breath.between(window.first * hop, window.last * hop)
            sounds["phase"], sounds["anchor"] = phase, np.asarray(window.start - window.first, np.int64)
            sounds["f0"] = np.zeros(noise.shape[:2], np.float32)
        wave, *said = compute(self._decoder, {name: sounds[name] for name in self._decoder_inputs})
        first, last = ((frame - window.first) * hop for frame in (window.start, window.stop))
        samples = np.clip(np.asarray(wave)[0, first:last], -1.0, 1.0)
        return samples, _phase(said, noise.shape[1], window) if said else phase


class Breath:
    """Standard normal samples of a passage, drawn as far as they are asked for: first sound need not wait for all."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = copy.deepcopy(generator)  # a plan may sound more than once
        self._samples, self._first = np.empty((1, 0), np.float32), 0

    def between(self, first: int, last: int) -> np.ndarray:
        """Samples (1, last - first); what lies before them is forgotten."""
        missing = last - self._first - self._samples.shape[1]
        drawn = self._generator.standard_normal((1, max(0, missing)), np.float32)
        self._samples = np.concatenate([self._samples[:, first - self._first :], drawn], axis=1)
        self._first = first
        return self._samples[:, : last - first]


def _phase(said: Sequence[Any], frames: int, window: Window) -> np.ndarray:
    """The phase (1,) where the next window begins, of what a source says: pitch and cycles (1, F)."""
    cycles = np.asarray(said[-1])
    if cycles.shape != (1, frames):
        raise ValueError(f"the voice's decoder gives phases of shape {cycles.shape}, expected {(1, frames)}")
    return cycles[:, min(window.stop, window.last - 1) - window.first]


def compute(session: Any, inputs: dict[str, np.ndarray]) -> list[Any]:
    """The outputs of a graph; `ValueError` in one sentence for what it cannot compute."""
    try:
        return session.run(None, inputs)
    except Exception as error:  # ONNX Runtime's errors have no other class in common
        raise ValueError(f"a graph of the voice cannot compute: {' '.join(str(error).split())[:200]}") from error


def _noise(generator: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    """Normal noise of a standard deviation."""
    return generator.standard_normal(shape, np.float32) * np.float32(scale)
