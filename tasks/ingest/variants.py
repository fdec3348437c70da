"""Virtual speakers: copies of a recording played slower or faster, which moves pitch, formants and tempo together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from tasks.ingest.place import Place
from tasks.params import Corpus


class Entry(NamedTuple):
    """A recording that may be taken in: where it lies, and the part of its row known without decoding."""

    place: Place
    row: dict

    @property
    def id(self) -> str:
        """The row's id, corpus/name, and ~FACTOR of a virtual speaker."""
        return self.row["id"]


def with_variants(entry: Entry, corpus: Corpus) -> Iterator[Entry]:
    """Yield a recording, then what its corpus's virtual speakers say of it, on the terms of who recorded it."""
    yield entry
    for factor in corpus.variants:
        suffix = f"~{factor:g}"
        if _is_chosen(entry.id + suffix, corpus.variant_share):
            yield _variant(entry, factor, suffix)


def _is_chosen(variant_id: str, share: float) -> bool:
    digest = hashlib.blake2b(variant_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def _variant(entry: Entry, factor: float, suffix: str) -> Entry:
    """The recording played `factor` times as fast; everybody in it gets another name."""
    row = entry.row
    labels = [
        {
            **label,
            "start_s": label["start_s"] / factor,
            "end_s": label["end_s"] / factor,
            "speaker": label["speaker"] and label["speaker"] + suffix,
            "low_hz": label["low_hz"] and label["low_hz"] * factor,
            "high_hz": label["high_hz"] and label["high_hz"] * factor,
        }
        for label in row["segments"]
    ]
    renamed = {"id": row["id"] + suffix, "speaker": row["speaker"] + suffix, "segments": labels}
    return Entry(entry.place._replace(speed=factor), {**row, **renamed})
