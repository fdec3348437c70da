"""English sentences to read aloud: what WordNet gives as examples of its words' use, cleaned and in an even mix."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hibari.g2p import G2P

FILES = ("data.noun", "data.verb", "data.adj", "data.adv")

#: An example in quotes, and the dash of an author it is quoted from.
_EXAMPLE = re.compile(r'"([^"]+)"(\s*-)?')
#: Letters and the marks that are heard; no digits, abbreviations or brackets, which two front ends may read apart.
_PLAIN = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*(?:[,;]? [A-Za-z]+(?:['-][A-Za-z]+)*)*[.?!]?")
_CAPITALS = re.compile(r"[A-Z]{2}|\b[B-HJ-Z]\b")
_WORDS = (4, 20)
#: Penn tags of verbs that make a sentence of a phrase, and of one that gives an order.
_FINITE = frozenset({"VBD", "VBZ", "VBP", "MD"})
_ORDER = "VB"
_ASKED = re.compile(
    r"(?:(?:who|what|when|where|why|how|which|whose) (?:is|are|was|were|do|does|did|can|could|will|would|have|has)"
    r"|(?:do|does|did|can|could|will|would|are|is|was|were|have|has) (?:you|he|she|it|we|they|I|there|this|that)) ",
    re.IGNORECASE,
)
#: One sentence of three begins a pair, as long as both together are read in a breath or two.
_EVERY, _MOST_WORDS = 3, 26


def texts(folder: Path, count: int) -> list[str]:
    """`count` texts of one or two sentences from the WordNet database in `folder`: the same ones every time.

    `ValueError` when it has not so many.
    """
    source = _sentences(folder)
    found = list(islice(_mixed(source), count))
    if len(found) < count:
        raise ValueError(f"WordNet has sentences for {len(found)} texts, not for {count}; ask for fewer `sentences`")
    return found


def _mixed(sentences: Iterator[str]) -> Iterator[str]:
    """Single sentences and pairs; which begin a pair says their hash, so that a change stays near where it is made."""
    for first in sentences:
        second = next(sentences, None) if _hash(first) % _EVERY == 0 else None
        if second is None:
            yield first
        elif len(first.split()) + len(second.split()) <= _MOST_WORDS:
            yield f"{first} {second}"
        else:
            yield first
            yield second


def _sentences(folder: Path) -> Iterator[str]:
    """Whole sentences, each once, in an order that mixes the parts of speech."""
    candidates = {clean for clean in map(_clean, _examples(folder)) if clean}
    for sentence in sorted(candidates, key=_rank):
        if _is_sentence(sentence):
            yield sentence


def _rank(sentence: str) -> tuple[int, str]:
    """A place in the order, by hash; the few questions there are lie in the first quarter."""
    return _hash(sentence) // (4 if sentence.endswith("?") else 1), sentence


def _hash(sentence: str) -> int:
    return int.from_bytes(hashlib.blake2b(sentence.encode(), digest_size=8).digest(), "big")


def _examples(folder: Path) -> Iterator[str]:
    """The examples of every entry that quote nobody: a line `offset … | gloss; "example"; "example"` (wndb(5WN))."""
    for name in FILES:
        path = next(folder.rglob(name), None)
        if path is None:
            raise FileNotFoundError(f"{folder} holds no WordNet database: {name} is missing")
        with path.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                gloss = "" if line.startswith("  ") else line.partition(" | ")[2]  # the licence is indented
                yield from (text for text, author in _EXAMPLE.findall(gloss) if not author)


def _clean(example: str) -> str | None:
    """The example with a capital and an end, None when it is not plain words."""
    text = " ".join(example.split()).rstrip(" ,;")
    if not _PLAIN.fullmatch(text) or _CAPITALS.search(text) or not _WORDS[0] <= len(text.split()) <= _WORDS[1]:
        return None
    text = text[0].upper() + text[1:]
    if text[-1] in ".?!":
        return text
    return f"{text}?" if _ASKED.match(text) else f"{text}."


def _is_sentence(text: str) -> bool:
    """Whether a verb says something of someone, or to someone: not `a long road`, nor `drove his car`."""
    as_in_a_text = text if text.startswith(("I ", "I'")) else text[0].lower() + text[1:]  # a capital reads as a name
    tags = [token.tag for token in _tagger().tokenize(as_in_a_text)]
    is_told = tags[0] not in _FINITE and not _FINITE.isdisjoint(tags)
    return is_told or tags[0] == _ORDER or text.endswith("?")


@lru_cache(maxsize=1)
def _tagger() -> G2P:
    from hibari.g2p import G2P

    return G2P()
