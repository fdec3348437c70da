"""The words of a speech, with their times, as a subtitle file."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from voiceloom_model.runtime import Timed

#: Two lines of what fits on a screen, and as long as it takes to read them (as broadcasters recommend).
LINES, LINE_CHARACTERS = 2, 42
MAX_CUE_S = 7.0
#: A pause as long ends a cue, as the end of a sentence does.
PAUSE_S = 0.4
_SENTENCE_ENDS = tuple(".!?…。！？")
_CLOSING = "\"'”’)]」』"


def cues(words: Iterable[Timed]) -> Iterator[Timed]:
    """Words put together to what is read at once."""
    cue: Timed | None = None
    for word in words:
        if cue is None:
            cue = word
        elif _ends(cue, word):
            yield cue
            cue = word
        else:
            cue = Timed(_joined(cue.text, word.text), cue.start_s, word.end_s)
    if cue is not None:
        yield cue


def _joined(text: str, word: str) -> str:
    """With a space between them, but in Chinese and Japanese."""
    spaced = unicodedata.east_asian_width(text[-1]) not in "WF" or "가" <= text[-1] <= "힣"
    return f"{text} {word}" if spaced else text + word


def _ends(cue: Timed, word: Timed) -> bool:
    """Whether a word begins another cue."""
    return (
        len(textwrap.wrap(_joined(cue.text, word.text), LINE_CHARACTERS)) > LINES
        or word.end_s - cue.start_s > MAX_CUE_S
        or word.start_s - cue.end_s >= PAUSE_S
        or cue.text.rstrip(_CLOSING).endswith(_SENTENCE_ENDS)
    )


def write_subtitles(words: Iterable[Timed], path: Path) -> None:
    """Write a file in the format that its name's end says; `ValueError` for one there is not."""
    from pysubs2 import SSAEvent, SSAFile, make_time
    from pysubs2.exceptions import Pysubs2Error

    subtitles = SSAFile()
    for cue in cues(words):
        event = SSAEvent(make_time(s=cue.start_s), make_time(s=cue.end_s))
        event.plaintext = "\n".join(textwrap.wrap(cue.text, LINE_CHARACTERS))
        subtitles.append(event)
    try:
        subtitles.save(str(path))
    except Pysubs2Error as error:
        raise ValueError(f"cannot write {path}: {error}; a name that ends in .srt, .vtt or .ass will do") from error
