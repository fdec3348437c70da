"""Corpora behind a URL: one file or one archive, whose SHA-256 is declared."""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from tasks.params import UrlSource

_SCHEMES = ("https", "http", "file")
_BLOCK = 1 << 20
_TIMEOUT_S = 60
#: An archive may not unpack to more than this; a bomb stops here instead of filling the disk.
MAX_UNPACKED_BYTES = 200 * 2**30
MAX_FILES = 5_000_000


def fetch(name: str, source: UrlSource, target: Path) -> None:
    """Download, verify, and unpack (zip, tar) or place (anything else) into `target`, which is empty."""
    parts = urllib.parse.urlsplit(source.url)
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"corpus {name}: the URL {source.url} must begin with one of: {', '.join(_SCHEMES)}")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".url-") as downloads:
        file_name = PurePosixPath(urllib.parse.unquote(parts.path)).name or "download"
        path = Path(downloads) / "download"
        found = _download(name, source.url, path)
        if found != source.sha256:
            raise ValueError(
                f"corpus {name}: {source.url} has sha256 {found}, params.yaml says {source.sha256}; "
                "the download is broken or the file was changed"
            )
        if zipfile.is_zipfile(path) or tarfile.is_tarfile(path):
            try:
                _unpack(name, path, target)
            except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
                raise ValueError(f"corpus {name}: the archive at {source.url} is damaged ({error})") from error
        else:
            path.rename(target / file_name)


def _download(name: str, url: str, path: Path) -> str:
    """Save what a URL holds and return its SHA-256."""
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response, path.open("wb") as file:
            while block := response.read(_BLOCK):
                digest.update(block)
                file.write(block)
    except urllib.error.URLError as error:
        raise OSError(f"corpus {name}: {url} could not be read ({error.reason})") from error
    return digest.hexdigest()


def _unpack(name: str, path: Path, target: Path) -> None:
    """Unpack regular files. Links are never made: what they mean is there under its own name."""
    left = MAX_UNPACKED_BYTES
    for count, (member, content) in enumerate(_members(path), start=1):
        place = PurePosixPath(member.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in member:
            raise ValueError(f"corpus {name}: the archive holds a file that leads out of its folder: {member!r}")
        out = target / place
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("wb") as file:
            left -= _copy(content, file, left)
        if left < 0 or count > MAX_FILES:
            raise ValueError(
                f"corpus {name}: the archive unpacks to more than {MAX_UNPACKED_BYTES / 2**30:.0f} GiB or "
                f"{MAX_FILES} files; unpack it yourself and use `voiceloom run --corpus FOLDER`"
            )


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Names and contents of an archive's regular files."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                is_link = info.external_attr >> 16 & 0o170000 == 0o120000
                if not info.is_dir() and not is_link:
                    with archive.open(info) as content:
                        yield info.filename, content
        return
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if content is not None:
                yield member.name, content


def _copy(source: IO[bytes], file: IO[bytes], limit: int) -> int:
    """Copy until the end, or just past `limit`; the bytes copied."""
    copied = 0
    while copied <= limit and (block := source.read(_BLOCK)):
        file.write(block)
        copied += len(block)
    return copied
