"""Which tiers of a TextGrid say what was spoken, who speaks in each, and utterances from tiers of single words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from tasks.ingest.readers.praat import Interval, Tier

_UTTERANCES = re.compile(r"utts?|utterances?|sentences?|phrases?|text|ortho.*|transcript.*|trans", re.IGNORECASE)
_WORDS = re.compile(r"words?|wrd|ort|ort-mau", re.IGNORECASE)
_SOUNDS = re.compile(r"phones?|phonemes?|segments?|syll.*|mau|kan|kan-mau|pitch|tones?|breaks?", re.IGNORECASE)
#: How aligners write silence, and what they could not write.
_SILENCE = ("", "sil", "sp", "pau", "<eps>", "<sil>", "<p:>", "<p>", "#", "_")
_UNKNOWN = ("<unk>", "spn", "<nib>", "<usb>")
#: Chinese, Japanese and Korean write words in one or two signs.
_IDEOGRAPHS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
#: The longest silence between two words of one utterance.
_PAUSE_S = 0.3


class Voice(NamedTuple):
    """A tier to be read: whose it is (None = the recording's), and whether its intervals are single words."""

    tier: Tier
    speaker: str | None
    is_words: bool


def chosen_tiers(tiers: Sequence[Tier]) -> list[Voice]:
    """The tiers that say what was spoken; more than one only where each is a speaker's own."""
    for kind, is_words in ((_UTTERANCES, False), (_WORDS, True)):
        found = [(tier, *_kind(tier.name)) for tier in tiers]
        named = [(tier, speaker) for tier, speaker, name in found if kind.fullmatch(name)]
        if named:
            several = [(tier, speaker) for tier, speaker in named if speaker] or named[:1]
            return [Voice(tier, speaker, is_words) for tier, speaker in several]
    others = [tier for tier in tiers if _looks_spoken(tier) and not _SOUNDS.fullmatch(_kind(tier.name)[1])]
    turns: list[Tier] = []
    for tier in others:
        if not turns or _takes_turns(tier, turns):
            turns.append(tier)
    return [Voice(tier, tier.name if len(turns) > 1 else None, _is_words(tier)) for tier in turns]


def is_silence(text: str) -> bool:
    """Whether an interval's text stands for silence."""
    return text.lower() in _SILENCE


def join_words(words: Iterable[Interval]) -> Iterator[Interval]:
    """Words joined into utterances, parted at silences above 0.3 s and at words the aligner did not know."""
    taken: list[Interval] = []
    for word in words:
        is_unknown = word.text.lower() in _UNKNOWN
        if taken and (is_unknown or (not is_silence(word.text) and word.start_s - taken[-1].end_s > _PAUSE_S)):
            yield _joined(taken)
            taken = []
        if not is_unknown and not is_silence(word.text):
            taken.append(word)
    if taken:
        yield _joined(taken)


def _joined(words: list[Interval]) -> Interval:
    glue = "" if all(_IDEOGRAPHS.search(word.text) for word in words) else " "
    return Interval(words[0].start_s, words[-1].end_s, glue.join(word.text for word in words), words[0].line)


def _kind(name: str) -> tuple[str | None, str]:
    """Speaker and kind of a tier called `SPEAKER - kind`, or None and its whole name."""
    speaker, dash, kind = name.rpartition(" - ")
    return (speaker.strip(), kind.strip()) if dash and speaker.strip() else (None, name.strip())


def _texts(tier: Tier) -> list[str]:
    return [interval.text for interval in tier.intervals if not is_silence(interval.text)]


def _looks_spoken(tier: Tier) -> bool:
    """Whether a tier's texts are words or sentences, not phones."""
    texts = _texts(tier)[:1000]
    if not texts:
        return False
    return bool(_IDEOGRAPHS.search("".join(texts))) or fmean(map(len, texts)) > 3


def _is_words(tier: Tier) -> bool:
    texts = _texts(tier)[:1000]
    return len(texts) > 2 and sum(" " in text for text in texts) < 0.1 * len(texts)


def _takes_turns(tier: Tier, others: Sequence[Tier]) -> bool:
    """Whether a tier is one more speaker's: most of its speech is where the others are silent.

    A translation, or the same speech in other pieces, lies on theirs.
    """
    ours, theirs = _spans(tier), sorted(span for other in others for span in _spans(other))
    one = other = 0
    shared_s = 0.0
    while one < len(ours) and other < len(theirs):
        start_s, end_s = ours[one]
        shared_s += max(0.0, min(end_s, theirs[other][1]) - max(start_s, theirs[other][0]))
        if end_s < theirs[other][1]:
            one += 1
        else:
            other += 1
    return shared_s < 0.5 * sum(end_s - start_s for start_s, end_s in ours)


def _spans(tier: Tier) -> list[tuple[float, float]]:
    """When something is said, in order."""
    spoken = (interval for interval in tier.intervals if not is_silence(interval.text))
    return sorted((interval.start_s, interval.end_s) for interval in spoken if interval.start_s < interval.end_s)
