"""Long text in passages that a voice can speak in one go."""

from __future__ import annotations

import re

#: Some 15 seconds of speech: no longer than what a voice hears in training.
MAX_CHARACTERS = 240

#: Where to divide, best first: after a sentence, after a clause, between words.
BOUNDARIES = (
    re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+"),
    re.compile(r"(?<=[,;:—–])\s+"),
    re.compile(r"\s+"),
)


def passages(text: str, limit: int = MAX_CHARACTERS) -> list[str]:
    """`text` in passages of at most `limit` characters; paragraphs are never joined."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))
    return [piece for paragraph in paragraphs if paragraph for piece in _divide(paragraph, limit)]


def _divide(text: str, limit: int) -> list[str]:
    """Divide at the best boundary there is; a single word that is too long is cut."""
    if len(text) <= limit:
        return [text]
    for boundary in BOUNDARIES:
        parts = _parts(text, boundary)
        if len(parts) > 1:
            return [piece for part in _pack(parts, limit) for piece in _divide(part, limit)]
    return [text[start : start + limit] for start in range(0, len(text), limit)]


def _parts(text: str, boundary: re.Pattern) -> list[str]:
    """`text` between the boundaries; marks that close a sentence stay with it."""
    ends = [match.end() for match in boundary.finditer(text)]
    spans = zip([0, *ends], [*ends, len(text)], strict=True)
    return [part for start, end in spans if (part := text[start:end].strip())]


def _pack(parts: list[str], limit: int) -> list[str]:
    """Join neighbours as long as they fit."""
    packed = [parts[0]]
    for part in parts[1:]:
        if len(packed[-1]) + 1 + len(part) <= limit:
            packed[-1] += f" {part}"
        else:
            packed.append(part)
    return packed
