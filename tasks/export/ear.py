"""A recogniser that also says how sure it would have been of what was meant.

Counted word errors are a coarse measure: a word that is heard right with a probability of a half counts as one or as
none, and the least change tosses the coin again. The recogniser knows that probability. Given the true text, each
word's is the product of its tokens', and what is left of one is the share of an error to be expected. It is the word
error rate without the coin: the same question, answered by a fraction of the sentences.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tasks.asr import Listener


class Expected(NamedTuple):
    """What is heard, and of how many words of the true text how many errors are to be expected."""

    heard: str
    errors: float
    words: int


class ExactingListener(Listener):
    """A Whisper model that is told what was said."""

    def expect(self, wave: np.ndarray, language: str, text: str) -> Expected | None:
        """Hear at most 30 s, float32 (T,) at 16 kHz, in which `text` is said; None for a language it does not know."""
        from faster_whisper.audio import pad_or_trim
        from faster_whisper.tokenizer import Tokenizer

        model, code = self._model, language.split("-")[0]
        if code not in model.supported_languages:
            return None
        features = model.feature_extractor(np.ascontiguousarray(wave, np.float32))
        encoded = model.encode(pad_or_trim(features))
        tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=code)
        tokens = tokenizer.encode(f" {text.strip()}")
        frames = min(features.shape[-1], 3000)
        (given,) = model.model.align(encoded, tokenizer.sot_sequence, [tokens], frames)
        words, parts = tokenizer.split_to_word_tokens([*tokens, tokenizer.eot])
        errors = _errors(words, [len(part) for part in parts], given.text_token_probs)
        return Expected(self._decoded(encoded, code), math.fsum(errors), len(errors))


def _errors(words: list[str], sizes: list[int], probabilities: list[float]) -> list[float]:
    """The expected error of every word, given its size and all tokens' probabilities; punctuation is no word."""
    ends = np.cumsum(sizes)
    return [
        1 - math.prod(probabilities[end - size : end])
        for word, size, end in zip(words, sizes, ends, strict=True)
        if any(map(str.isalnum, word))
    ]
