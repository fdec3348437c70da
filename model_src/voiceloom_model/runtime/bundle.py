"""The voice bundle on disk: what it says of itself, and whether it is whole.

A bundle is a folder: voice.json, PRECISION/encoder.onnx and PRECISION/decoder.onnx, speaker_encoder.onnx,
lexicon.tsv (the user's own pronunciations), MODEL_CARD.md, curves.json and SHA256SUMS, which lists every other
file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

FORMAT = 3
DESCRIPTION = "voice.json"
LEXICON = "lexicon.tsv"
SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Description:
    """`voice.json`. `speakers` maps a name to {"language": BCP 47 tag, "embedding": d-vector}.

    `latent` is the width of the noise the decoder takes, `noise_scale` its standard deviation and
    `duration_noise_scale` that of the noise of stochastic durations. `layout` says in which order phonemes, stress
    and blanks become tokens (`voiceloom_model.text.layout`). `front_ends`
    maps every language to the identity of what made phonemes of the training texts; another is refused.
    """

    format: int
    sample_rate_hz: int
    hop_length: int
    latent: int
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

    def to_json(self) -> str:
        """The text of `voice.json`."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def symbols_sha256() -> str:
    """Identity of the table that turns phonemes into ids."""
    from voiceloom_model.text import SYMBOLS

    return hashlib.sha256(json.dumps(SYMBOLS, sort_keys=True).encode()).hexdigest()


def read_description(folder: Path) -> Description:
    """Read `voice.json`; `ValueError` when it is none, of another format, or made with other text tables."""
    from voiceloom_model.text import choice_of, front_end_identity

    path = folder / DESCRIPTION
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content.get("format")
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} does not describe a voice: {error}") from error
    if found != FORMAT:
        raise ValueError(f"{path} has format {found!r}; this version of voiceloom-model reads format {FORMAT}")
    names = {field.name for field in dataclasses.fields(Description)}
    if set(content) != names:
        raise ValueError(f"{path} does not describe a voice: {sorted(set(content) ^ names)[0]!r} is missing or unknown")
    description = Description(**content)
    if description.symbols_sha256 != symbols_sha256():
        raise ValueError(f"{path} was made with another table of symbols; use the voiceloom-model it was made with")
    for language, identity in description.front_ends.items():
        installed = front_end_identity(language, choice_of(identity))
        if installed != identity:
            raise ValueError(f"{path} needs the {language} front end {identity}; installed is {installed}")
    return description


def write_sums(folder: Path) -> None:
    """List the SHA-256 of every file in the bundle."""
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in sorted(_files(folder) - {SUMS})]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_sums(folder: Path) -> None:
    """Raise `ValueError` for a file missing, altered, linked or not listed; `FileNotFoundError` for none."""
    path = folder / SUMS
    if not path.is_file():
        raise FileNotFoundError(f"{folder} is not a voice bundle: it has no {SUMS}")
    listed = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    found = _files(folder) - {SUMS}
    for name in sorted(found | set(listed)):
        if name not in found:
            raise ValueError(f"{folder} is not whole: {name} is missing")
        if name not in listed:
            raise ValueError(f"{folder} is not whole: {name} is not listed in {SUMS}")
        if _sha256(folder / name) != listed[name]:
            raise ValueError(f"{folder} is not whole: {name} was altered, its sum is not the one in {SUMS}")


def bundle_sha256(folder: Path) -> str:
    """Identity of a bundle's content: the hash of its table of hashes."""
    return _sha256(folder / SUMS)


def speaking_bytes(folder: Path, precision: str) -> int:
    """The size of what a device needs to speak at one precision: the graphs, the description and the lexicon."""
    return sum(
        path.stat().st_size for path in [*(folder / precision).iterdir(), folder / DESCRIPTION, folder / LEXICON]
    )


def _files(folder: Path) -> set[str]:
    """The names of all files under `folder`, links refused."""
    names = set()
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise ValueError(f"{folder} is not whole: {path.relative_to(folder).as_posix()} is a link")
        if not path.is_dir():
            names.add(path.relative_to(folder).as_posix())
    return names


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
