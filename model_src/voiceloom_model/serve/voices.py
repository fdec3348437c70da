"""The voices that a server speaks with: several bundles, each with its speakers, found by the names clients send."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from voiceloom_model.runtime import Voice
from voiceloom_model.serve.errors import ApiError

#: What clients of OpenAI ask for before anybody has told them other names: the first bundle, its default speaker.
OPENAI_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
OPENAI_VOICES = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer"),
    *("verse", "default"),
)
#: Nowhere to divide it: a voice speaks it as one passage, the longest there is.
LONG_PASSAGE = ("one two three four five six seven eight nine ten " * 5)[:240]


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle and the name by which clients know it."""

    name: str
    voice: Voice

    def language_of(self, speaker: str) -> str:
        """The BCP 47 tag of a speaker's own language."""
        return self.voice.description.speakers[speaker]["language"]


class Voices:
    """The bundles, the first of which is the default."""

    def __init__(self, bundles: Sequence[Bundle]) -> None:
        self._bundles = {bundle.name: bundle for bundle in bundles}
        if not bundles:
            raise ValueError("there is no voice to serve")
        if len(self._bundles) < len(bundles):
            names = ", ".join(sorted(bundle.name for bundle in bundles))
            raise ValueError(f"two voices have one name ({names}); give one another: NAME=FOLDER")

    @classmethod
    def load(cls, folders: Sequence[tuple[str, Path]], precision: str | None = None, threads: int = 1) -> Voices:
        """Load and verify bundles, given as names and folders; raises what `Voice.load` raises."""
        return cls([Bundle(name, Voice.load(folder, precision=precision, threads=threads)) for name, folder in folders])

    def __iter__(self) -> Iterator[Bundle]:
        return iter(self._bundles.values())

    @property
    def default(self) -> Bundle:
        """The bundle that speaks when none is named."""
        return next(iter(self))

    def find(self, model: str | None, voice: str | None) -> tuple[Bundle, str]:
        """The bundle and the speaker that are meant; `ApiError` 404 for a name that there is not.

        `model` is a bundle's name, one of OpenAI's, or None; then `voice` is looked for in all bundles. `voice` is
        a speaker, BUNDLE/SPEAKER, a bundle (its default speaker), one of OpenAI's, or None.
        """
        candidates = self._candidates(model)
        if voice is None:
            return candidates[0], candidates[0].voice.speakers[0]
        for bundle in candidates:
            for speaker in bundle.voice.speakers:
                if voice in (speaker, f"{bundle.name}/{speaker}"):
                    return bundle, speaker
        for bundle in candidates:
            if voice == bundle.name or voice in OPENAI_VOICES:
                return bundle, bundle.voice.speakers[0]
        names = ", ".join(row["id"] for row in self.rows() if row["model"] in {bundle.name for bundle in candidates})
        raise ApiError(404, f"there is no voice {voice[:80]!r}; there are: {names}", "voice", "voice_not_found")

    def rows(self) -> list[dict]:
        """Every speaker of every bundle; its `id` is unique, and shorter where the name alone is."""
        taken: set[str] = set()
        rows = []
        for bundle in self:
            for speaker in bundle.voice.speakers:
                name = f"{bundle.name}/{speaker}" if speaker in taken else speaker
                taken.add(name)
                rows.append({"id": name, "name": name, "model": bundle.name, "language": bundle.language_of(speaker)})
        return rows

    def _candidates(self, model: str | None) -> list[Bundle]:
        if model in self._bundles:
            return [self._bundles[model]]
        if model is None or model in OPENAI_MODELS:
            return list(self)
        names = ", ".join(self._bundles)
        raise ApiError(404, f"there is no model {model[:80]!r}; there are: {names}", "model", "model_not_found")


def warm_up(voices: Voices, workers: int) -> None:
    """Speak with every bundle, all workers at once, as much as is ever computed in one go.

    Then the first client does not wait for tables to be read, and later ones find the memory taken already.
    """
    with ThreadPoolExecutor(workers) as threads:
        for bundle in voices:
            with contextlib.suppress(ValueError):  # words that are none in its language
                list(threads.map(bundle.voice.say, [LONG_PASSAGE] * 2 * workers))
