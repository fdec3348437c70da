"""A user's own lexicon, which wins over every front end: a text file of `word<TAB>IPA<TAB>language`.

The language is a BCP 47 tag or left out; an entry of `de` holds for `de-AT` too, one without a language for all. An
entry may be several words, or hold digits and signs ("3M"). Capitals matter only where a word has some after
its first letter ("iPhone", "NASA"). Lines that begin with # are comments.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from voiceloom_model.text.reading import letter_pattern
from voiceloom_model.text.symbols import unknown_symbols

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_ONE_EACH = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"


class Entry(NamedTuple):
    """A line of the lexicon; `tokens` are what its word falls into."""

    word: str
    phonemes: str
    language: str
    tokens: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether capitals matter."""
        return any(letter.isupper() for token in self.tokens for letter in token[1:])

    @property
    def spoken(self) -> bool:
        """Whether it holds nothing but letters, so that normalising leaves it alone."""
        return all(letter.isalpha() or letter in "' -" or unicodedata.combining(letter) for letter in self.word)


class Piece(NamedTuple):
    """A stretch of text, and its IPA where the lexicon has it."""

    text: str
    entry: Entry | None = None


@dataclass(frozen=True)
class Lexicon:
    """The entries of a file, found by their first token."""

    entries: tuple[Entry, ...] = ()
    _first: dict[str, list[Entry]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Index the entries: the longest first, then those of the narrowest language."""
        for entry in sorted(self.entries, key=lambda entry: (-len(entry.tokens), -len(entry.language))):
            self._first.setdefault(entry.tokens[0].casefold(), []).append(entry)

    @classmethod
    def load(cls, path: str | Path) -> Lexicon:
        """Read a file; `ValueError` or `FileNotFoundError` in one sentence for what is wrong in which line."""
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"the lexicon {path} is not there")
        try:
            content = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8: byte {error.start} cannot be read") from error
        lines: dict[tuple[str, str], int] = {}
        entries = []
        for number, line in enumerate(content.splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                entry = _entry(line, f"{path}, line {number}")
                first = lines.setdefault((entry.word, entry.language), number)
                if first != number:
                    raise ValueError(f"{path}, line {number}: {entry.word!r} is there already, in line {first}")
                entries.append(entry)
        return cls(tuple(entries))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def pieces(self, text: str, language: str, spoken: bool = True) -> list[Piece]:
        """`text` cut at the entries that it holds; with `spoken` False only those that normalising would change."""
        found: list[Piece] = []
        end = 0
        for start, stop, entry in self._occurrences(text, language, spoken):
            if start > end:
                found.append(Piece(text[end:start]))
            found.append(Piece(text[start:stop], entry))
            end = stop
        return [*found, Piece(text[end:])] if end < len(text) else found

    def found_in(self, texts: tuple[str, ...], language: str) -> str:
        """The entries that occur in `texts`, as a part of a row key; empty when there are none."""
        if not self.entries:
            return ""
        used = {
            (entry.word, entry.phonemes)
            for text in texts
            for *_, entry in self._occurrences(text, language, spoken=True)
        }
        return json.dumps(sorted(used), ensure_ascii=False) if used else ""

    def _occurrences(self, text: str, language: str, spoken: bool) -> Iterator[tuple[int, int, Entry]]:
        """Start, end and entry of the words and phrases that are there, from left to right, none overlapping."""
        if not self.entries:
            return
        tokens = [(match[0], match.start(), match.end()) for match in _token_pattern().finditer(text)]
        at = 0
        while at < len(tokens):
            entry = self._longest(tokens, at, language, spoken)
            if entry is None:
                at += 1
                continue
            yield tokens[at][1], tokens[at + len(entry.tokens) - 1][2], entry
            at += len(entry.tokens)

    def _longest(self, tokens: list[tuple[str, int, int]], at: int, language: str, spoken: bool) -> Entry | None:
        for entry in self._first.get(tokens[at][0].casefold(), ()):
            if not _holds_for(entry.language, language) or not (spoken or not entry.spoken):
                continue
            here = [token for token, *_ in tokens[at : at + len(entry.tokens)]]
            if _same(here, entry):
                return entry
        return None


def _entry(line: str, where: str) -> Entry:
    """One line; `ValueError` with `where` for what is no entry."""
    columns = [column.strip() for column in line.split("\t")]
    if len(columns) not in (2, 3) or not columns[0] or not columns[1]:
        raise ValueError(f"{where}: expected word<TAB>IPA or word<TAB>IPA<TAB>language, found {line[:80]!r}")
    word, phonemes, language = (*columns, "")[:3]
    if language and not _TAG.fullmatch(language):
        raise ValueError(f"{where}: {language!r} is no language tag such as de or es-MX")
    phonemes = unicodedata.normalize("NFD", phonemes).replace("\u0361", "").replace("\u035c", "")
    unknown = [symbol for symbol in unknown_symbols(phonemes) if not symbol.isspace()]
    if unknown:
        raise ValueError(f"{where}: {unknown[0]!r} in {phonemes!r} is none of the symbols that a voice knows")
    word = " ".join(unicodedata.normalize("NFC", word).replace("’", "'").split())
    tokens = tuple(_token_pattern().findall(word))
    if not tokens or any(bracket in word for bracket in "[]()"):
        raise ValueError(f"{where}: {word!r} is no word that a text could hold")
    return Entry(word, phonemes, language, tokens)


@lru_cache(maxsize=1)
def _token_pattern() -> re.Pattern:
    """A run of letters and digits, one character of a script without spaces, or a sign."""
    return re.compile(rf"{_ONE_EACH}|(?:(?!{_ONE_EACH})(?:{letter_pattern()}|\d))+|[^\w\s]")


def _holds_for(wanted: str, language: str) -> bool:
    return not wanted or f"{language.lower()}-".startswith(f"{wanted.lower()}-")


def _same(tokens: list[str], entry: Entry) -> bool:
    if entry.exact:
        return tuple(tokens) == entry.tokens
    return len(tokens) == len(entry.tokens) and all(
        here.casefold() == there.casefold() for here, there in zip(tokens, entry.tokens, strict=True)
    )
