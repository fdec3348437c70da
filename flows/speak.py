"""`voiceloom say` and `voiceloom voices`: the shipped voice, here or in the registry."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Where the export stage leaves the project's own voice.
LOCAL_VOICE = Path("models/voice")


@dataclass(frozen=True)
class Manner:
    """How a text is spoken; `speaker` is a name the voice knows, or a recording to imitate."""

    speaker: str | None = None
    language: str | None = None
    speed: float = 1.0
    seed: int = 0


def say(text: str, output: Path, bundle: Path, manner: Manner, subtitles: Path | None = None) -> float:
    """Speak `text` into a sound file, and its words into a subtitle file; returns the length in seconds."""
    from voiceloom_model.runtime import Voice

    if not text.strip():
        raise ValueError("there is no text to say")
    for path in filter(None, (output, subtitles)):
        if not path.parent.is_dir():
            raise FileNotFoundError(f"the folder {path.parent} for {path.name} is not there")
    voice = Voice.load(bundle)
    speaker = _speaker(voice, manner.speaker)
    choices = {"speaker": speaker, "language": manner.language, "speed": manner.speed, "seed": manner.seed}
    if subtitles is None:
        samples = voice.say(text, **choices)
    else:
        from flows.subtitles import write_subtitles

        speech = voice.speak(text, **choices)
        samples = speech.samples
        write_subtitles(speech.words, subtitles)
    _write(samples, voice.sample_rate_hz, output, _mark(bundle, voice, manner))
    return len(samples) / voice.sample_rate_hz


def _write(samples: Any, sample_rate_hz: int, output: Path, comment: str) -> None:
    """Write a sound file that says which voice made it, where its format has room for a comment."""
    import soundfile

    try:
        with soundfile.SoundFile(output, "w", sample_rate_hz, 1) as file:
            with contextlib.suppress(soundfile.LibsndfileError):
                file.comment = comment
            file.write(samples)
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:
        raise ValueError(f"cannot write {output}: {error}; a name that ends in .wav or .flac will do") from error


def _mark(bundle: Path, voice: Any, manner: Manner) -> str:
    """What leads from a sound file back to its voice (`voiceloom trace`)."""
    from flows.trace import mark
    from voiceloom_model import __version__
    from voiceloom_model.runtime.bundle import bundle_sha256

    asked = f"speed={manner.speed:g} seed={manner.seed} version={__version__}"
    return mark(bundle_sha256(bundle), voice.description.data_sha256, asked)


def _speaker(voice: Any, given: str | None) -> Any:
    """A known name stays a name; a sound file becomes a speaker vector."""
    import soundfile

    if given is None or given in voice.speakers or not Path(given).is_file():
        return given
    try:
        wave, rate = soundfile.read(given, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, TypeError) as error:
        raise ValueError(f"{given} is no recording that can be read: {error}") from error
    return voice.clone(wave.mean(axis=1), rate)


def find_bundle(root: Path, voice: str | None) -> Path:
    """The bundle of a voice given as a folder, as NAME@ALIAS or NAME/VERSION, or not at all (this project's own)."""
    if voice is None or Path(voice).is_dir():
        folder = root / LOCAL_VOICE if voice is None else Path(voice)
        if not (folder / "voice.json").is_file():
            raise FileNotFoundError(
                f"{folder} holds no voice; `voiceloom run` makes one, `voiceloom voices` lists them"
            )
        return folder
    from tasks.register.registry import bundle_at, bundle_folder, no_registry_yet

    name, _, alias = voice.partition("@")
    if alias:
        return bundle_folder(root, name, alias)
    name, _, number = voice.rpartition("/")
    if not (name and number.isdecimal()) or no_registry_yet(root):
        raise FileNotFoundError(f"there is no folder {voice}; a registered voice is written NAME@champion or NAME/1")
    from tasks.register.versions import named_version

    version = named_version(root, name, voice)
    return bundle_at(root, f"models:/{version.name}/{version.version}")


def voice_lines(root: Path) -> Iterator[str]:
    """The project's own voice, then one line a registered version."""
    if (root / LOCAL_VOICE / "voice.json").is_file():
        yield f"{LOCAL_VOICE}  (made here)"
    from tasks.register.registry import registered_voices

    for voice in registered_voices(root):
        aliases = "".join(f"  {voice.model_name}@{alias}" for alias in voice.aliases)
        yield f"{voice.model_name} version {voice.version}  {voice.bundle_sha256[:12]}{aliases}"
