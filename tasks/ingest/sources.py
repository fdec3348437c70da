"""Where every recording taken in came from: its file under data/raw and that file's hash.

Small enough to travel with every voice, so that a voice leads back to its recordings long after, and without them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tasks.ingest.variants import Entry
from tasks.records import SOURCES, table_of, write_table


class Sources:
    """The recordings that were taken in; a file that holds several is hashed once."""

    def __init__(self) -> None:
        self._rows: list[dict] = []
        self._hashes: dict[Path, str] = {}

    def add(self, entries: Sequence[Entry], rows: Sequence[dict]) -> None:
        """Add the rows that were made of some of the entries."""
        by_id = {entry.id: entry for entry in entries}
        for row in rows:
            place = by_id[row["id"]].place
            self._rows.append(
                {
                    "id": row["id"],
                    "source_path": row["source_path"],
                    "member": place.member,
                    "sha256": self._sha256(place.path),
                    "duration_s": row["duration_s"],
                }
            )

    def write(self, path: Path) -> None:
        """Write the table, by id."""
        write_table(table_of(self._rows, SOURCES), path)

    def _sha256(self, path: Path) -> str:
        if path not in self._hashes:
            with path.open("rb") as file:
                self._hashes[path] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._hashes[path]
