"""For cloning.py: speech of people that no voice of ours has heard, from Debian packages, with its texts.

A narrator of phone prompts in Italian (CC-BY-3.0), and the two leading actors of a game in Czech and in Dutch
(GPL-2: fetched where they are needed, never passed on).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from _pipeline import RATE_HZ

from tasks.params import Corpus

MIN_WORDS, MAX_WORDS = 3, 25
MIN_S, MAX_S = 1.0, 12.0


class Stranger(NamedTuple):
    """Who speaks; `font` is in which letters the game writes what they say."""

    name: str
    language: str
    licence: str
    packages: list[str]
    font: str | None = None


class Line(NamedTuple):
    """One recording of theirs, and what it says."""

    name: str
    path: Path
    text: str


_FISH = "Acted for the game Fish Fillets, published under the GPL-2."
STRANGERS = (
    Stranger("it", "it-IT", "CC-BY-3.0", ["asterisk-core-sounds-it-g722", "asterisk-core-sounds-it"]),
    Stranger("cs-small", "cs-CZ", "GPL-2.0-or-later", ["fillets-ng-data-cs", "fillets-ng-data"], "font_small"),
    Stranger("cs-big", "cs-CZ", "GPL-2.0-or-later", ["fillets-ng-data-cs", "fillets-ng-data"], "font_big"),
    Stranger("nl-small", "nl-NL", "GPL-2.0-or-later", ["fillets-ng-data-nl", "fillets-ng-data"], "font_small"),
    Stranger("nl-big", "nl-NL", "GPL-2.0-or-later", ["fillets-ng-data-nl", "fillets-ng-data"], "font_big"),
)
#: A line of a script: its name, the speaker's font, the English text, and the text in the script's language.
_DIALOGUE = re.compile(
    r'dialogId\(\s*"(?P<name>[^"]+)"\s*,\s*"(?P<font>[^"]*)"\s*,\s*"(?:[^"\\]|\\.)*"\s*\)\s*'
    r'dialogStr\(\s*"(?P<text>(?:[^"\\]|\\.)*)"\s*\)'
)


def fetched_lines(stranger: Stranger, folder: Path) -> list[Line]:
    """Their lines of a few words each, in an order that says nothing; fetched into `folder` once."""
    raw = folder / stranger.packages[0]
    if not raw.is_dir():
        _fetch(stranger, raw)
    read = _prompts(stranger, raw) if stranger.font is None else _dialogues(stranger, raw)
    lines = {line.name: line for line in read if MIN_WORDS <= len(line.text.split()) <= MAX_WORDS}
    return sorted(lines.values(), key=lambda line: hashlib.blake2b(line.name.encode()).digest())


def _fetch(stranger: Stranger, raw: Path) -> None:
    from tasks import fetch

    corpus = Corpus.model_validate(
        {
            "name": raw.name,
            "source": {"kind": "debian", "packages": stranger.packages},
            "speaker": stranger.name,
            "language": stranger.language,
            "licence": stranger.licence,
        }
    )
    partial = raw.with_name(f"{raw.name}.partial")
    fetch.run(raw=partial, corpora=[corpus])
    (partial / raw.name).rename(raw)
    partial.rmdir()


def _prompts(stranger: Stranger, raw: Path) -> Iterator[Line]:
    from tasks.ingest.readers import read_corpus

    for source in read_corpus(stranger.name, raw, "asterisk", stranger.language):
        if source.path is not None and source.text and source.path.stat().st_size:
            yield Line(re.sub(r"\W", "_", source.id), source.path, source.text)


def _dialogues(stranger: Stranger, raw: Path) -> Iterator[Line]:
    """The game keeps scripts in script/LEVEL/dialogs_LANGUAGE.lua, and sounds in sound/LEVEL/LANGUAGE/NAME.ogg."""
    language = stranger.language.split("-")[0]
    sounds = {(path.parts[-3], path.stem): path for path in raw.rglob(f"sound/*/{language}/*.ogg")}
    for script in sorted(raw.rglob(f"script/*/dialogs_{language}.lua")):
        for found in _DIALOGUE.finditer(script.read_text(encoding="utf-8")):
            path = sounds.get((script.parent.name, found["name"]))
            if path is not None and found["font"] == stranger.font:
                text = re.sub(r"\\(.)", r"\1", found["text"])
                yield Line(re.sub(r"\W", "_", f"{script.parent.name}_{found['name']}"), path, text)


class Split(NamedTuple):
    """The share of texts that the pipeline holds out, and how many of those there shall be."""

    share: float
    held_out: int


class Corpora:
    """LJSpeech-like folders of one stranger: the same texts are held out from each, however much is learned."""

    def __init__(self, stranger: Stranger, raw: Path, folder: Path, split: Split) -> None:
        from tasks.segment.split import split_of

        self.stranger, self._folder = stranger, folder
        parts: dict[str, list[Line]] = {"test": [], "train": []}
        for line in fetched_lines(stranger, raw):
            parts[split_of(line.text, split.share, MIN_WORDS)].append(line)
        self._tests, self._train = self._decodable(parts["test"], count=split.held_out), parts["train"]

    def folder(self, minutes: float) -> Path:
        """A folder with so many minutes to learn from; made unless it is there."""
        import soundfile

        folder = self._folder / f"{self.stranger.name}-{minutes:g}min"
        table = folder / "metadata.csv"
        if table.is_file():
            return folder
        (folder / "wavs").mkdir(parents=True, exist_ok=True)
        lines = [*self._tests, *self._decodable(self._train, minutes=minutes)]
        for line, wave in lines:
            soundfile.write(folder / "wavs" / f"{line.name}.wav", wave, RATE_HZ, subtype="PCM_16")
        text = "".join(f"{line.name}|{line.text.replace('|', ' ')}\n" for line, _ in lines)
        table.write_text(text, encoding="utf-8")
        return folder

    def _decodable(self, lines: list[Line], count: int | None = None, minutes: float | None = None) -> list:
        """The first lines of a usable length, up to a count or a sum of lengths, with their sound at 16 kHz."""
        from tasks.audio import decode, resample

        taken, seconds = [], 0.0
        for line in lines:
            if len(taken) == count or (minutes is not None and seconds >= 60 * minutes):
                break
            wave, rate = decode(line.path)
            if MIN_S <= len(wave) / rate <= MAX_S:
                taken.append((line, resample(wave, rate, RATE_HZ)))
                seconds += len(wave) / rate
        return taken


def basis(stranger: Stranger) -> str:
    """On what ground we believe that this speech may be used here."""
    return _FISH if stranger.font else f"Recorded for Asterisk and published under {stranger.licence}."
