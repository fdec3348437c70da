"""One utterance to look at: a picture of waveform, mel, phonemes, F0 and energy, and a sketch for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.exchange.names import unique_names
from tasks.look.find import find_id
from tasks.look.view import load_view

if TYPE_CHECKING:
    from rich.console import Group


class Shown(NamedTuple):
    """What fits a terminal, and where the picture lies."""

    text: Group
    picture: Path


def look(root: Path, wanted: str, output: Path | None, width: int) -> Shown:
    """Draw the utterance whose id is `wanted` or has it as a part only it has; `width` is the terminal's, in columns.

    Works before data/features is there: then without mel, phonemes and F0. Raises `ValueError` for an id that none
    or several have, and for a picture that cannot be written.
    """
    from tasks.look.picture import draw
    from tasks.look.terminal import sketch

    view = load_view(root, find_id(root, wanted))
    name = unique_names({view.id: view.id.replace("/", "__")})[view.id]
    picture = output or root / "runs" / "look" / f"{name}.png"
    if output is None:
        picture.parent.mkdir(parents=True, exist_ok=True)
    draw(view, picture)
    return Shown(sketch(view, width), picture)
