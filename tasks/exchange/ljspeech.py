"""LJSpeech: metadata.csv with lines `name|text|text|speaker|language`, wavs/NAME.wav, voiceloom.jsonl for the rest.

The text stands twice because programs read either the second column or the third.
"""

from __future__ import annotations

from pathlib import Path

from tasks.exchange.files import json_line, one_line, write_lines, write_wav
from tasks.exchange.rows import Chosen, plain


def write(chosen: Chosen, folder: Path) -> None:
    """Write metadata.csv and the recordings; `ValueError` when a text holds the sign that parts the columns."""
    lines = []
    with (folder / "voiceloom.jsonl").open("w", encoding="utf-8") as side:
        for name, row in chosen.rows():
            lines.append("|".join(_columns(name, row)))
            write_wav(row["audio"]["bytes"], folder / "wavs" / f"{name}.wav")
            side.write(json_line({"name": name, **plain(row)}))
    write_lines(folder / "metadata.csv", lines)


def _columns(name: str, row: dict) -> tuple[str, ...]:
    text = one_line(row["text"])
    columns = (name, text, text, one_line(row["speaker"]), row["language"])
    if any("|" in column for column in columns):
        raise ValueError(
            f"utterance {row['id']} has a | in its text or speaker, which parts the columns of metadata.csv; "
            "export it to lhotse, kaldi or hf instead"
        )
    return columns
