"""The text of a corpus, read in bounded memory; what is wrong with a line is said of that line alone."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from tasks.ingest.readers.source import Source
from tasks.rowstore import Failure

#: A line above this is skipped without being held.
LINE_BYTES = 1_000_000
#: Formats that need their whole text at once must stay below this.
WHOLE_BYTES = 64_000_000
#: Text is packed 3 to 50 times smaller; what unpacks to more than this is a bomb.
_PACKED = 200


class Line(NamedTuple):
    """A line without its end: its number from 1, and either its text or what is wrong with it."""

    number: int
    text: str | None
    problem: Failure | None = None


def text_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a UTF-8 file, which may be packed (.gz); a byte order mark and CR are dropped.

    Problems: `line_too_long`, `bad_text`, `truncated` (a .gz that breaks off) and `decompression_bomb`.
    """
    number = 0
    try:
        with _open(path) as file:
            for number, raw in enumerate(_raw_lines(file, _budget(path)), 1):
                yield _line(number, raw)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield Line(number + 1, None, Failure("truncated", f"{path.name} cannot be unpacked further: {error}"))


def whole_text(path: Path, limit: int = WHOLE_BYTES) -> str | Failure:
    """A UTF-8 (or UTF-16 with byte order mark) file's text, lines ending in LF; packed ones (.gz) too.

    Failures: `text_too_long` above `limit` bytes, `bad_text`, `truncated`.
    """
    try:
        with _open(path) as file:
            raw = file.read(limit + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return Failure("truncated", f"{path.name} cannot be unpacked: {error}")
    if len(raw) > limit:
        return Failure("text_too_long", f"{path.name} holds more than {limit} bytes of text")
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = _decoded(raw, encoding, path.name)
    return text if isinstance(text, Failure) else text.replace("\r\n", "\n").replace("\r", "\n")


def broken(folder: Path, path: Path, line: Line) -> Source:
    """What stands for a recording whose line in `path` (under `folder`) cannot be read."""
    return Source(f"{path.relative_to(folder).as_posix()}:{line.number}", path, None, problem=line.problem)


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


def _budget(path: Path) -> int | None:
    """How many bytes a file may unpack to."""
    return max(WHOLE_BYTES, _PACKED * path.stat().st_size) if path.suffix.lower() == ".gz" else None


def _raw_lines(file: BinaryIO, budget: int | None) -> Iterator[bytes | Failure]:
    taken = 0
    while raw := file.readline(LINE_BYTES + 1):
        taken += len(raw)
        is_long = len(raw) > LINE_BYTES
        while is_long and raw and not raw.endswith(b"\n") and (budget is None or taken <= budget):
            raw = file.readline(LINE_BYTES)
            taken += len(raw)
        if budget is not None and taken > budget:
            yield Failure("decompression_bomb", f"it unpacks to more than {budget} bytes")
            return
        yield Failure("line_too_long", f"the line is longer than {LINE_BYTES} bytes") if is_long else raw


def _line(number: int, raw: bytes | Failure) -> Line:
    if isinstance(raw, bytes):
        text = _decoded(raw, "utf-8-sig" if number == 1 else "utf-8", f"line {number}")
        if isinstance(text, str):
            return Line(number, text.rstrip("\r\n"))
        raw = text
    return Line(number, None, raw)


def _decoded(raw: bytes, encoding: str, where: str) -> str | Failure:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        return Failure("bad_text", f"{where} is not UTF-8 text (byte {error.start})")
    return Failure("bad_text", f"{where} is not text: it holds a NUL") if "\0" in text else text
