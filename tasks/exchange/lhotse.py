"""Lhotse manifests: recordings.jsonl.gz and supervisions.jsonl.gz, audio/NAME.flac; `custom` holds the rest.

Paths are relative to the folder: `RecordingSet.from_file(...).with_path_prefix(folder)`.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile as sf

from tasks.exchange.files import json_line, write_flac
from tasks.exchange.rows import Chosen, plain

#: What a supervision has fields of its own for.
_NATIVE = ("text", "speaker", "language")


def write(chosen: Chosen, folder: Path) -> None:
    """Write both manifests and the audio; one recording with one supervision for every utterance."""
    with _lines(folder / "recordings.jsonl.gz") as recordings, _lines(folder / "supervisions.jsonl.gz") as supervisions:
        for name, row in chosen.rows():
            content = row["audio"]["bytes"]
            write_flac(content, folder / "audio" / f"{name}.flac")
            recording = _recording(name, content)
            recordings.write(json_line(recording))
            supervisions.write(json_line(_supervision(recording, row)))


@contextmanager
def _lines(path: Path) -> Iterator[io.TextIOWrapper]:
    """A compressed text file whose bytes do not tell when it was written."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as text,
    ):
        yield text


def _recording(name: str, content: bytes) -> dict:
    header = sf.info(io.BytesIO(content))
    return {
        "id": name,
        "sources": [{"type": "file", "channels": [0], "source": f"audio/{name}.flac"}],
        "sampling_rate": header.samplerate,
        "num_samples": header.frames,
        "duration": header.frames / header.samplerate,
        "channel_ids": [0],
    }


def _supervision(recording: dict, row: dict) -> dict:
    return {
        "id": recording["id"],
        "recording_id": recording["id"],
        "start": 0.0,
        "duration": recording["duration"],
        "channel": 0,
        **{field: row[field] for field in _NATIVE},
        "custom": _custom(row),
    }


def _custom(row: dict) -> dict:
    """The rest of a row; its id is called as it is not called in Lhotse, which reads `custom` as attributes."""
    rest = {name: value for name, value in plain(row).items() if name not in _NATIVE}
    return {"utterance_id": rest.pop("id"), "source_recording_id": rest.pop("recording_id"), **rest}
