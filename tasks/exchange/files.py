"""The pieces of a folder: audio as it is or as WAV, lines of text, rows of JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path

import soundfile as sf


def write_flac(content: bytes, path: Path) -> None:
    """The bytes as the tables hold them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_wav(content: bytes, path: Path) -> None:
    """FLAC bytes of 16 bits → a WAV file of the same samples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples, rate = sf.read(io.BytesIO(content), dtype="int16")
    wav = io.BytesIO()
    sf.write(wav, samples, rate, format="WAV", subtype="PCM_16")
    path.write_bytes(wav.getvalue())  # not by libsndfile, which hides what a full disk says


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Lines of text, sorted as bytes (Kaldi's `LC_ALL=C`), each ended by a line feed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8", newline="\n")


def json_line(content: dict) -> str:
    """One line of JSON, its end included."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"


def one_line(text: str) -> str:
    """A text for a format whose rows are lines: white space of any kind becomes a single space."""
    return " ".join(text.split())
