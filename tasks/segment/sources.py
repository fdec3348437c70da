"""The recordings as this stage sees them: all that is said of them, and where their audio lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tasks.records import RECORDINGS, read_table, shard_paths

#: What an utterance has from its recording.
CARRIED = ("corpus", "speaker", "language", "licence", "consent_id", "text")
_COLUMNS = ("id", *CARRIED, "source_path", "text_kind", "segments", "content_key", "duration_s")


class Source(NamedTuple):
    """A recording: its row without the audio, and the file and row where the audio lies."""

    row: Mapping
    place: tuple[Path, int]

    def needs_words(self, max_duration_s: float) -> bool:
        """Whether speech recognition must say when which word is spoken, before the recording can be cut."""
        if self.row["text_kind"] == "segments":
            return any(label["end_s"] - label["start_s"] > max_duration_s for label in self.row["segments"])
        return self.row["text_kind"] != "transcript" or self.row["duration_s"] > max_duration_s


def read_sources(recordings: Path) -> list[Source]:
    """Every recording of the table."""
    sources: list[Source] = []
    for path in shard_paths(recordings):
        rows = read_table(path, _COLUMNS, RECORDINGS).to_pylist()
        sources += [Source(row, (path, index)) for index, row in enumerate(rows)]
    return sources
