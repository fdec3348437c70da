"""Subtitle text → cues: times, the words that are spoken in them, and who speaks.

pysubs2 reads the events of ASS and all times. SRT and VTT are parted here: as one file, pysubs2 gives a VTT's
notes and cue names to the cue before, takes a line with two inline times for a cue, and one bad time of an ASS
ends the reading.
"""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from pysubs2 import SSAFile
from pysubs2.time import timestamp_to_ms

from tasks.ingest.readers.labels import BadLabel, bad_label, time_problem

#: Nobody reads more than this at once; it bounds what the patterns below may be led to.
_LETTERS = 5000
_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_ARROW = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^<>]+)>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z\d:.][^<>]*>")
_OVERRIDE = re.compile(r"\{[^{}]*\}")
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9]")
#: What is heard but not said: [door slams], ♪ la la ♪, a line (SIGHS), and anything loud in parentheses.
_SOUND = re.compile(r"\[[^\[\]]*\]|［[^［］]*］|[♪♫♬][^♪♫♬]*[♪♫♬]?")
_WHOLE_LINE = re.compile(r"^\s*[-–—]?\s*[(（][^()（）]*[)）]\s*$", re.MULTILINE)
_PARENTHESES = re.compile(r"\(([^()]*)\)")
_DASH = re.compile(r"^[-–—](?:\s+|(?=[^\W\d]|[\"'“‘¿¡]))")
#: `MRS. SMITH: Good morning.`
_CAPITALS = re.compile(r"([^\W\d_][^:\n]{1,39}):\s+")
#: Languages that put no space between words, hence none between lines.
_UNSPACED = ("zh", "yue", "ja", "th", "lo", "km", "my")


@dataclass(frozen=True)
class Cue:
    """A cue as it stands at a line of its file; `text` still has its marks, lines are parted by LF."""

    line: int
    start_s: float
    end_s: float
    text: str
    speaker: str | None = None


def cues(text: str, suffix: str) -> Iterator[Cue | BadLabel]:
    """Yield the cues of a file with `suffix` .srt, .vtt, .ass or .ssa in its own order, and those that are broken."""
    yield from _events(text, suffix[1:]) if suffix in (".ass", ".ssa") else _blocks(text)


def spoken(cue: Cue, language: str) -> tuple[str, str | None]:
    """The words that are said in a cue, without marks, sounds and songs; and who says them, where it is one."""
    voices = [cue.speaker] if cue.speaker else [name.strip() for name in _VOICE.findall(cue.text)]
    text = html.unescape(_TAG.sub("", _OVERRIDE.sub("", cue.text)))
    text = _WHOLE_LINE.sub("", _SOUND.sub(" ", text))
    text = _PARENTHESES.sub(lambda found: " " if found[1].isupper() else found[0], text)
    lines = []
    for line in text.split("\n"):
        words = _DASH.sub("", " ".join(line.split()))
        named = _CAPITALS.match(words)
        if named and named[1].isupper():
            voices.append(named[1].title())
            words = words[named.end() :]
        lines += [words] if any(map(str.isalnum, words)) else []
    glue = "" if language.partition("-")[0] in _UNSPACED else " "
    return glue.join(lines), voices[0] if len(set(voices)) == 1 else None


def _blocks(text: str) -> Iterator[Cue | BadLabel]:
    """Cues of SRT or VTT: a line with an arrow, and the lines up to the next (VTT: to the next empty line)."""
    ends_at_blank = text.lstrip().startswith("WEBVTT")
    block: list[str] = []
    first = 0
    for number, line in enumerate(text.split("\n"), 1):
        if "-->" in line:
            yield from _cue(first, _without_number(block))
            first, block = number, [line]
        elif block and (line.strip() or not ends_at_blank):
            block.append(line.strip())
        elif block:
            yield from _cue(first, block)
            block = []
    yield from _cue(first, block)


def _without_number(block: list[str]) -> list[str]:
    """An SRT block without the next cue's number, which stands directly above its arrow."""
    return block[:-1] if len(block) > 1 and block[-1].isdecimal() else block


def _cue(number: int, block: list[str]) -> Iterator[Cue | BadLabel]:
    if not block:
        return
    arrow, text = block[0], "\n".join(block[1:]).strip()
    match = _ARROW.fullmatch(arrow[:200])
    if match is None:
        yield bad_label(number, text[:_LETTERS], f"{arrow.strip()[:80]!r} has no two times of a cue")
        return
    groups = [group or "0" for group in match.groups()]
    start_s, end_s = timestamp_to_ms(groups[:4]) / 1000, timestamp_to_ms(groups[4:]) / 1000
    yield _checked(Cue(number, start_s, end_s, text))


def _events(text: str, kind: str) -> Iterator[Cue | BadLabel]:
    """Cues of ASS or SSA: the events that are dialogue, each read alone; drawings are none."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.lstrip().startswith("Dialogue:") or _DRAWING.search(line[:_LETTERS]):
            continue
        try:
            with warnings.catch_warnings(action="ignore"):  # about margins and layers
                event = SSAFile.from_string(line, format_=kind).events[0]
        except ValueError as error:
            yield bad_label(number, None, f"the event cannot be read: {str(error)[:200]}")
            continue
        text = event.text.replace(r"\N", "\n").replace(r"\n", "\n").replace(r"\h", " ")
        yield _checked(Cue(number, event.start / 1000, event.end / 1000, text, event.name.strip() or None))


def _checked(cue: Cue) -> Cue | BadLabel:
    problem = time_problem(cue.start_s, cue.end_s)
    if problem is None and len(cue.text) > _LETTERS:
        problem = f"the cue has {len(cue.text)} letters, more than anybody reads"
    return bad_label(cue.line, cue.text[:_LETTERS], problem) if problem else cue
