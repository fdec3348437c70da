"""What of a corpus may be decoded: it has text, consent and a file with bytes; the rest is quarantined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.ingest.readers import Source, read_corpus
from tasks.params import Corpus
from tasks.quarantine import Quarantine
from tasks.rowstore import Failure


@dataclass(frozen=True)
class Entry:
    """A recording that may be taken in: where it lies, and the part of its row known without decoding."""

    path: Path
    row: dict

    @property
    def id(self) -> str:
        """The row's id, corpus/name."""
        return self.row["id"]


def corpus_entries(
    corpus: Corpus, raw: Path, consents: Mapping[tuple[str, str], str], quarantine: Quarantine
) -> Iterator[Entry]:
    """Yield what of a corpus may be decoded; what may not goes to the quarantine."""
    taken: set[str] = set()
    for source in read_corpus(corpus.name, raw / corpus.name, corpus.reader, corpus.language):
        row_id = f"{corpus.name}/{source.id}"
        place = source.path.relative_to(raw).as_posix() if source.path else ""
        speaker = source.speaker or corpus.speaker
        consent_id = consents.get((speaker, corpus.licence))
        failure = _failure(source, row_id in taken)
        if failure is None and consent_id is None:
            message = f"data/consent.yaml has no consent of speaker {speaker!r} to licence {corpus.licence}"
            failure = Failure("no_consent", message)
        if failure is not None:
            quarantine.add(row_id, place, failure)
            continue
        taken.add(row_id)
        assert source.path is not None
        origin = {
            "corpus": corpus.name,
            "speaker": speaker,
            "language": corpus.language,
            "licence": corpus.licence,
        }
        row = {"id": row_id, **origin, "consent_id": consent_id, "source_path": place, "text": source.text}
        yield Entry(source.path, row)


def _failure(source: Source, is_duplicate: bool) -> Failure | None:
    """Why a recording cannot be taken in as far as its declaration says."""
    if is_duplicate:
        return Failure("duplicate_id", "an earlier recording of this corpus has the same id")
    if source.path is None:
        return Failure("missing_file", "the corpus has a text for it, but no recording")
    if source.path.stat().st_size == 0:
        return Failure("empty_file", "the file has no bytes")
    if not source.text:
        return Failure("no_transcript", "the corpus has a recording, but no text for it")
    return None
