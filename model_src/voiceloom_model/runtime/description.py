"""What a voice bundle says of itself: `voice.json`, each figure of it checked before anything else is opened."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = 4
DESCRIPTION = "voice.json"
PRECISIONS = ("fp32", "fp16", "int8")


@dataclass(frozen=True)
class Description:
    """`voice.json`. `speakers` maps a name to {"language": BCP 47 tag, "embedding": d-vector}.

    `latent` is the width of the noise the decoder takes, `noise_scale` its standard deviation and
    `duration_noise_scale` that of the noise of stochastic durations. The sound of a frame depends on
    `context_frames` frames to either side; None where that is not known, and a passage is spoken in one go.
    `layout` says in which order phonemes, stress and blanks become tokens (`voiceloom_model.text.layout`).
    `front_ends` maps every language to the identity of what made phonemes of the training texts; another is refused.
    """

    format: int
    sample_rate_hz: int
    hop_length: int
    latent: int
    context_frames: int | None
    noise_scale: float
    duration_noise_scale: float
    layout: str
    speaker_sample_rate_hz: int
    precisions: list[str]
    symbols_sha256: str
    front_ends: dict[str, dict[str, str]]
    languages: list[str]
    speakers: dict[str, dict]
    default_speaker: str
    licences: list[str]
    consent_ids: list[str]
    data_sha256: str

    @property
    def speaker_size(self) -> int:
        """How many numbers a speaker vector has."""
        return len(self.speakers[self.default_speaker]["embedding"])

    def to_json(self) -> str:
        """The text of `voice.json`."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


class _Rule(NamedTuple):
    """What a value must be, in words and as a test."""

    expected: str
    holds: Callable[[Any], bool]


def _whole(low: int, high: int) -> _Rule:
    return _Rule(f"a whole number from {low} to {high}", lambda x: type(x) is int and low <= x <= high)


def _number(low: float, high: float) -> _Rule:
    return _Rule(f"a number from {low:g} to {high:g}", lambda x: type(x) in (int, float) and low <= x <= high)


def _one_of(*choices: str) -> _Rule:
    return _Rule(f"one of {', '.join(choices)}", lambda x: isinstance(x, str) and x in choices)


def _optional(rule: _Rule) -> _Rule:
    return _Rule(f"null or {rule.expected}", lambda x: x is None or rule.holds(x))


def _list_of(rule: _Rule, least: int, most: int) -> _Rule:
    return _Rule(
        f"a list of {least} to {most}, each {rule.expected}",
        lambda x: isinstance(x, list) and least <= len(x) <= most and all(map(rule.holds, x)),
    )


def _record_of(rules: Mapping[str, _Rule]) -> _Rule:
    return _Rule(
        f"a record of {', '.join(rules)}",
        lambda x: isinstance(x, dict) and set(x) == set(rules) and all(rules[key].holds(x[key]) for key in x),
    )


def _table_of(rule: _Rule, most: int) -> _Rule:
    return _Rule(
        f"a table of 1 to {most}, each {rule.expected}",
        lambda x: isinstance(x, dict) and 1 <= len(x) <= most and all(map(rule.holds, x.values())),
    )


_TEXT = _Rule("a text of 1 to 200 characters", lambda x: isinstance(x, str) and 1 <= len(x) <= 200)
_IDENTITY = _Rule(
    "a table of texts", lambda x: isinstance(x, dict) and all(isinstance(value, str) for value in x.values())
)
_SPEAKER = _record_of({"language": _TEXT, "embedding": _list_of(_number(-1e6, 1e6), 1, 4096)})
_RULES = {
    "sample_rate_hz": _whole(4_000, 192_000),
    "hop_length": _whole(16, 8192),
    "latent": _whole(1, 4096),
    "context_frames": _optional(_whole(0, 4096)),
    "noise_scale": _number(0, 10),
    "duration_noise_scale": _number(0, 10),
    "layout": _one_of("compact", "spread"),
    "speaker_sample_rate_hz": _whole(4_000, 192_000),
    "precisions": _list_of(_one_of(*PRECISIONS), 1, len(PRECISIONS)),
    "symbols_sha256": _TEXT,
    "front_ends": _table_of(_IDENTITY, 1000),
    "languages": _list_of(_TEXT, 1, 1000),
    "speakers": _table_of(_SPEAKER, 100_000),
    "default_speaker": _TEXT,
    "licences": _list_of(_TEXT, 0, 10_000),
    "consent_ids": _list_of(_TEXT, 0, 100_000),
    "data_sha256": _TEXT,
}


def symbols_sha256() -> str:
    """Identity of the table that turns phonemes into ids."""
    from voiceloom_model.text import SYMBOLS

    return hashlib.sha256(json.dumps(SYMBOLS, sort_keys=True).encode()).hexdigest()


def read_description(folder: Path) -> Description:
    """Read `voice.json`; `ValueError` when it is none, of another format, or made with other text tables."""
    path = folder / DESCRIPTION
    description = _parsed(path)
    if description.symbols_sha256 != symbols_sha256():
        raise ValueError(f"{path} was made with another table of symbols; use the voiceloom-model it was made with")
    _check_front_ends(path, description)
    return description


def _parsed(path: Path) -> Description:
    """`voice.json` as a record, every value of it within bounds."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content.get("format")
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} does not describe a voice: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{path} does not describe a voice: it is nested too deep") from error
    if found != FORMAT:
        raise ValueError(
            f"{path} has format {reprlib.repr(found)}; this version of voiceloom-model reads format {FORMAT}"
        )
    odd = sorted(set(content) ^ {"format", *_RULES})
    if odd:
        raise ValueError(f"{path} does not describe a voice: {reprlib.repr(odd[0])} is missing or unknown")
    for name, rule in _RULES.items():
        if not rule.holds(content[name]):
            raise ValueError(f"{path}: {name} is {reprlib.repr(content[name])}, expected {rule.expected}")
    description = Description(**content)
    _check_speakers(path, description)
    return description


def _check_speakers(path: Path, description: Description) -> None:
    """Every speaker has a vector of the same size and a language of the voice, and the default one is there."""
    if description.default_speaker not in description.speakers:
        raise ValueError(f"{path}: the default speaker {description.default_speaker!r} is none of its speakers")
    for name, speaker in description.speakers.items():
        if speaker["language"] not in description.languages:
            raise ValueError(f"{path}: {reprlib.repr(name)} speaks {speaker['language']!r}, which the voice does not")
        if len(speaker["embedding"]) != description.speaker_size:
            raise ValueError(
                f"{path}: the vector of {reprlib.repr(name)} has {len(speaker['embedding'])} numbers, "
                f"expected {description.speaker_size} as for the default speaker"
            )


def _check_front_ends(path: Path, description: Description) -> None:
    """What reads each language here is what read the texts that the voice was trained on."""
    from voiceloom_model.text import choice_of, front_end_identity

    for language, identity in description.front_ends.items():
        installed = front_end_identity(language, choice_of(identity))
        if installed != identity:
            raise ValueError(f"{path} needs the {language} front end {identity}; installed is {installed}")
    for language in description.languages:
        if language not in description.front_ends:
            raise ValueError(f"{path} names no front end for {language!r}")
