"""One shard of utterances and what was measured of them → one shard of the features table.

Who speaks, the text and the audio are attached here, after the row stores, which know none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tasks.records import FEATURES, UTTERANCES
from tasks.rowstore import Failure, Outcome
from voiceloom_model.text import Tokens, encode, unknown_symbols

#: Columns that pass from utterances to features as they are.
CARRIED = [name for name in FEATURES.names if name in UTTERANCES.names]


class Row(NamedTuple):
    """What was measured of the utterance at `index`; matrices are bytes (float16, the embedding float32).

    `oov` are the words of its text that no lexicon knew.
    """

    index: int
    acoustic: dict
    embedding: bytes
    phonemes: str
    tokens: Tokens
    oov: list[str]


def rows_of(
    acoustic: Sequence[Outcome], speaker: Sequence[Outcome], phonemes: Sequence[Outcome]
) -> list[Row | Failure]:
    """For each utterance its row, or the failure that keeps it out."""
    outcomes = zip(acoustic, speaker, phonemes, strict=True)
    return [_row(index, of_one) for index, of_one in enumerate(outcomes)]


def _row(index: int, outcomes: tuple[Outcome, Outcome, Outcome]) -> Row | Failure:
    for outcome in outcomes:
        if outcome.failure is not None:
            return outcome.failure
    acoustic, speaker, text = (outcome.rows[0] for outcome in outcomes)
    row = Row(index, acoustic, speaker["embedding"], text["phonemes"], encode(text["phonemes"]), text["oov"])
    return next(_objections(row), row)


def _objections(row: Row) -> Iterator[Failure]:
    """Why a row cannot teach: nothing to say, too short for what it says, or no voice in it."""
    tokens, frames = len(row.tokens.ids), row.acoustic["n_frames"]
    known = set(row.phonemes) - set(unknown_symbols(row.phonemes))
    if not any(symbol.isalnum() for symbol in known):
        yield Failure("no_phonemes", f"nothing in the text can be spoken; its phonemes are {row.phonemes!r}")
    if frames < tokens:
        yield Failure("too_few_frames", f"{frames} frames cannot be aligned with {tokens} tokens")
    if not np.frombuffer(row.acoustic["f0_hz"], "<f2").any():
        yield Failure("not_voiced", "no frame is voiced: this is noise or a whisper, not speech")


def features_table(utterances: pa.Table, rows: Sequence[Row]) -> pa.Table:
    """The features rows of the utterances in `rows`, in their order."""
    kept = utterances.take(pa.array([row.index for row in rows], pa.int64()))
    columns: dict[str, pa.Array | pa.ChunkedArray] = {name: kept[name] for name in CARRIED}
    columns["phonemes"] = pa.array([row.phonemes for row in rows], pa.string())
    columns["phoneme_ids"] = pa.array([row.tokens.ids for row in rows], pa.list_(pa.int16()))
    columns["stress_ids"] = pa.array([row.tokens.stress for row in rows], pa.list_(pa.int8()))
    columns["n_frames"] = pa.array([row.acoustic["n_frames"] for row in rows], pa.int32())
    for name in ("mel", "f0_hz", "energy_db", "mfcc"):
        columns[name] = _lists([row.acoustic[name] for row in rows], "<f2")
    columns["speaker_embedding"] = _lists([row.embedding for row in rows], "<f4")
    return pa.table([columns[name] for name in FEATURES.names], schema=FEATURES)


def _lists(buffers: Sequence[bytes], dtype: str) -> pa.ListArray:
    """A list column of the arrays in `buffers`, without a Python object per number."""
    sizes = [len(buffer) // np.dtype(dtype).itemsize for buffer in buffers]
    offsets = np.cumsum([0, *sizes]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.frombuffer(b"".join(buffers), dtype)))
