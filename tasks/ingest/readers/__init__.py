"""Corpus readers: one module a layout, each with `matches(folder)` and `read(folder, language)`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tasks.ingest.readers import asterisk, ljspeech
from tasks.ingest.readers.source import Source

__all__ = ["READERS", "Source", "read_corpus"]

#: Tried in this order by `auto`.
READERS: dict[str, ModuleType] = {"ljspeech": ljspeech, "asterisk": asterisk}


def read_corpus(name: str, folder: Path, reader: str, language: str) -> Iterator[Source]:
    """Yield what a corpus declares and holds; `FileNotFoundError` or `ValueError` when no reader fits."""
    if not folder.is_dir():
        raise FileNotFoundError(f"corpus {name}: its folder {folder} is not there; run the fetch stage again")
    if reader == "auto":
        matching = [known for known, module in READERS.items() if module.matches(folder)]
        if not matching:
            raise ValueError(
                f"corpus {name}: no reader knows the layout of {folder}; an LJSpeech-like folder has "
                "metadata.csv with lines `id|text` and wavs/ID.wav"
            )
        reader = matching[0]
    elif not READERS[reader].matches(folder):
        raise ValueError(
            f"corpus {name}: {folder} is not laid out as reader {reader!r} expects: {READERS[reader].__doc__}"
        )
    return READERS[reader].read(folder, language)
