"""Sources → clips: the step that listens for words, where words are needed, and the step that cuts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from tasks.asr import model_folder
from tasks.engine import Step, compute
from tasks.params import SegmentParams
from tasks.payloads import Payloads
from tasks.rowstore import Failure, RowStore
from tasks.segment import cut, words
from tasks.segment.sources import Source
from voiceloom_model.speaker_weights import weights_hash
from voiceloom_model.text.normalise import NORMALISER

#: Seconds of audio read from the row store at once.
_RUN_S = 600.0
_BYTES_PER_WORD_COST = 2_000  # an eighth of a second of speech
_BYTES_PER_COST = 500_000  # a longer recording than about half a minute counts as several


class Clip(NamedTuple):
    """One piece of a recording: its id, where its audio lies (row `index` under `key`), and what was measured."""

    id: str
    source: Source
    key: str
    index: int
    row: Mapping

    @property
    def text(self) -> str:
        """What is said in it."""
        return self.source.row["text"] if self.row["text"] is None else self.row["text"]

    @property
    def speaker(self) -> str:
        """Who says it."""
        return self.row["speaker"] or self.source.row["speaker"]


class Refusal(NamedTuple):
    """What cannot be used: the id it would have had, its file in the corpus, why, and its audio where there is any."""

    id: str
    source_path: str
    failure: Failure
    clip: Clip | None = None


class Cuts:
    """What the recordings were cut into."""

    def __init__(self, sources: Sequence[Source], segment: SegmentParams):
        self._heard = _Heard(sources, segment)
        keys = [self._heard.cut_key(source, segment) for source in sources]
        self._sources = list(zip(sources, keys, strict=True))
        step = Step(
            name="segment",
            version=cut.VERSION,
            function=partial(cut.cut, segment=segment),
            schema=cut.SCHEMA,
            cost=lambda recording: max(1.0, len(recording.audio["bytes"]) / _BYTES_PER_COST),
        )
        self.store = step.store()
        compute(step, _Recordings(self._sources, self._heard), self.store)

    def pieces(self) -> Iterator[Clip | Refusal]:
        """Every clip, and everything that became none, in the order of the recordings."""
        fields = [name for name in cut.SCHEMA.names if name != "flac"]
        outcomes = self.store.get((key for _, key in self._sources), fields)
        for source, key in self._sources:
            name, path = source.row["id"], source.row["source_path"]
            failure = outcomes[key].failure
            if failure is not None:
                yield Refusal(name, path, failure)
            for index, row in enumerate(outcomes[key].rows):
                piece = Clip(f"{name}/{row['id']}" if row["id"] else name, source, key, index, row)
                if row["reason"] is None:
                    yield piece
                else:
                    clip = piece if row["audio_key"] else None
                    yield Refusal(piece.id, path, Failure(row["reason"], row["message"]), clip)


class ClipAudio:
    """The FLAC of clips, read some recordings at a time; ask in the order of the clips given."""

    def __init__(self, store: RowStore, clips: Sequence[Clip]):
        self._store = store
        self._runs = {key: run for run in _runs(clips) for key in run}
        self._loaded: dict = {}

    def __getitem__(self, clip: Clip) -> bytes:
        if clip.key not in self._loaded:
            self._loaded = {}
            self._loaded = self._store.get(self._runs[clip.key], ["flac"])
        return self._loaded[clip.key].rows[clip.index]["flac"]


def _runs(clips: Sequence[Clip]) -> Iterator[list[str]]:
    """The keys of recordings, together as long as what is read at once."""
    run: dict[str, None] = {}
    seconds = 0.0
    for clip in clips:
        if clip.key not in run:
            if run and seconds + clip.source.row["duration_s"] > _RUN_S:
                yield list(run)
                run, seconds = {}, 0.0
            run[clip.key] = None
            seconds += clip.source.row["duration_s"]
    if run:
        yield list(run)


class _Heard:
    """The words, with times, of the recordings that cannot be cut without."""

    def __init__(self, sources: Sequence[Source], segment: SegmentParams):
        needing = [source for source in sources if source.needs_words(segment.max_duration_s)]
        self._keys = {
            source.row["id"]: words.key(source.row["content_key"], source.row["language"], segment.asr_model)
            for source in needing
        }
        step = Step(
            name="segment-words",
            version=words.VERSION,
            function=partial(words.listen, model=segment.asr_model),
            schema=words.SCHEMA,
            cost=lambda payload: max(1.0, len(payload[0]["bytes"]) / _BYTES_PER_WORD_COST),
        )
        self._store = step.store()
        if needing:
            model_folder(segment.asr_model, words.MODELS)  # made ready here: workers would all begin to at once
            places = {self._keys[source.row["id"]]: source.place for source in needing}
            compute(step, Payloads(places, ("audio", "language")), self._store)

    def cut_key(self, source: Source, segment: SegmentParams) -> str:
        """The key of what a recording is cut into: its text matters only where words decide the cut."""
        row = source.row
        said = ""
        if row["id"] in self._keys or row["segments"]:
            told = (row["text_kind"], row["text"], row["segments"], row["language"], self._keys.get(row["id"]))
            said = json.dumps((*told, NORMALISER, weights_hash()), sort_keys=True, ensure_ascii=False)
        return cut.key(row["content_key"], segment, said)

    def of(self, source: Source) -> list[dict] | None:
        """The words of a recording; None where they were not needed."""
        key = self._keys.get(source.row["id"])
        return None if key is None else self._store.get([key])[key].rows


class _Recordings(Mapping[str, cut.Recording]):
    """Key → what `cut` works on; the audio of one file of recordings is in memory."""

    def __init__(self, sources: Sequence[tuple[Source, str]], heard: _Heard):
        self._by_key = {key: source for source, key in reversed(sources)}
        places = {key: self._by_key[key].place for _, key in sources}
        self._audio, self._heard = Payloads(places, ("clipped_share", "audio")), heard

    def __getitem__(self, key: str) -> cut.Recording:
        source = self._by_key[key]
        clipped_share, audio = self._audio[key]
        row = source.row
        return cut.Recording(
            clipped_share=clipped_share,
            audio=audio,
            text_kind=row["text_kind"],
            text=row["text"],
            segments=row["segments"],
            words=self._heard.of(source),
            language=row["language"],
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._audio)

    def __len__(self) -> int:
        return len(self._audio)
