"""Sounds for the card's players, as small MP3s inside the page: a few utterances kept, and a few of each refusal."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from tasks.audio import from_flac, resample
from tasks.features.card.sums import Drawn
from tasks.records import ROW_GROUP, read_table

#: How many of each reason can be heard, how much of each, and how many bytes all sounds of a page may take.
EACH = 5
LENGTH_S = 6.0
BUDGET_BYTES = 3_500_000

#: The sample rates of MP3 that speech needs.
_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000)
_SMALL = 0.9  # libsndfile's scale from 0 to 1: some 24 kbit/s, three kilobytes a second


def data_uri(flac: bytes) -> str:
    """The first seconds of FLAC bytes as an MP3 that a page holds."""
    import soundfile

    wave, rate = from_flac(flac)
    target = max((one for one in _RATES_HZ if one <= rate), default=_RATES_HZ[0])
    heard = resample(wave[: int(LENGTH_S * rate)], rate, target)
    buffer = io.BytesIO()
    options = {"subtype": "MPEG_LAYER_III", "compression_level": _SMALL, "bitrate_mode": "CONSTANT"}
    soundfile.write(buffer, heard, target, format="MP3", **options)
    return f"data:audio/mpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def kept_sounds(drawn: Sequence[Drawn]) -> Iterator[dict]:
    """The utterances drawn, with their sound; one row group of audio is in memory."""
    for one in drawn:
        with pq.ParquetFile(one.path) as file:
            group = file.read_row_group(one.row // ROW_GROUP, columns=["audio"])
        audio = group["audio"][one.row % ROW_GROUP].as_py()
        yield {"id": one.id, "text": one.text, "sound": data_uri(audio["bytes"])}


def refused_sounds(quarantines: Iterable[Path], spent: int) -> dict[tuple[str, str], list[dict]]:
    """By stage and reason, a few refusals with their sound: the first of each, then the second, while there is room.

    `spent` bytes of the budget are gone already.
    """
    found: dict[tuple[str, str], list[dict]] = {}
    for row in _in_turn(quarantines):
        sound = data_uri(row.pop("audio")["bytes"])
        spent += len(sound)
        if spent > BUDGET_BYTES:
            break
        found.setdefault((row["stage"], row["reason"]), []).append({**row, "sound": sound})
    return found


def _in_turn(quarantines: Iterable[Path]) -> list[dict]:
    """Refusals that have a sound, so ordered that no reason is heard twice before every other is heard once."""
    turns: Counter = Counter()
    ordered = []
    for path in quarantines:
        table = read_table(path, ["id", "stage", "reason", "message", "audio"])
        for row in table.filter(table["audio"].is_valid()).to_pylist():
            turn = turns[row["stage"], row["reason"]]
            turns[row["stage"], row["reason"]] += 1
            if turn < EACH:
                ordered.append((turn, row["stage"], row["reason"], row["id"], row))
    return [row for *_, row in sorted(ordered, key=lambda one: one[:4])]
