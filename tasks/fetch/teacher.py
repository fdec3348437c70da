"""Corpora of synthetic speech: a packaged voice, the teacher, reads sentences that come as Debian packages.

What it says is kept in a row store by text, so that more sentences are a matter of the new ones. The recordings lie in
Parquet files as Hugging Face datasets have them, at the teacher's own rate. The declared sha256 is that of the texts:
a network's last bits differ from one processor to the next.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile as sf

from tasks.engine import Step, compute
from tasks.fetch import debian, wordnet
from tasks.params import DebianSource, TeacherSource
from tasks.records import AUDIO
from tasks.rowstore import Outcome, row_key

#: Raise it when a teacher would say the same text otherwise.
VERSION = 1

_SPOKEN = pa.schema([pa.field("flac", pa.binary())])
_TABLE = pa.schema([pa.field("id", pa.string()), pa.field("text", pa.string()), pa.field("audio", AUDIO)])
_ROWS_PER_FILE = 1024
_ROW_GROUP = 16  # ingest reads recordings in an order of its own, a row group for each


class Teacher(NamedTuple):
    """A packaged voice: the package, its sample rate, and how it is loaded: text and seed → samples."""

    package: str
    rate_hz: int
    load: Callable[[], Callable[[str, int], np.ndarray]]


def _hibari() -> Callable[[str, int], np.ndarray]:
    from hibari import Hibari

    voice = Hibari(threads=1)
    return lambda text, seed: voice(text, seed=seed)


TEACHERS = {"hibari": Teacher("hibari-tts", 24000, _hibari)}


def fetch(name: str, source: TeacherSource, target: Path) -> None:
    """Have the teacher read the texts into the empty `target`."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".texts-") as unpacked:
        folder = Path(unpacked)
        debian.fetch(name, DebianSource(kind="debian", packages=source.packages, sha256=source.sha256), folder)
        texts = wordnet.texts(folder, source.sentences)
    step = Step(f"teacher-{source.voice}", VERSION, partial(speak, source.voice), _SPOKEN, batch_size=32)
    store = step.store()
    made_by = (source.voice, version(TEACHERS[source.voice].package))
    keys = {text: row_key("teacher", VERSION, *made_by, text) for text in texts}
    compute(step, {key: text for text, key in keys.items()}, store)
    for number, start in enumerate(range(0, len(texts), _ROWS_PER_FILE)):
        some = texts[start : start + _ROWS_PER_FILE]
        outcomes = store.get(keys[text] for text in some)
        _write(some, [outcomes[keys[text]] for text in some], target / f"speech-{number:03d}.parquet")


def speak(voice: str, text: str) -> list[dict]:
    """One row of `_SPOKEN`; the seed of what is random in the voice comes from the text."""
    wave = _loaded(voice)(text, int.from_bytes(text_digest(text)[:4], "big"))
    content = io.BytesIO()
    samples = np.clip(np.rint(wave * 32768.0), -32768, 32767).astype(np.int16)
    sf.write(content, samples, TEACHERS[voice].rate_hz, format="FLAC", subtype="PCM_16")
    return [{"flac": content.getvalue()}]


@lru_cache(maxsize=1)
def _loaded(voice: str) -> Callable[[str, int], np.ndarray]:
    return TEACHERS[voice].load()


def text_digest(text: str) -> bytes:
    """Eight bytes that stand for a text: its recording is named by them, and its noise seeded."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _write(texts: Sequence[str], outcomes: Sequence[Outcome], path: Path) -> None:
    """One Parquet file, called by their texts' hashes: a sentence more renames none."""
    names = [text_digest(text).hex() for text in texts]
    rows = [
        {"id": name, "text": text, "audio": {"bytes": outcome.rows[0]["flac"], "path": f"{name}.flac"}}
        for name, text, outcome in zip(names, texts, outcomes, strict=True)
    ]
    table = pa.Table.from_pylist(rows, schema=_TABLE)
    pq.write_table(table, path, compression="zstd", row_group_size=_ROW_GROUP, use_dictionary=False)
