"""VCTK: wav48*/SPEAKER/NAME[_mic1|_mic2].flac|wav and txt/SPEAKER/NAME.txt; of two microphones the first is taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tasks.ingest.readers.lines import whole_text
from tasks.ingest.readers.places import inside, media
from tasks.ingest.readers.source import Source
from tasks.rowstore import Failure

_MICROPHONE = re.compile(r"_mic\d+$")
_TEXT_BYTES = 100_000


def matches(folder: Path) -> bool:
    """Whether a folder wav48* lies beside a folder txt, at most two folders deep."""
    return next(_roots(folder), None) is not None


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield what the speakers said, by name; a text without a recording too."""
    for root in _roots(folder):
        recordings = _recordings(root)
        texts = {path.stem: path for path in media(root / "txt", (".txt",))}
        for name in sorted(recordings.keys() | texts.keys()):
            path, text = recordings.get(name), texts.get(name)
            yield _source(root, name, path, text)


def _roots(folder: Path) -> Iterator[Path]:
    for depth in ("", "*/", "*/*/"):
        for txt in sorted(folder.glob(f"{depth}txt")):
            if txt.is_dir() and not txt.is_symlink() and any(path.is_dir() for path in txt.parent.glob("wav48*")):
                yield txt.parent


def _recordings(root: Path) -> dict[str, Path]:
    """Recordings by name; sorted, so that the first microphone comes first."""
    found: dict[str, Path] = {}
    for folder in sorted(root.glob("wav48*")):
        for path in media(folder) if not folder.is_symlink() else ():
            found.setdefault(_MICROPHONE.sub("", path.stem), path)
    return found


def _source(root: Path, name: str, path: Path | None, listed: Path | None) -> Source:
    speaker = next(file.parent.name for file in (path, listed) if file)
    if listed is None:
        return Source(name, path, None, speaker)
    place = inside(root, str(listed.relative_to(root)))
    text = whole_text(place, _TEXT_BYTES) if isinstance(place, Path) else place
    if isinstance(text, Failure):
        return Source(name, path, None, speaker, problem=text)
    return Source(name, path, " ".join(text.split()) or None, speaker)
