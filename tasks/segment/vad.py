"""Where speech is: Silero VAD, the ONNX graph inside the `silero-vad` wheel, run without importing torch.

Letters: T samples at 16 kHz, W windows of 512 samples (32 ms).
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np

RATE_HZ = 16000
WINDOW = 512
WINDOW_S = WINDOW / RATE_HZ
_CONTEXT = 64
#: Windows in one call: bounds memory for recordings of hours. The state is carried over to the next.
_BLOCK = 2048
_LEAD = 16
#: Speech ends where the probability falls this far below the threshold it began at (Silero's own rule).
_HYSTERESIS = 0.15
#: Shorter than this is a click, not a sound of speech.
_MIN_WINDOWS = 3


def weights_path() -> Path:
    """The ONNX graph; `FileNotFoundError` when `silero-vad` is not installed."""
    spec = importlib.util.find_spec("silero_vad")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("silero-vad is not installed: pip install -e . in the project's root folder")
    return Path(spec.origin).parent / "data" / "silero_vad_16k_sequence.onnx"


@lru_cache(maxsize=1)
def weights_hash() -> str:
    """SHA-256 of the graph."""
    return hashlib.sha256(weights_path().read_bytes()).hexdigest()


@lru_cache(maxsize=1)
def _session():
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(weights_path(), options, providers=["CPUExecutionProvider"])


def speech_probabilities(wave: np.ndarray) -> np.ndarray:
    """Probability of speech in each window: (T,) float32 → (W,), W = T ÷ 512 rounded up."""
    detector = Detector()
    return np.concatenate([detector.hear(wave), detector.end()])


class Detector:
    """Silero VAD over a recording that comes block by block; the blocks' lengths change nothing.

    The detector hears half a second of silence first: cold, it misses a word that begins with the recording.
    """

    def __init__(self) -> None:
        self._h = self._c = np.zeros((1, 1, 128), np.float32)
        self._unheard = np.zeros(_CONTEXT + _LEAD * WINDOW, np.float32)
        self._lead = _LEAD

    def hear(self, block: np.ndarray) -> np.ndarray:
        """The probabilities of the windows that are whole now."""
        self._unheard = np.concatenate([self._unheard, np.asarray(block, np.float32)])
        whole = (len(self._unheard) - _CONTEXT) // WINDOW
        found = [self._run(min(_BLOCK, whole - at)) for at in range(0, whole, _BLOCK)]
        return self._after_lead(found)

    def end(self) -> np.ndarray:
        """The probability of a last window that is not whole, zeros after it; empty when there is none."""
        left = len(self._unheard) - _CONTEXT
        if not left:
            return self._after_lead([])
        self._unheard = np.pad(self._unheard, (0, WINDOW - left))
        return self._after_lead([self._run(1)])

    def _run(self, windows: int) -> np.ndarray:
        used = windows * WINDOW
        framed = np.lib.stride_tricks.sliding_window_view(self._unheard[: _CONTEXT + used], _CONTEXT + WINDOW)
        inputs = {"input": np.ascontiguousarray(framed[::WINDOW]), "h": self._h, "c": self._c}
        found, self._h, self._c = _session().run(["speech_probs", "hn", "cn"], inputs)
        self._unheard = self._unheard[used:]
        return np.asarray(found)

    def _after_lead(self, found: list[np.ndarray]) -> np.ndarray:
        probabilities = np.concatenate([np.zeros(0, np.float32), *found])
        kept = probabilities[self._lead :]
        self._lead -= len(probabilities) - len(kept)
        return kept


def speech_windows(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Which windows are speech, (W,) bool: begun at `threshold`, ended some way below it, no mere click."""
    speech = np.zeros(len(probabilities), bool)
    floor = max(threshold - _HYSTERESIS, 0.01)
    start = None
    for index, probability in enumerate([*probabilities.tolist(), 0.0]):
        if start is None and probability >= threshold:
            start = index
        elif start is not None and probability < floor:
            speech[start:index] = index - start >= _MIN_WINDOWS
            start = None
    return speech
