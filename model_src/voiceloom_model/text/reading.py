"""What a front end is, how text falls into words, and how a package's data is named.

A front end is one small module: a function text → `Reading`, and an identity that says what decides it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import NamedTuple


class Reading(NamedTuple):
    """IPA of a text, and its words that no lexicon held and a network or rules guessed, as often as they come."""

    phonemes: str
    guessed: tuple[str, ...] = ()


class FrontEnd(NamedTuple):
    """One way from text to IPA: the function, and what decides its output (name, version, data hash).

    `given` writes a word with its IPA into a text so that `read` keeps that IPA; without it, the text around
    such a word is read in pieces.
    """

    read: Callable[[str], Reading]
    identity: Callable[[], dict[str, str]]
    given: Callable[[str, str], str] | None = None


class NotInstalled(ValueError):
    """Something has to be read whose packages are missing; the message says how to get them."""

    def __init__(self, what: str, package: str):
        super().__init__(
            f"{what} is read with {package}, which is not installed: pip install 'voiceloom-model[languages]' "
            "(or choose another front end for the language: features.front_ends in params.yaml)"
        )


@lru_cache(maxsize=1)
def letter_pattern() -> str:
    """One letter or combining mark, as a part of a regular expression."""
    marks = "".join(chr(c) for c in range(0x300, 0x10000) if unicodedata.category(chr(c)).startswith("M"))
    return rf"(?:[^\W\d_]|[{marks}])"


@lru_cache(maxsize=1)
def word_pattern() -> re.Pattern:
    """One word: letters and their marks, with apostrophes and hyphens between them or an apostrophe at the end."""
    letter = letter_pattern()
    return re.compile(rf"{letter}+(?:['-]{letter}+)*'?")


def by_words(text: str, read_word: Callable[[str], tuple[str, bool]]) -> Reading:
    """Read `text` word by word; `read_word` gives IPA and whether it is a guess. What is no word stays as it is."""
    guessed: list[str] = []

    def replace(match: re.Match) -> str:
        phonemes, is_guess = read_word(match[0])
        if is_guess:
            guessed.append(match[0].lower())
        return phonemes

    return Reading(word_pattern().sub(replace, text), tuple(guessed))


def word_set(words: str) -> frozenset[str]:
    """The words of a text without punctuation: how a list of words reads best."""
    return frozenset(words.split())


def package_versions(*packages: str) -> str:
    """`name version` of installed packages, as a part of an identity."""
    return ", ".join(f"{package} {version(package)}" for package in packages)


def data_hash(package: str, files: Sequence[str]) -> str:
    """A hash over data files of an installed package, from the sums that its installer recorded."""
    digest = hashlib.blake2b(digest_size=16)
    wanted = set(files)
    for file in sorted(distribution(package).files or [], key=str):
        if str(file) in wanted:
            wanted.remove(str(file))
            value = file.hash.value if file.hash else hashlib.sha256(file.read_binary()).hexdigest()
            digest.update(f"{file} {value}\n".encode())
    if wanted:
        raise FileNotFoundError(f"{package} {version(package)} lacks {sorted(wanted)[0]}: install it again")
    return digest.hexdigest()


def require(language: str, *packages: str) -> None:
    """Raise `NotInstalled` for the first of `packages` that is missing."""
    for package in packages:
        try:
            version(package)
        except PackageNotFoundError:
            raise NotInstalled(language, package) from None
