"""A Kaldi data folder: wav.scp, text, utt2spk, spk2utt, utt2lang, utt2dur, and voiceloom.jsonl for the rest.

Every utterance is a WAV of its own (Kaldi's programs read nothing else without a pipe), so there is no `segments`.
Paths in wav.scp are relative to the folder.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from tasks.exchange.files import json_line, one_line, write_lines, write_wav
from tasks.exchange.rows import Chosen, plain


def write(chosen: Chosen, folder: Path) -> None:
    """Write the data folder."""
    lines: dict[str, list[str]] = defaultdict(list)
    speakers: dict[str, list[str]] = defaultdict(list)
    with (folder / "voiceloom.jsonl").open("w", encoding="utf-8") as side:
        for name, row in chosen.rows():
            write_wav(row["audio"]["bytes"], folder / "wav" / f"{name}.wav")
            speaker = _word(row["speaker"])
            speakers[speaker].append(name)
            for file, value in _values(name, speaker, row).items():
                lines[file].append(f"{name} {value}")
            side.write(json_line({"name": name, **plain(row)}))
    lines["spk2utt"] = [f"{speaker} {' '.join(sorted(names))}" for speaker, names in speakers.items()]
    for file, content in lines.items():
        write_lines(folder / file, content)


def _values(name: str, speaker: str, row: dict) -> dict[str, str]:
    """File → what it says of an utterance."""
    return {
        "wav.scp": f"wav/{name}.wav",
        "text": one_line(row["text"]),
        "utt2spk": speaker,
        "utt2lang": row["language"],
        "utt2dur": f"{row['duration_s']:.6f}",
    }


def _word(speaker: str) -> str:
    """A speaker as one word, as Kaldi has them."""
    return re.sub(r"\s+", "_", speaker)
