"""The voice bundle on disk, and whether it is whole.

A bundle is a folder: voice.json, PRECISION/encoder.onnx and PRECISION/decoder.onnx, speaker_encoder.onnx,
lexicon.tsv (the user's own pronunciations), MODEL_CARD.md, curves.json, contract.json and SHA256SUMS, which lists
every other file. Nothing else may lie in it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import mmap
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voiceloom_model.runtime.description import (
    DESCRIPTION,
    FORMAT,
    PRECISIONS,
    Description,
    read_description,
    symbols_sha256,
)

__all__ = [
    "DESCRIPTION",
    "FORMAT",
    "LEXICON",
    "Bundle",
    "Description",
    "bundle_sha256",
    "check_precision",
    "check_sums",
    "open_bundle",
    "read_description",
    "slim",
    "speaking_bytes",
    "symbols_sha256",
    "write_sums",
]

LEXICON = "lexicon.tsv"
SUMS = "SHA256SUMS"
SPEAKER_ENCODER = "speaker_encoder.onnx"
GRAPHS = ("encoder.onnx", "decoder.onnx")
CARD = "MODEL_CARD.md"
CONTRACT = "contract.json"

MEGABYTE = 1_000_000
_GRAPH_BYTES = 1000 * MEGABYTE

#: Every file that a bundle may hold, and how large it may be.
KNOWN: dict[str, int] = {
    DESCRIPTION: 50 * MEGABYTE,
    LEXICON: 10 * MEGABYTE,
    SUMS: MEGABYTE,
    CARD: 5 * MEGABYTE,
    "curves.json": 50 * MEGABYTE,
    CONTRACT: 5 * MEGABYTE,
    SPEAKER_ENCODER: _GRAPH_BYTES,
    **{f"{precision}/{graph}": _GRAPH_BYTES for precision in PRECISIONS for graph in GRAPHS},
}


@dataclass(frozen=True)
class Bundle:
    """A bundle that was checked: where it lies, and what it says of itself."""

    folder: Path
    description: Description

    def graph(self, name: str) -> Path:
        """Where a graph lies that reads nothing but itself.

        A graph may say that its weights lie in another file, anywhere, or hold an engine that is code; ours never does,
        so one that holds the words for it is refused.
        """
        path = self.folder / name
        if not path.stat().st_size:
            raise ValueError(f"{path} is no graph: it is empty")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(b"location") >= 0:
                raise ValueError(f"{path} may read files outside the bundle: it holds the location of external data")
            if content.find(b"EPContext") >= 0:
                raise ValueError(f"{path} holds a compiled engine, which is code: a bundle's graphs are plain")
        return path


def open_bundle(folder: Path) -> Bundle:
    """Check a whole bundle, no graph of it opened yet.

    Raises `FileNotFoundError` where there is none, and `ValueError` for one that is not whole, holds what no bundle
    holds, says what cannot be, was made for other text tables, or lacks a graph.
    """
    sums = check_sums(folder)
    for name in (DESCRIPTION, LEXICON, SPEAKER_ENCODER):
        _require(folder, name, sums)
    description = read_description(folder)
    for precision in description.precisions:
        for graph in GRAPHS:
            _require(folder, f"{precision}/{graph}", sums)
    return Bundle(folder, description)


def _require(folder: Path, name: str, sums: dict[str, str]) -> None:
    if name not in sums:
        raise ValueError(f"{folder} is not whole: {name} is missing")


def write_sums(folder: Path) -> None:
    """List the SHA-256 of every file in the bundle."""
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in sorted(set(_files(folder)) - {SUMS})]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_sums(folder: Path) -> dict[str, str]:
    """The sum of every file but the list itself.

    Raises `ValueError` for a file missing, altered, linked, too large, unknown or not listed; `FileNotFoundError` for
    no list.
    """
    path = folder / SUMS
    if not path.is_file():
        raise FileNotFoundError(f"{folder} is not a voice bundle: it has no {SUMS}")
    found = set(_files(folder)) - {SUMS}
    listed = {}
    for line in path.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n"):
        digest, _, name = line.partition("  ")
        listed[name] = digest
    for name in sorted(found | set(listed)):
        if name not in found:
            raise ValueError(f"{folder} is not whole: {name[:200]!r} is missing")
        if name not in listed:
            raise ValueError(f"{folder} is not whole: {name} is not listed in {SUMS}")
        if _sha256(folder / name) != listed[name]:
            raise ValueError(f"{folder} is not whole: {name} was altered, its sum is not the one in {SUMS}")
    return listed


def bundle_sha256(folder: Path) -> str:
    """Identity of a bundle's content: the hash of its table of hashes."""
    return _sha256(folder / SUMS)


def speaking_bytes(folder: Path, precision: str) -> int:
    """The size of what a device needs to speak at one precision: the graphs, the description and the lexicon."""
    names = [*(f"{precision}/{graph}" for graph in GRAPHS), DESCRIPTION, LEXICON]
    return sum((folder / name).stat().st_size for name in names)


def slim(folder: Path, target: Path, precision: str | None = None) -> Path:
    """Copy to the new folder `target` what speaking at one precision (or the first) needs: a bundle of its own."""
    description = open_bundle(folder).description
    precision = precision or description.precisions[0]
    check_precision(folder, description, precision)
    others = [name for name in PRECISIONS if name != precision]
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns(*others))
    description = dataclasses.replace(description, precisions=[precision])
    (target / DESCRIPTION).write_text(description.to_json(), encoding="utf-8")
    _slim_papers(target, precision)
    write_sums(target)
    return target


def _slim_papers(folder: Path, precision: str) -> None:
    """Let contract and card say what is left."""
    contract, card = folder / CONTRACT, folder / CARD
    if contract.is_file():
        content = json.loads(contract.read_text(encoding="utf-8"))
        content["graphs"] = {name: graph for name, graph in content["graphs"].items() if (folder / name).is_file()}
        contract.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    if card.is_file():
        with card.open("a", encoding="utf-8") as file:
            file.write(f"\nThis copy holds the graphs of {precision} alone.\n")


def check_precision(folder: Path, description: Description, precision: str) -> None:
    """Raise `ValueError` for a precision that a bundle has no graphs at."""
    if precision not in description.precisions:
        raise ValueError(f"{folder} has no {precision!r} graphs; it has: {', '.join(description.precisions)}")


def _files(folder: Path) -> Iterator[str]:
    """The names of all files under `folder`; links, what is no file and what no bundle holds are refused."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise ValueError(f"{folder} is not whole: {name!r} is a link")
        if stat.S_ISDIR(status.st_mode) and name in PRECISIONS:
            continue
        if name not in KNOWN or not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{folder} is not a voice bundle: {name!r} is no part of one")
        if status.st_size > KNOWN[name]:
            raise ValueError(
                f"{folder} is not a voice bundle: {name} has {status.st_size} bytes, allowed are {KNOWN[name]}"
            )
        yield name


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
