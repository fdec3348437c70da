"""Stretches of recordings as Opus, in one table, at the highest bitrate with which it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.audio import from_flac
from tasks.engine import Step, compute
from tasks.kit.contents import MIB
from tasks.kit.opus import encoded
from tasks.kit.origins import Span, total_s
from tasks.payloads import Payloads
from tasks.records import RECORDINGS, read_table, shard_paths
from tasks.rowstore import row_key

#: Raise it when the same sound would give other bytes.
VERSION = 1
_ENCODED = pa.schema([("start_s", pa.float64()), ("end_s", pa.float64()), ("opus", pa.binary())])
SOUND = pa.schema([("recording", pa.string()), *_ENCODED])

MAX_KBPS = 64
#: The bitrate follows from what this many recordings take at two of them; the rest may take a little more.
_TRIED, _TRIED_KBPS, _MARGIN = 60, (16, 32), 0.985
#: Of the table around a stretch.
_ROW_BYTES = 70


def write_sounds(recordings: Path, spans: Mapping[str, Sequence[Span]], path: Path, room: float, min_kbps: int) -> int:
    """Encode the stretches into `path`, at most `room` bytes; returns the bitrate in kbit/s.

    Raises `ValueError` where that would be less than `min_kbps`.
    """
    places = _places(recordings, spans)
    kbps = _bitrate(places, spans, room, min_kbps) if spans else 0
    while True:
        rows = _encoded_rows(places, spans, kbps)
        ordered = [{"recording": name, **row} for name in sorted(rows) for row in rows[name]]
        table = pa.Table.from_pylist(ordered, schema=SOUND)
        pq.write_table(table, path, compression="none", use_dictionary=False, write_statistics=False)
        if path.stat().st_size <= room or kbps == 0:
            return kbps
        kbps -= 1
        if kbps < min_kbps:
            raise _too_big(path.stat().st_size, kbps + 1, room)


def _places(recordings: Path, spans: Mapping[str, Sequence[Span]]) -> dict[str, tuple[Path, int, str]]:
    """Recording → its file, its row there, and the key of its content."""
    found = {}
    for path in shard_paths(recordings):
        table = read_table(path, ["id", "content_key"], RECORDINGS)
        for row, (name, key) in enumerate(zip(*(table[c].to_pylist() for c in table.column_names), strict=True)):
            if name in spans:
                found[name] = (path, row, key)
    if missing := set(spans) - set(found):
        raise ValueError(
            f"{recordings} lacks {min(missing)}, of which data/utterances has a part: run the stages again"
        )
    return found


def _bitrate(places: Mapping, spans: Mapping[str, Sequence[Span]], room: float, min_kbps: int) -> int:
    """The highest bitrate with which all is expected to fit."""
    tried = {name: spans[name] for name in sorted(places, key=lambda name: places[name][2])[:_TRIED]}
    (low, small), (high, large) = ((kbps, _bytes(_encoded_rows(places, tried, kbps))) for kbps in _TRIED_KBPS)
    share = total_s(spans) / total_s(tried)
    framing = _ROW_BYTES * sum(len(some) for some in spans.values())
    a_kbps = share * (large - small) / (high - low)
    kbps = int(low + (_MARGIN * (room - framing) - share * small) / a_kbps)
    if kbps < min_kbps:
        raise _too_big(share * small + framing + a_kbps * (min_kbps - low), min_kbps, room)
    return min(kbps, MAX_KBPS)


def _too_big(size: float, kbps: int, room: float) -> ValueError:
    return ValueError(
        f"the recordings take {size / MIB:.1f} MiB at {kbps} kbit/s, and {max(room, 0) / MIB:.1f} MiB are left for "
        "them: allow more (--max-mb), a lower bitrate (--min-kbps), or leave a corpus out (--without)"
    )


def _bytes(rows: Mapping[str, Sequence[Mapping]]) -> int:
    return sum(len(row["opus"]) for some in rows.values() for row in some)


def _encoded_rows(places: Mapping, spans: Mapping[str, Sequence[Span]], kbps: int) -> dict[str, list[dict]]:
    """The stretches of each recording; those encoded before come from the row store."""
    step = Step("kit-opus", VERSION, partial(_encode, spans=spans, kbps=kbps), _ENCODED)
    keys = {name: row_key(places[name][2], kbps, str([tuple(span) for span in spans[name]])) for name in spans}
    where = {key: places[name][:2] for name, key in keys.items()}
    store = step.store()
    compute(step, Payloads(where, ["id", "audio"]), store)
    found = store.get(keys.values())
    return {name: found[key].rows for name, key in keys.items()}


def _encode(payload: tuple[str, dict], spans: Mapping[str, Sequence[Span]], kbps: int) -> list[dict]:
    name, sound = payload
    wave, rate = from_flac(sound["bytes"])
    return [
        {**span._asdict(), "opus": encoded(wave[round(span.start_s * rate) : round(span.end_s * rate)], rate, kbps)}
        for span in spans[name]
    ]
