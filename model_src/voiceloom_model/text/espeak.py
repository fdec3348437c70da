"""espeak-ng as a front end for whoever has it and asks for it: a child process, text on its standard input.

It is GPL-3 and therefore never imported, installed or chosen by Voiceloom itself: `features.front_ends` in
params.yaml names it for a language.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import lru_cache, partial

from voiceloom_model.text.reading import FrontEnd, Reading

NAME = "espeak"
VERSION = "1"
TIMEOUT_S = 30

_MARKS = re.compile(r"([.,!?;:…。、！？；：]+)")
_SWITCH = re.compile(r"\([a-z][a-z-]*\)")  # "(en)": it read a word by another language's rules
_VOICES = {"zh": "cmn", "zh-yue": "yue", "no": "nb", "es-mx": "es-419"}


def front_end(language: str) -> FrontEnd:
    """The front end of a BCP 47 tag; `ValueError` when espeak-ng or a voice for it is missing."""
    return FrontEnd(partial(read, language=language), partial(identity, language))


def read(text: str, language: str) -> Reading:
    """IPA of `text`: what stands between marks of punctuation goes to espeak-ng, the marks stay."""
    parts = _MARKS.split(text)
    spoken = [index for index in range(0, len(parts), 2) if any(map(str.isalnum, parts[index]))]
    clauses = [" ".join(parts[index].split()) for index in spoken]
    read = _run(clauses, voice_of(language))
    for index, phonemes in zip(spoken, read, strict=True):
        parts[index] = f" {phonemes} "
    return Reading("".join(parts))


def identity(language: str) -> dict[str, str]:
    """What decides the readings: the program's version, which comes with its data, and the voice."""
    return {"name": NAME, "version": f"{_version()} {voice_of(language)} + {VERSION}", "data": ""}


@lru_cache(maxsize=64)
def voice_of(language: str) -> str:
    """espeak-ng's voice for the longest beginning of a tag that it knows."""
    known = _voices()
    parts = language.lower().split("-")
    for length in range(len(parts), 0, -1):
        tag = "-".join(parts[:length])
        tag = _VOICES.get(tag, tag)
        if tag in known:
            return tag
    raise ValueError(f"espeak-ng has no voice for {language}; `espeak-ng --voices` lists those it has")


def _run(clauses: list[str], voice: str) -> list[str]:
    """Phonemes of each clause: all in one call, or one by one where a clause comes back as several lines."""
    if not clauses:
        return []
    lines = _lines("\n\n".join(clauses), voice)
    if len(lines) == len(clauses):
        return lines
    return [" ".join(_lines(clause, voice)) for clause in clauses]


def _lines(text: str, voice: str) -> list[str]:
    output = _call(["-q", "--ipa", "-b", "1", "-v", voice], text)
    lines = (_SWITCH.sub("", line).replace("\u200d", "").strip() for line in output.splitlines())
    return [line for line in lines if line]


@lru_cache(maxsize=1)
def _voices() -> frozenset[str]:
    listed = _call(["--voices"], "").splitlines()[1:]
    extra = {tag for line in listed for tag in re.findall(r"\(([a-z0-9-]+) \d+\)", line.lower())}
    return frozenset({line.split()[1].lower() for line in listed} | extra)


@lru_cache(maxsize=1)
def _version() -> str:
    found = re.search(r"\d+(?:\.\d+)+", _call(["--version"], ""))
    return f"espeak-ng {found[0]}" if found else "espeak-ng"


def _call(arguments: list[str], text: str) -> str:
    """Standard output of espeak-ng; never through a shell, and never waited for longer than half a minute."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise ValueError("features.front_ends names espeak, but there is no espeak-ng here: install the package")
    try:
        result = subprocess.run(
            [program, *arguments], input=text, capture_output=True, encoding="utf-8", timeout=TIMEOUT_S, check=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = " ".join(str(error.stderr or error).split())
        raise ValueError(f"espeak-ng {' '.join(arguments)} did not read a text: {said}") from error
    return result.stdout
