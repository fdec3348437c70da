"""The language that a corpus states for a recording, as a BCP 47 tag."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tasks.rowstore import Failure

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)*")
#: English names and ISO 639-2 codes that corpora write for what BCP 47 writes with two letters.
_NAMES = {
    **{"english": "en", "german": "de", "spanish": "es", "french": "fr", "italian": "it", "russian": "ru"},
    **{"czech": "cs", "dutch": "nl", "chinese": "zh", "mandarin": "zh", "japanese": "ja", "portuguese": "pt"},
    **{"polish": "pl", "ukrainian": "uk", "swedish": "sv", "korean": "ko", "cantonese": "zh-yue"},
    **{"eng": "en", "deu": "de", "ger": "de", "spa": "es", "fra": "fr", "fre": "fr", "ita": "it", "rus": "ru"},
    **{"ces": "cs", "cze": "cs", "nld": "nl", "dut": "nl", "zho": "zh", "chi": "zh", "cmn": "zh", "jpn": "ja"},
    **{"por": "pt", "pol": "pl", "ukr": "uk", "swe": "sv", "kor": "ko"},
}


def language_tag(stated: str | None) -> str | Failure | None:
    """`de_DE`, `deu` or `German` as a tag; None where nothing is stated; `bad_language` for anything else."""
    name = (stated or "").strip().replace("_", "-")
    if not name:
        return None
    known = _NAMES.get(name.lower())
    if known:
        return known
    if not _TAG.fullmatch(name):
        return Failure("bad_language", f"{name[:80]!r} is no BCP 47 language tag such as de or es-MX")
    primary, *subtags = name.lower().split("-")
    return "-".join([primary, *map(_cased, subtags)])


def _cased(subtag: str) -> str:
    """A subtag as it is commonly written: Latn, US, 419, yue."""
    return {2: subtag.upper(), 4: subtag.title()}.get(len(subtag), subtag)


def one_language(stated: Iterable[str | None]) -> str | Failure | None:
    """The language of a recording whose labels each state one; `bad_language` when they differ."""
    tags = {language_tag(language) for language in stated} - {None}
    failure = next((tag for tag in tags if isinstance(tag, Failure)), None)
    if failure is None and len(tags) > 1:
        found = ", ".join(sorted(str(tag) for tag in tags))
        return Failure("bad_language", f"its labels state several languages ({found}); a recording has one")
    return failure or next(iter(tags), None)
