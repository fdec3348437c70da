"""What the precisions say in the paired test: held-out texts first, then everyday sentences, then training texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tasks.evaluate.normalise import normalise
from tasks.evaluate.spoken import read_sentences
from tasks.records import FEATURES, read_rows
from voiceloom_model import text as front_end
from voiceloom_model.runtime.bundle import Description
from voiceloom_model.text import Tokens

#: So many recordings tell what a speaker sounds like.
VECTORS = 100


@dataclass(frozen=True)
class Line:
    """A text to say, its tokens as `voiceloom_model.text.encode` gives them, and by whom."""

    text: str
    speaker: str
    language: str
    tokens: Tokens


class _Wording(NamedTuple):
    """A text by its utterance's id; everyday sentences have none."""

    id: str | None
    text: str
    speaker: str
    language: str


def lines_to_say(
    features: Path, sentences: Path, description: Description, lexicon: front_end.Lexicon, count: int
) -> list[Line]:
    """At most `count` lines that differ in their words, the same ones every time."""
    held_out, heard = (_spoken(features, description, split) for split in ("test", "train"))
    chosen = _different([*held_out, *_everyday(sentences, description), *heard])[:count]
    tokens = _tokens(features, {wording.id for wording in chosen}, description)
    lines = []
    for wording in chosen:
        _, text, speaker, language = wording
        read = tokens.get(wording.id) or _read_aloud(text, language, description, lexicon)
        lines.append(Line(text, speaker, language, read))
    return lines


def speaker_vectors(features: Path, description: Description) -> dict[str, list[np.ndarray]]:
    """The d-vectors (S,) of every speaker's recordings, as many as tell who it is."""
    found: dict[str, list[np.ndarray]] = {}
    for row in _rows(features, ("speaker", "speaker_embedding"), description):
        vectors = found.setdefault(row["speaker"], [])
        if len(vectors) < VECTORS:
            vectors.append(np.asarray(row["speaker_embedding"], np.float32))
    return found


def _rows(features: Path, columns: Sequence[str], description: Description) -> Iterator[dict]:
    """The utterances of the voice's speakers."""
    return (row for row in read_rows(features, FEATURES, columns) if row["speaker"] in description.speakers)


def _spoken(features: Path, description: Description, split: str) -> list[_Wording]:
    """The texts of a split, in an order that has nothing to do with what is said."""
    rows = _rows(features, ("id", "split", "speaker", "language", "text"), description)
    found = [_Wording(row["id"], row["text"], row["speaker"], row["language"]) for row in rows if row["split"] == split]
    return sorted(found, key=lambda wording: hashlib.blake2b(str(wording.id).encode()).digest())


def _everyday(sentences: Path, description: Description) -> list[_Wording]:
    """Everyday sentences of the default speaker's language; none without such a file."""
    speaker = description.default_speaker
    language = description.speakers[speaker]["language"]
    path = sentences / f"everyday-{language.split('-')[0]}.txt"
    texts = read_sentences(path) if path.is_file() else []
    return [_Wording(None, text, speaker, language) for text in texts]


def _different(wordings: Iterable[_Wording]) -> list[_Wording]:
    """The first of those that have the same words: the same text said twice tells little more. None without words."""
    found: dict[tuple[str, str], _Wording] = {}
    for wording in wordings:
        words = normalise(wording.text, wording.language)
        if words:
            found.setdefault((words, wording.speaker), wording)
    return list(found.values())


def _tokens(features: Path, ids: set[str | None], description: Description) -> dict[str | None, Tokens]:
    """The tokens of some utterances, by their ids."""
    rows = _rows(features, ("id", "speaker", "phoneme_ids", "stress_ids"), description)
    return {row["id"]: Tokens(list(row["phoneme_ids"]), list(row["stress_ids"])) for row in rows if row["id"] in ids}


def _read_aloud(text: str, language: str, description: Description, lexicon: front_end.Lexicon) -> Tokens:
    choice = front_end.choice_of(description.front_ends[language])
    return front_end.encode(front_end.phonemize(text, language, lexicon, choice))
