"""What `voice.json` and the model card say of a voice: who is heard in it, on what terms, and what it needs."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.export.precisions import PREFERENCE
from tasks.params import ExportParams
from tasks.records import FEATURES, ORIGIN, read_rows

if TYPE_CHECKING:
    from voiceloom_model.export.card import Source
    from voiceloom_model.runtime.bundle import Description


def training_rows(features: Path) -> list[dict]:
    """Origin, key and duration of every utterance that was trained on."""
    columns = ["split", "content_key", "duration_s", *(field.name for field in ORIGIN)]
    return [row for row in read_rows(features, FEATURES, columns) if row["split"] == "train"]


def sources(heard: list[dict]) -> list[Source]:
    """How much was heard of whom, from which corpus, on what terms."""
    from voiceloom_model.export.card import Source

    names = [field.name for field in ORIGIN]
    durations = defaultdict(list)
    for row in heard:
        durations[tuple(row[name] for name in names)].append(row["duration_s"])
    return [
        Source(**dict(zip(names, origin, strict=True)), utterances=len(times), hours=math.fsum(times) / 3600)
        for origin, times in sorted(durations.items())
    ]


def describe(config: dict, heard: list[dict], front_ends: dict, export: ExportParams) -> Description:
    """What `voice.json` says: the default speaker, and each speaker's language, are those heard longest.

    `front_ends` are the identities of what made the phonemes that were trained on, by language. The precision to
    speak with by default comes first.
    """
    from voiceloom_model.config import ModelConfig
    from voiceloom_model.nn.synthesizer import context_frames
    from voiceloom_model.runtime.bundle import FORMAT, Description, symbols_sha256
    from voiceloom_model.speaker import SAMPLE_RATE_HZ

    hours: defaultdict[tuple[str, str], float] = defaultdict(float)
    for source in sources(heard):
        hours[source.speaker, source.language] += source.hours
    by_hours = sorted(hours, key=lambda pair: (hours[pair], pair))
    language = dict(by_hours)
    languages = sorted({tag for _, tag in hours})
    return Description(
        format=FORMAT,
        sample_rate_hz=config["mel"]["sample_rate_hz"],
        hop_length=config["mel"]["hop_length"],
        latent=config["model"]["latent"],
        context_frames=context_frames(ModelConfig.from_dict(config["model"])),
        noise_scale=export.noise_scale,
        duration_noise_scale=export.duration_noise_scale,
        layout=config["model"]["layout"],
        speaker_sample_rate_hz=SAMPLE_RATE_HZ,
        precisions=[name for name in PREFERENCE if name in export.precisions],
        symbols_sha256=symbols_sha256(),
        front_ends={tag: front_ends[tag] for tag in languages},
        languages=languages,
        speakers={
            name: {"language": language[name], "embedding": embedding}
            for name, embedding in sorted(config["speakers"].items())
            if name in language
        },
        default_speaker=by_hours[-1][0],
        licences=sorted({row["licence"] for row in heard}),
        consent_ids=sorted({row["consent_id"] for row in heard}),
        data_sha256=hashlib.sha256("\n".join(sorted(row["content_key"] for row in heard)).encode()).hexdigest(),
    )
