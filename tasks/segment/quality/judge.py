"""Scores against the limits of `quality`: why an utterance is refused, and the two scores that need its text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tasks.params import QualityParams
from tasks.rowstore import Failure

#: A digit is read as a word, an ideograph or a kana as a syllable, a letter by its name: of so many letters each.
LETTERS_OF_DIGIT, LETTERS_OF_SYLLABLE, LETTERS_OF_NAME = 4, 3, 3
_WORD = re.compile(r"[^\W\d_]+")
#: So much of what was heard is told.
HEARD = 100
_SYLLABLES = ("CJK ", "HIRAGANA ", "KATAKANA ", "YI SYLLABLE", "BOPOMOFO ")


class Limit(NamedTuple):
    """The limit `param` on `score`, broken when the score lies on `side` of it.

    `message` says so with the score (0), the limit (1) and the text that was heard (2).
    """

    reason: str
    score: str
    param: str
    side: str
    message: str


#: In the order in which a reason is given: an utterance that breaks several limits is refused for the first.
LIMITS = (
    Limit("too_quiet", "loudness_lufs", "min_loudness_lufs", "below", "it is {0:.1f} LUFS loud, below {1:g}"),
    Limit("clipped", "clipped_share", "max_clipped_share", "above", "{0:.2%} of samples are clipped, above {1:.2%}"),
    Limit("low_snr", "snr_db", "min_snr_db", "below", "speech is {0:.1f} dB above the noise, below {1:g}"),
    Limit("narrow_band", "bandwidth_hz", "min_bandwidth_hz", "below", "speech is heard up to {0:.0f} Hz, below {1:g}"),
    Limit("too_slow", "letters_per_s", "min_letters_per_s", "below", "{0:.1f} letters a second, below {1:g}"),
    Limit("too_fast", "letters_per_s", "max_letters_per_s", "above", "{0:.1f} letters a second, above {1:g}"),
    Limit("low_mos", "dnsmos", "min_dnsmos", "below", "DNSMOS rates it {0:.2f}, below {1:g}"),
    Limit("text_mismatch", "cer", "max_cer", "above", "{0:.1%} of its letters heard otherwise, above {1:.1%}: {2!r}"),
    Limit(
        "wrong_language",
        "language_probability",
        "min_language_probability",
        "below",
        "its language is the declared one with probability {0:.2f}, below {1:g}",
    ),
    Limit(
        "second_voice",
        "voice_similarity",
        "min_voice_similarity",
        "below",
        "two parts of it are alike in voice by {0:.2f} (cosine), below {1:g}",
    ),
)


def judge(scores: Mapping, quality: QualityParams) -> Failure | None:
    """The first limit that the scores (columns of `SCORES`) break; null scores and null limits break none."""
    return next(_broken(scores, quality), None)


def _broken(scores: Mapping, quality: QualityParams) -> Iterator[Failure]:
    for limit in LIMITS:
        score, bound = scores[limit.score], getattr(quality, limit.param)
        if score is None or bound is None:
            continue
        if score < bound if limit.side == "below" else score > bound:
            yield Failure(limit.reason, limit.message.format(score, bound, (scores["heard_text"] or "")[:HEARD]))


def letters_per_s(text: str, duration_s: float) -> float:
    """How fast a text is spoken: its letters by the second, however it is written.

    A digit counts as 4 letters, an ideograph or kana as 3, and so does a letter where only single letters are
    spoken ("w", "A.M."); a Hangul syllable counts as its letters. Marks and punctuation do not count.
    """
    normal = unicodedata.normalize("NFKD", text)
    of_letter = LETTERS_OF_NAME if all(len(word) == 1 for word in _WORD.findall(normal)) else 1
    return sum(_letters(character, of_letter) for character in normal) / max(duration_s, 1e-3)


def _letters(character: str, of_letter: int) -> int:
    if character.isdecimal():
        return LETTERS_OF_DIGIT
    if not character.isalpha():
        return 0
    is_syllable = character > "\u3000" and unicodedata.name(character, "").startswith(_SYLLABLES)
    return LETTERS_OF_SYLLABLE if is_syllable else of_letter


def cer(text: str, heard: str, language: str) -> float:
    """Character error rate: edits from `text` to `heard` per character of `text`, on letters alone.

    Numbers and abbreviations are spelt out in the `language` (a BCP 47 tag) first. Case, punctuation and spaces do
    not count, so that scripts with and without spaces are measured alike.
    """
    from rapidfuzz.distance import Levenshtein

    said, noted = _spoken(text, language), _spoken(heard, language)
    return Levenshtein.distance(said, noted) / max(len(said), 1)


def _spoken(text: str, language: str) -> str:
    """What of a text is spoken: letters, digits and the marks that belong to letters, in lower case."""
    from voiceloom_model.text.normalise import normalise

    normal = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", normalise(text, language)).casefold())
    return "".join(char for char in normal if char.isalnum() or unicodedata.category(char).startswith("M"))
