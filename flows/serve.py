"""`voiceloom serve`: voices, here or in the registry, behind OpenAI's speech API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows.speak import find_bundle

if TYPE_CHECKING:
    from voiceloom_model.serve.server import Listening


def serve(root: Path, voices: Sequence[str], listening: Listening) -> None:
    """Serve voices, by default this project's own, until told to stop."""
    from voiceloom_model.serve.server import serve as serve_bundles

    serve_bundles(list(named_bundles(root, voices)), listening)


def named_bundles(root: Path, voices: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Names and folders of voices given as FOLDER, MODEL@ALIAS, or NAME= before either; of none, the project's own.

    Raises `FileNotFoundError` or `ValueError` where there is none.
    """
    for given in voices or [""]:
        name, _, place = given.rpartition("=")
        folder = find_bundle(root, place or None)
        yield name or _own_name(place, folder), folder


def _own_name(place: str, folder: Path) -> str:
    """A registered model's name, or the folder's."""
    is_registered = "@" in place and not Path(place).is_dir()
    return place.partition("@")[0] if is_registered else folder.resolve().name
