"""Corpus readers: one module a layout, each with `matches(folder)` and `read(folder, language)`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from tasks.ingest.readers import (
    asterisk,
    audacity,
    audiofolder,
    book,
    commonvoice,
    festvox,
    folder,
    huggingface,
    kaldi,
    lhotse,
    ljspeech,
    sidecar,
    subtitles,
    textgrid,
    vctk,
)
from tasks.ingest.readers.places import inside
from tasks.ingest.readers.source import Source
from tasks.rowstore import Failure

__all__ = ["READERS", "Source", "read_corpus"]

#: Tried in this order by `auto`: first what has files of its own kind, then what has them beside its recordings.
READERS: dict[str, ModuleType] = {
    "lhotse": lhotse,
    "kaldi": kaldi,
    "commonvoice": commonvoice,
    "vctk": vctk,
    "festvox": festvox,
    "asterisk": asterisk,
    "huggingface": huggingface,
    "audiofolder": audiofolder,
    "ljspeech": ljspeech,
    "textgrid": textgrid,
    "subtitles": subtitles,
    "audacity": audacity,
    "book": book,
    "sidecar": sidecar,
    "folder": folder,
}


def read_corpus(name: str, folder: Path, reader: str, language: str) -> Iterator[Source]:
    """Yield what a corpus declares and holds; `FileNotFoundError` or `ValueError` when no reader fits."""
    if not folder.is_dir():
        raise FileNotFoundError(f"corpus {name}: its folder {folder} is not there; run the fetch stage again")
    if reader == "auto":
        module = next((known for known in READERS.values() if known.matches(folder)), None)
        if module is None:
            raise ValueError(
                f"corpus {name}: no reader knows the layout of {folder}, and it holds no recordings; an LJSpeech-like "
                "folder has metadata.csv with lines `id|text` and wavs/ID.wav"
            )
    else:
        module = READERS[reader]
        # `auto` takes NAME.txt beside NAME.mp3 for a transcript; who names `book` knows better.
        if module is not book and not module.matches(folder):
            raise ValueError(f"corpus {name}: {folder} is not laid out as reader {reader!r} expects: {module.__doc__}")
    return (_checked(source, folder) for source in module.read(folder, language))


def _checked(source: Source, folder: Path) -> Source:
    """A source whose file, found by searching, is not a link that leads out of the corpus."""
    if source.path is None or not source.path.is_symlink():
        return source
    place = inside(folder, str(source.path.relative_to(folder)))
    return replace(source, path=None, problem=place) if isinstance(place, Failure) else source
