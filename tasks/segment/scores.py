"""What is measured of clips: with the cut, and by the networks that `quality` switches on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tasks.engine import compute
from tasks.params import QualityParams
from tasks.records import SCORES
from tasks.rowstore import RowStore
from tasks.segment.clips import Clip, ClipAudio
from tasks.segment.quality.judge import cer, letters_per_s
from tasks.segment.quality.steps import quality_steps


class Scored(NamedTuple):
    """A clip and its SCORES."""

    clip: Clip
    scores: Mapping


def scored(clips: Sequence[Clip], store: RowStore, quality: QualityParams) -> list[Scored]:
    """Every clip with its scores; those that cost a network are computed where a store lacks them."""
    found: list[dict] = [{} for _ in clips]
    for keyed in quality_steps(quality):
        keys = [keyed.key_of(clip.row["audio_key"], clip.source.row["language"]) for clip in clips]
        kept = keyed.step.store()
        compute(keyed.step, _Sounds(keys, clips, store), kept)
        outcomes = kept.get(keys)
        for scores, key in zip(found, keys, strict=True):
            scores.update(outcomes[key].rows[0] if outcomes[key].rows else {})
    return [Scored(clip, _scores(clip, scores)) for clip, scores in zip(clips, found, strict=True)]


def _scores(clip: Clip, measured: Mapping) -> dict:
    """All of SCORES, null where nothing was measured."""
    scores = {field.name: clip.row.get(field.name, measured.get(field.name)) for field in SCORES}
    scores["letters_per_s"] = letters_per_s(clip.text, clip.row["duration_s"])
    if scores["heard_text"] is not None:
        scores["cer"] = cer(clip.text, scores["heard_text"], clip.source.row["language"])
    return scores


class _Sounds(Mapping[str, tuple[bytes, str]]):
    """Key → FLAC and language, for the steps that listen to a clip."""

    def __init__(self, keys: Sequence[str], clips: Sequence[Clip], store: RowStore):
        self._clips: dict[str, Clip] = {}
        for key, clip in zip(keys, clips, strict=True):
            self._clips.setdefault(key, clip)
        self._audio = ClipAudio(store, list(self._clips.values()))

    def __getitem__(self, key: str) -> tuple[bytes, str]:
        clip = self._clips[key]
        return self._audio[clip], clip.source.row["language"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._clips)

    def __len__(self) -> int:
        return len(self._clips)
