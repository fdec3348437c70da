"""What a caller may choose of a voice: who speaks, in which language, how fast, and with which noise."""

from __future__ import annotations

import numpy as np

from voiceloom_model.runtime.description import Description
from voiceloom_model.runtime.network import Manner

SPEEDS = (0.25, 4.0)

#: A speaker's name, their vector (S,), or None for the voice's own.
Speaker = str | np.ndarray | None


def manner_of(description: Description, speaker: Speaker, language: str | None, speed: float, seed: int) -> Manner:
    """The choices checked; `ValueError` for what there is not, with what there is."""
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise ValueError(f"speed {speed} is outside {SPEEDS[0]} to {SPEEDS[1]}")
    if not 0 <= seed < 2**64 or int(seed) != seed:
        raise ValueError(f"seed {seed} must be a whole number, not negative and below 2 to the 64th")
    vector = _vector(description, speaker)
    return Manner(_language(description, language, speaker), vector, float(speed), int(seed))


def speaker_names(description: Description) -> list[str]:
    """The speakers that have a name; the default comes first."""
    return [description.default_speaker, *sorted(set(description.speakers) - {description.default_speaker})]


def _vector(description: Description, speaker: Speaker) -> np.ndarray:
    """The speaker vector (1, S) of a name, or of a vector as given."""
    if speaker is None or isinstance(speaker, str):
        speaker = np.asarray(_known(description, speaker)["embedding"])
    vector = np.asarray(speaker, np.float32)
    if vector.shape != (description.speaker_size,) or not np.isfinite(vector).all():
        raise ValueError(f"a speaker vector has {description.speaker_size} finite numbers, found shape {vector.shape}")
    return vector[None]


def _known(description: Description, name: str | None) -> dict:
    """What the bundle holds of a speaker; the default one for no name."""
    name = name or description.default_speaker
    if name not in description.speakers:
        names = ", ".join(speaker_names(description))
        raise ValueError(f"there is no speaker {name!r}; the speakers are: {names}")
    return description.speakers[name]


def _language(description: Description, wanted: str | None, speaker: Speaker) -> str:
    """The tag to read text by: as wanted, whatever its case; a bare `en` stands for the first English."""
    if wanted is None:
        return _known(description, speaker if isinstance(speaker, str) else None)["language"]
    tags = {tag.lower(): tag for tag in description.languages}
    bases = {tag.split("-")[0]: tags[tag] for tag in reversed(tags)}
    found = tags.get(wanted.lower()) or bases.get(wanted.lower())
    if found is None:
        names = ", ".join(description.languages)
        raise ValueError(f"the voice does not speak {wanted!r}; its languages are: {names}")
    return found
