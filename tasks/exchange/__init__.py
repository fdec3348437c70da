"""Write data/utterances out for other tools: a folder that Audacity, Lhotse, Kaldi, datasets or LJSpeech code opens.

What such a format has no place for goes to a side file, so that a folder read back has lost nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tasks.exchange import audacity, huggingface, kaldi, lhotse, ljspeech
from tasks.exchange.rows import Chosen, choose
from tasks.rowstore import writing

#: Tool → what writes its folder: write(chosen, folder).
WRITERS: dict[str, Callable[[Chosen, Path], None]] = {
    "audacity": audacity.write,
    "lhotse": lhotse.write,
    "kaldi": kaldi.write,
    "hf": huggingface.write,
    "ljspeech": ljspeech.write,
}


class Exported(NamedTuple):
    """How much went out."""

    utterances: int
    minutes: float


def export(root: Path, to: str, output: Path, split: str | None = None, corpus: str | None = None) -> Exported:
    """Write the utterances of a project, or of one split or corpus of it, to a new folder, whole or not at all.

    Raises `ValueError` or `FileNotFoundError` for an unknown tool, split or corpus, a target that holds files, and
    a text that the format cannot hold.
    """
    if to not in WRITERS:
        raise ValueError(f"there is no format {to!r}; the formats are: {', '.join(WRITERS)}")
    _check_target(output)
    chosen = choose(root, split, corpus)
    partial = output.absolute().with_name(f".{output.absolute().name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with writing(output):
            partial.mkdir(parents=True)
            WRITERS[to](chosen, partial)
            os.replace(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Exported(len(chosen.names), chosen.seconds / 60)


def _check_target(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file; name a new folder")
    if output.is_dir() and any(output.iterdir()):
        raise ValueError(f"{output} holds files already; name a new or an empty folder")
