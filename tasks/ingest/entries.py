"""What of a corpus may be decoded: it has text, consent and a file with bytes; the rest is quarantined."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tasks.ingest.labels import agreed_labels, no_consent
from tasks.ingest.names import is_text, printable, safe_name
from tasks.ingest.place import Place
from tasks.ingest.readers import Source, read_corpus
from tasks.ingest.variants import Entry, with_variants
from tasks.params import Corpus
from tasks.quarantine import Quarantine
from tasks.rowstore import Failure

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*")


def corpus_entries(
    corpus: Corpus, raw: Path, consents: Mapping[tuple[str, str], str], quarantine: Quarantine
) -> Iterator[Entry]:
    """Yield what of a corpus may be decoded; what may not goes to the quarantine, also single labels."""
    agreed = {speaker: consent_id for (speaker, licence), consent_id in consents.items() if licence == corpus.licence}
    folder, taken = raw / corpus.name, set()
    root = folder.resolve()
    for source in read_corpus(corpus.name, folder, corpus.reader, corpus.language):
        row_id, shown = f"{corpus.name}/{safe_name(source.id)}", _shown(source.path, raw)
        row, refused = None, [(row_id, _failure(source, root, row_id in taken))]
        if refused[0][1] is None:
            row, refused = _row(row_id, source, corpus, agreed)
        for refused_id, failure in refused:
            assert failure is not None
            quarantine.add(refused_id, shown, replace(failure, message=printable(failure.message)))
        if row is not None and source.path is not None:
            entry = Entry(Place(source.path, source.member), {**row, "source_path": shown})
            spoken = [made for made in with_variants(entry, corpus) if made.id not in taken]
            taken |= {made.id for made in spoken}
            yield from spoken


def _failure(source: Source, root: Path, is_duplicate: bool) -> Failure | None:
    """Why a recording cannot be taken in as far as its declaration and its file's whereabouts say."""
    if source.problem is not None:
        return source.problem
    if is_duplicate:
        return Failure("duplicate_id", "an earlier recording of this corpus has the same id")
    if source.path is None:
        return Failure("missing_file", "the corpus has a text for it, but no recording")
    return _file_failure(source.path, root) or _text_failure(source)


def _file_failure(path: Path, root: Path) -> Failure | None:
    try:
        if not path.resolve().is_relative_to(root):
            return Failure("outside_corpus", "the file lies outside the corpus")
        if not path.is_file():
            return Failure("missing_file", "there is no such regular file")
        return None if path.stat().st_size else Failure("empty_file", "the file has no bytes")
    except (OSError, ValueError, RuntimeError) as error:  # a disk that fails, a NUL in the name, links in a circle
        return Failure("unreadable", f"the file cannot be reached: {error}", retryable=isinstance(error, OSError))


def _text_failure(source: Source) -> Failure | None:
    labels = [text for label in source.segments for text in (label.text, label.speaker)]
    if not is_text(source.text, source.speaker, source.language, *labels):
        return Failure("bad_text", "its text holds halves of characters")
    if source.language and not _LANGUAGE.fullmatch(source.language):
        return Failure("bad_language", f"{source.language[:80]!r} is no language tag such as en or es-MX")
    if source.text_kind in ("transcript", "book") and not (source.text or "").strip():
        return Failure("no_transcript", "the corpus has a recording, but no text for it")
    if source.text_kind == "segments" and not source.segments:
        return Failure("no_transcript", "no label of the recording can be used")
    return None


def _row(
    row_id: str, source: Source, corpus: Corpus, agreed: Mapping[str, str]
) -> tuple[dict | None, list[tuple[str, Failure]]]:
    """What is known of a recording before it is decoded, and what of it is refused: all (None), or some labels.

    A recording of others than its corpus's speaker goes under the name of the first who speaks in it.
    """
    speaker = source.speaker or corpus.speaker
    labels = agreed_labels(row_id, source.segments, speaker, agreed)
    if speaker not in agreed and not labels.usable:
        return None, [(row_id, no_consent(speaker))]
    if source.text_kind == "segments" and not labels.usable:
        return None, [*labels.refused, (row_id, Failure("no_transcript", "no label of the recording can be used"))]
    speaker = speaker if speaker in agreed else labels.usable[0]["speaker"]
    row = {
        "id": row_id,
        "corpus": corpus.name,
        "speaker": speaker,
        "language": source.language or corpus.language,
        "licence": corpus.licence,
        "consent_id": agreed[speaker],
        "text": source.text or "" if source.text_kind in ("transcript", "book") else "",
        "text_kind": source.text_kind,
        "segments": labels.usable if source.text_kind == "segments" else [],
    }
    return row, labels.refused


def _shown(path: Path | None, raw: Path) -> str:
    """Where a recording lies, for people: its path under data/raw."""
    if path is None:
        return ""
    return printable(
        os.fsencode(path.relative_to(raw) if path.is_relative_to(raw) else path.name).decode(errors="replace")
    )
