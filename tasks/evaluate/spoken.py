"""What is listened to: held-out recordings, the same texts spoken by the voice, and everyday sentences."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.audio import from_flac
from tasks.evaluate.normalise import normalise
from tasks.records import FEATURES, read_rows
from voiceloom_model.runtime import Voice


@dataclass(frozen=True)
class Spoken:
    """One utterance, real or synthetic: `wave` is (T,), `vector` its d-vector where that is known."""

    id: str
    text: str
    speaker: str
    language: str
    wave: np.ndarray
    sample_rate_hz: int
    vector: np.ndarray | None = None


def held_out(features: Path, count: int, speakers: Sequence[str]) -> list[Spoken]:
    """At most `count` recordings of the test split in the order of their ids, the same ones every time.

    What has no words, or a speaker of whom nothing was trained on, cannot be respoken and is left out.
    """
    columns = ("id", "split", "speaker", "language", "text", "speaker_embedding", "audio")
    rows = [
        row
        for row in read_rows(features, FEATURES, columns)
        if row["split"] == "test" and row["speaker"] in speakers and normalise(row["text"], row["language"])
    ]
    if not rows:
        raise ValueError(f"{features} holds no held-out utterance to evaluate; raise segment.held_out_share")
    rows.sort(key=lambda row: hashlib.blake2b(row["id"].encode()).digest())
    return [_recording(row) for row in sorted(rows[:count], key=lambda row: row["id"])]


def _recording(row: dict) -> Spoken:
    wave, rate = from_flac(row["audio"]["bytes"])
    vector = np.asarray(row["speaker_embedding"], np.float32)
    return Spoken(row["id"], row["text"], row["speaker"], row["language"], wave, rate, vector)


def respoken(recording: Spoken, voice: Voice, seed: int) -> Spoken:
    """The recording's text, said by the voice as the same speaker."""
    wave = voice.say(recording.text, recording.speaker, recording.language, seed=seed)
    return Spoken(recording.id, recording.text, recording.speaker, recording.language, wave, voice.sample_rate_hz)


def everyday(sentences: Path, count: int, voice: Voice, seed: int) -> list[Spoken]:
    """The first `count` everyday sentences of the default speaker's language; none without such a file."""
    speaker = voice.speakers[0]
    language = voice.description.speakers[speaker]["language"]
    path = sentences / f"everyday-{language.split('-')[0]}.txt"
    texts = read_sentences(path)[:count] if path.is_file() else []
    return [
        Spoken(
            f"everyday/{number:02d}",
            text,
            speaker,
            language,
            voice.say(text, speaker, language, seed=seed),
            voice.sample_rate_hz,
        )
        for number, text in enumerate(texts, start=1)
    ]


def read_sentences(path: Path) -> list[str]:
    """The lines of a file that are neither empty nor a comment."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]
