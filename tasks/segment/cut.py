"""One recording → its utterances, trimmed and measured; what of it is no utterance, with the reason.

A recording with its words, no longer than an utterance may be, is one utterance. Labels are cut where they say. A
longer text, a book, or speech that nobody wrote down is cut at sentences, by the words that recognition heard.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tasks import audio
from tasks.params import SegmentParams
from tasks.rowstore import Rejected, row_key
from tasks.segment import vad
from tasks.segment.activity import Activity, activity
from tasks.segment.labels import Label, plan_labels
from tasks.segment.longform import Listening, plan_book, plan_part, plan_unwritten
from tasks.segment.plan import Plan, wrong_length
from tasks.segment.quality import signal
from tasks.segment.sound import Sound

#: Raise it whenever the same recording would give other rows.
VERSION = 2

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("duration_s", pa.float64()),
        pa.field("sample_rate_hz", pa.int32()),
        pa.field("text", pa.string()),
        pa.field("speaker", pa.string()),
        pa.field("loudness_lufs", pa.float32()),
        pa.field("clipped_share", pa.float32()),
        pa.field("snr_db", pa.float32()),
        pa.field("bandwidth_hz", pa.float32()),
        pa.field("fingerprint", pa.binary()),
        pa.field("audio_key", pa.string()),
        pa.field("flac", pa.binary()),
        pa.field("reason", pa.string()),
        pa.field("message", pa.string()),
    ]
)

#: How much of what is refused is kept to be listened to.
_EXCERPT_S = 8.0


class Recording(NamedTuple):
    """What is cut: a row of `tasks.records.RECORDINGS`, and the rows of `words.SCHEMA` where words were needed."""

    clipped_share: float
    audio: dict
    text_kind: str
    text: str
    segments: Sequence[Mapping]
    words: Sequence[Mapping] | None
    language: str


def key(content_key: str, segment: SegmentParams, said: str = "") -> str:
    """The row key: the recording's content, the limits (not how many fail or are held out), the networks.

    `said` is what is told of it (text, labels, the words' key) where that decides the cut, else empty.
    """
    matters = segment.model_dump(
        include={"vad_threshold", "padding_s", "min_duration_s", "max_duration_s"},
    )
    limits = json.dumps(matters, sort_keys=True)
    return row_key("segment", VERSION, signal.VERSION, content_key, limits, vad.weights_hash(), said)


def cut(recording: Recording, segment: SegmentParams) -> list[dict]:
    """Rows of `SCHEMA`, in order of time; `Rejected` when nothing of the recording can be used."""
    sound = Sound(recording.audio["bytes"])
    found = activity(sound, segment.vad_threshold)
    if not found.speech.any():
        raise Rejected("no_speech", "no speech was found in it")
    plans = _plans(recording, sound, found, segment)
    if len(plans) == 1 and recording.text_kind in ("transcript", "none", "book"):
        plans = [_only(plans[0])]
    return [_row(plan, recording, sound, found) for plan in plans]


def _plans(recording: Recording, sound: Sound, found: Activity, segment: SegmentParams) -> list[Plan]:
    listening = Listening(sound, found, recording.words or (), recording.language)
    if recording.text_kind == "segments":
        split = partial(_split, listening=listening, segment=segment) if recording.words else None
        return plan_labels(recording.segments, found, segment, split)
    if recording.text_kind == "none":
        return plan_unwritten(listening, segment)
    if recording.text_kind == "book":
        return plan_book(recording.text, listening, segment)
    span = found.trim(0.0, found.duration_s, segment.padding_s) or (0.0, found.duration_s)
    wrong = wrong_length(span, segment)
    if wrong and wrong[0] == "too_long" and recording.words:
        return plan_book(recording.text, listening, segment)
    if wrong:
        raise Rejected(*wrong)
    return [Plan(*span)]


def _split(label: Label, listening: Listening, segment: SegmentParams) -> list[Plan]:
    return plan_part(label.text, (label.start_s, label.end_s), listening, segment)


def _only(plan: Plan) -> Plan:
    """A recording that is one utterance has its own id; one that is refused is refused as a whole."""
    if plan.reason:
        raise Rejected(plan.reason, plan.message or plan.reason)
    return plan._replace(id=None)


def _row(plan: Plan, recording: Recording, sound: Sound, found: Activity) -> dict:
    rate = sound.rate_hz
    start, end = round(plan.start_s * rate), round(plan.end_s * rate)
    row = dict.fromkeys(SCHEMA.names)
    row |= {"id": plan.id, "start_s": start / rate, "end_s": end / rate, "duration_s": (end - start) / rate}
    row |= {"sample_rate_hz": rate, "text": plan.text, "speaker": plan.speaker}
    row |= {"reason": plan.reason, "message": plan.message}
    if plan.reason:
        end = min(end, start + int(_EXCERPT_S * rate))
        return row | (_heard(sound.samples(start, end), rate) if end > start else {})
    wave = sound.samples(start, end)
    snr_db = found.snr_db(0.0, found.duration_s) if plan.id is None else found.snr_db(plan.start_s, plan.end_s)
    scores = {"clipped_share": recording.clipped_share, "snr_db": snr_db, **signal.signal_scores(wave, rate)}
    return row | scores | _heard(wave, rate)


def _heard(wave: np.ndarray, rate: int) -> dict:
    """A stretch as FLAC, and its hash."""
    flac = audio.to_flac(wave, rate)
    return {"flac": flac, "audio_key": hashlib.blake2b(flac, digest_size=20).hexdigest()}
