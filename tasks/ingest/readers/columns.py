"""What the columns of a table of recordings are called, where every corpus chooses its own names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tasks.ingest.readers.language import language_tag
from tasks.ingest.readers.source import Source
from tasks.rowstore import Failure

#: The first of these that a table has.
TEXT = (
    *("text", "sentence", "transcription", "transcript", "normalized_text", "text_normalized"),
    *("raw_transcription", "raw_text", "text_original"),
)
SPEAKER = ("speaker", "speaker_id", "client_id", "speaker_name")
LANGUAGE = ("language", "locale", "lang")
ID = ("id", "utterance_id", "segment_id")
_TEXT_LETTERS = 1_000_000


def first_of(names: tuple[str, ...], columns: Iterable[str]) -> str | None:
    """The first of `names` that is a column."""
    present = set(columns)
    return next((name for name in names if name in present), None)


def row_source(name: str, found: Path | Failure, row: Mapping[str, object], member: int | None = None) -> Source:
    """A recording from a row of a table; `row` holds only columns of the names above.

    Without any column of text the corpus has none, and speech recognition is to write it.
    """
    text_column = first_of(TEXT, row)
    text = _value(row, text_column)
    tag = language_tag(_value(row, first_of(LANGUAGE, row)))
    problem = next((failure for failure in (found, tag) if isinstance(failure, Failure)), None)
    if text and len(text) > _TEXT_LETTERS:
        problem, text = Failure("text_too_long", f"its text has more than {_TEXT_LETTERS} letters"), None
    return Source(
        id=_value(row, first_of(ID, row)) or name,
        path=found if isinstance(found, Path) else None,
        text=text,
        speaker=_value(row, first_of(SPEAKER, row)),
        language=tag if isinstance(tag, str) else None,
        text_kind="transcript" if text_column else "none",
        member=member,
        problem=problem,
    )


def _value(row: Mapping[str, object], column: str | None) -> str | None:
    value = row[column] if column else None
    return None if value is None else str(value).strip() or None
