"""A large file in pieces with sums, and joined again; a missing or damaged piece is one sentence."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tasks.kit.contents import MIB, sha256

INDEX = "state.json"


def write_pieces(content: bytes, folder: Path, piece_mib: float, about: dict) -> list[Path]:
    """Write `content` as files of at most `piece_mib` MiB, and what they are into `state.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("state-*.part"), folder / INDEX):
        old.unlink(missing_ok=True)
    size = int(piece_mib * MIB)
    starts = range(0, len(content), size)
    sums, paths = {}, []
    for number, start in enumerate(starts, start=1):
        path = folder / f"state-{number}-of-{len(starts)}.part"
        path.write_bytes(content[start : start + size])
        sums[path.name] = sha256(path)
        paths.append(path)
    whole = {**about, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pieces": sums}
    (folder / INDEX).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return [*paths, folder / INDEX]


def join_pieces(folder: Path) -> tuple[bytes, dict]:
    """What `write_pieces` wrote: the content, and what is said of it.

    Raises `FileNotFoundError` or `ValueError` that names the piece which is missing or damaged.
    """
    path = folder / INDEX
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: it says which pieces the state is made of")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        pieces, whole = dict(about["pieces"]), about["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: bring it here again") from error
    content = b"".join(_piece(folder / name, expected) for name, expected in pieces.items())
    if hashlib.sha256(content).hexdigest() != whole:
        raise ValueError(f"the pieces in {folder} are not of one state: bring them here again, all of the same run")
    return content, about


def _piece(path: Path, expected: str) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: bring this piece of the state here again")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError(f"{path} is damaged, its sum is not that of {INDEX}: bring this piece here again")
    return content
