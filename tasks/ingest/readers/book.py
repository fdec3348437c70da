"""A long recording, or one a chapter, with the book it reads from: NAME.epub or the folder's only EPUB, or a TXT.

A TXT is taken for a book where it is called book.txt or text.txt, or is the only text among several recordings;
with `reader: book` also NAME.txt, which is otherwise a transcript. A book in a folder is also that of the folders
below it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from tasks.ingest.readers.epub import epub_text
from tasks.ingest.readers.labels import glance, name_of, recordings
from tasks.ingest.readers.lines import text_lines
from tasks.ingest.readers.places import GLANCE, find
from tasks.ingest.readers.plaintext import plain_text
from tasks.ingest.readers.source import Source
from tasks.rowstore import Failure

_NAMED = ("book", "text")
_NOTES = re.compile(r"(?:readme|licen[cs]e|copying|copyright|changes|changelog|notes?|info|about|index|credits)\b.*")
#: What a text has at least to be a book; below are notes and lists.
_BYTES = 2000
#: A line like `NAME|text`, `NAME<TAB>text` or `NAME.wav text` is of a list of transcripts.
_LISTED = re.compile(r"[^\s|]+\s*[|\t]|\S+\.\w{2,4}\s")


def matches(folder: Path) -> bool:
    """Whether a glance finds recordings, and an EPUB or a TXT that is a book."""
    names = glance(folder)
    if not names:
        return False
    if next(find(folder, "*.epub", entries=GLANCE), None) is not None:
        return True
    texts = list(islice(find(folder, "*.txt", entries=GLANCE), 50))
    if any(path.stem.lower() in _NAMED for path in texts):
        return True
    books = [path for path in texts if not _NOTES.fullmatch(path.stem.lower())]
    return len(books) == 1 and len(names) > 1 and name_of(folder, books[0]) not in names and _is_long(books[0], names)


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield each recording with its book; `ValueError` when there is no book at all."""
    found = recordings(folder)
    books = _books(folder)
    if not any(books.values()):
        raise ValueError(f"{folder} holds no book: neither an EPUB nor a TXT")
    names = {name for name, _ in found}
    text_of = lru_cache(maxsize=2)(_text)  # recordings of a folder follow each other
    for name, path in found:
        book = _book_of(folder, path, books, names)
        text = text_of(book) if isinstance(book, Path) else book
        if isinstance(text, Failure):
            yield Source(name, path, None, text_kind="book", problem=text)
        else:
            yield Source(name, path, text, text_kind="book")


def _books(folder: Path) -> dict[Path, list[Path]]:
    """EPUBs and texts by folder; where an EPUB lies, texts are notes or the same book again."""
    books: dict[Path, list[Path]] = defaultdict(list)
    for path in find(folder, "*.epub", "*.txt"):
        if path.suffix.lower() == ".epub" or not _NOTES.fullmatch(path.stem.lower()):
            books[path.parent].append(path)
    return books


def _book_of(folder: Path, path: Path, books: dict[Path, list[Path]], names: set[str]) -> Path | Failure:
    """The book of a recording's own name, else the one of its folder, or of the nearest folder above."""
    own = [book for book in books.get(path.parent, ()) if book.stem == path.stem]
    if own:
        return min(own, key=lambda book: book.suffix.lower())
    for parent in (parent for parent in path.parents if parent.is_relative_to(folder)):
        common = [book for book in books.get(parent, ()) if name_of(folder, book) not in names]
        epubs = [book for book in common if book.suffix.lower() == ".epub"]
        titled = [book for book in common if book.stem.lower() in _NAMED]
        several = epubs or titled or common
        if len(several) > 1:
            listed = ", ".join(sorted(book.name for book in several)[:5])
            return Failure("no_transcript", f"it could read any of {listed}; call its own {path.stem}.txt or .epub")
        if several:
            return several[0]
    return Failure("no_transcript", "no book lies beside it or above")


def _text(book: Path) -> str | Failure:
    return epub_text(book) if book.suffix.lower() == ".epub" else plain_text(book)


def _is_long(path: Path, names: set[str]) -> bool:
    """Whether a text is long enough for a book, and no list of transcripts."""
    if path.stat().st_size < _BYTES:
        return False
    lines = [line.text or "" for line in islice(text_lines(path), 50)]
    stems = {name.rpartition("/")[2] for name in names}
    listed = sum(bool(_LISTED.match(line)) or line.partition(" ")[0] in stems for line in lines)
    return 2 * listed < len(lines)
