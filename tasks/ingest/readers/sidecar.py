"""A text beside each recording: NAME.txt or NAME.lab, LibriTTS's NAME.normalized.txt, LibriSpeech's *.trans.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tasks.ingest.readers.lines import broken, text_lines, whole_text
from tasks.ingest.readers.places import GLANCE, MEDIA, find, inside, media, recording_ids
from tasks.ingest.readers.source import Source
from tasks.rowstore import Failure

#: In this order: what LibriTTS has normalised is nearer to what was said.
_ENDINGS = (".normalized.txt", ".txt", ".lab", ".original.txt")
_TEXT_BYTES = 1_000_000
#: SPEAKER-CHAPTER… or SPEAKER_CHAPTER… in SPEAKER/CHAPTER/.
_LIBRI = re.compile(r"(\d+)[-_](\d+)[-_]\S+")
_KIND = re.compile(r"\.(normalized|original)$")
#: A label file with times (of HTK) is no text.
_LABEL = re.compile(r"\s*[\d.]+\s+[\d.]+\s+\S+")


def matches(folder: Path) -> bool:
    """Whether a glance finds a recording with a text beside it."""
    texts: set[Path] = set()
    recordings: set[Path] = set()
    for path in find(folder, "*.txt", "*.lab", *(f"*{suffix}" for suffix in MEDIA), entries=GLANCE):
        if path.name.lower().endswith(".trans.txt"):
            return True
        if path.suffix.lower() in MEDIA:
            recordings.add(path.with_suffix(""))
        else:
            texts.add(path.with_name(_KIND.sub("", path.stem)))
    return not texts.isdisjoint(recordings)


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield every recording with the text beside it, then the lines of *.trans.txt that name no recording."""
    paths = media(folder)
    names = recording_ids(folder, paths)
    lists: dict[Path, dict[str, str]] = {}
    for listing in find(folder, "*.trans.txt"):
        for line in text_lines(listing):
            if line.text is None:
                yield broken(folder, listing, line)
            else:
                name, _, text = line.text.strip().partition(" ")
                lists.setdefault(listing.parent, {})[name] = " ".join(text.split())
    for path in paths:
        text = lists.get(path.parent, {}).pop(path.stem, None) or _beside(folder, path)
        if isinstance(text, Failure):
            yield Source(names[path], path, None, _speaker(path), problem=text)
        else:
            yield Source(names[path], path, text, _speaker(path))
    for where, texts in lists.items():
        for name, text in texts.items():
            if name:
                yield Source((where / name).relative_to(folder).as_posix(), None, text or None)


def _beside(folder: Path, path: Path) -> str | Failure | None:
    """The text beside a recording, on one line; None when there is none."""
    for ending in _ENDINGS:
        place = inside(folder, str(path.relative_to(folder).with_suffix(ending)))
        if isinstance(place, Failure):
            if place.reason == "outside_corpus":
                return place
            continue
        text = whole_text(place, _TEXT_BYTES)
        if isinstance(text, Failure):
            return text
        if not _LABEL.match(text):
            return " ".join(text.split()) or None
    return None


def _speaker(path: Path) -> str | None:
    named = _LIBRI.fullmatch(path.stem)
    is_libri = named and (path.parent.parent.name, path.parent.name) == named.groups()
    return named.group(1) if named and is_libri else None
