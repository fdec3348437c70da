"""A book's TXT → its text: Project Gutenberg's frame taken off, hard-wrapped lines joined, paragraphs kept."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import quantiles

from tasks.ingest.readers.lines import whole_text
from tasks.rowstore import Failure

#: The frame in its several wordings since 1990, perhaps over two lines.
_START = re.compile(
    r"\*\*\*\s?START OF (?:THE|THIS) PROJECT GUTENBERG[^*]{0,500}\*\*\*|\*END\*\s?THE SMALL PRINT![^\n]*", re.IGNORECASE
)
_END = re.compile(
    r"\*\*\*\s?END OF (?:THE|THIS) PROJECT GUTENBERG|\n *End of (?:The )?Project Gutenberg", re.IGNORECASE
)
_CREDIT = re.compile(r"(?:Produced|Transcribed|E-?text prepared|Scanned|HTML version) (?:by|from)\b", re.IGNORECASE)
#: What stands in the text but is not read: [Illustration: …], [Footnote 3: …], [12], [Pg 7].
_REMARK = re.compile(r"\[(?:Illustration|Footnote|Transcriber|Sidenote|Pg|\d{1,4})[^\[\]]{0,5000}\]", re.IGNORECASE)
_ITALIC = re.compile(r"(?<!\w)_([^_\n]{1,2000}(?:\n[^_\n]{1,2000}){0,5})_(?!\w)")
_SENTENCE_END = re.compile(r"[.!?…:;。！？][\"'”’»)\]]*$")
#: No hard-wrapped text has lines as long.
_WRAPPED = 120


def plain_text(path: Path) -> str | Failure:
    """The text of a TXT in UTF-8 (or UTF-16 with a byte order mark); failures as of `whole_text`, and `empty_book`."""
    text = whole_text(path)
    if isinstance(text, Failure):
        return text
    paragraphs = _paragraphs(_REMARK.sub(" ", _ITALIC.sub(r"\1", _unframed(text))))
    if not paragraphs:
        return Failure("empty_book", f"{path.name} holds no text")
    return "\n\n".join(paragraphs)


def _unframed(text: str) -> str:
    """Without what Project Gutenberg puts before and after a book."""
    start = max((found.end() for found in _START.finditer(text)), default=0)
    end = _END.search(text, start)
    text = text[start : end.start() if end else len(text)].strip()
    head, blank, rest = text.partition("\n\n")
    return rest if start and blank and _CREDIT.match(head) else text


def _paragraphs(text: str) -> list[str]:
    lines = [line.strip() for line in text.split("\n")]
    if _is_wrapped(lines):
        blocks = re.split(r"\n{2,}", "\n".join(lines))
        lines = [re.sub(r"(?<=\w)-\n(?=\w)", "-", block).replace("\n", " ") for block in blocks]
    return [paragraph for line in lines if (paragraph := " ".join(line.split())) and any(map(str.isalnum, paragraph))]


def _is_wrapped(lines: list[str]) -> bool:
    """Whether paragraphs run over several lines; else each line is one."""
    filled = [line for line in lines if line]
    is_narrow = len(filled) < 2 or quantiles(map(len, filled), n=10)[-1] <= _WRAPPED
    return is_narrow and ("" in lines or 2 * sum(bool(_SENTENCE_END.search(line)) for line in filled) < len(filled))
