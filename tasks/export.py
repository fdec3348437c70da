"""The voice bundle: ONNX graphs at every precision, what they are, and who is heard in them.

Reads the checkpoint, the layers that must stay float, and whom data/features names; writes models/voice.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.params import ExportParams
from tasks.records import FEATURES, ORIGIN, read_rows
from tasks.stage import Metrics, Stage

if TYPE_CHECKING:
    from voiceloom_model.export.card import Source
    from voiceloom_model.nn.synthesizer import Synthesizer
    from voiceloom_model.runtime.bundle import Description

STAGE = Stage(
    deps={
        "checkpoint": "models/checkpoint",
        "quantized": "models/quantized",
        "features": "data/features",
        "lexicon": "data/lexicon.tsv",
    },
    outs={"voice": "models/voice"},
    params=("export",),
    code=("tasks/export.py", "model_src/voiceloom_model/export"),
)


def run(
    *, checkpoint: Path, quantized: Path, features: Path, lexicon: Path, voice: Path, export: ExportParams
) -> Metrics:
    """Write the bundle; `ValueError` when the graphs do not compute what PyTorch does."""
    from voiceloom_model.export.card import model_card
    from voiceloom_model.export.graphs import export_speaker_encoder
    from voiceloom_model.nn.synthesizer import Synthesizer
    from voiceloom_model.runtime.bundle import DESCRIPTION, LEXICON, write_sums

    synthesizer = Synthesizer.from_folder(checkpoint).requires_grad_(False)
    sensitivity = _json(quantized / "sensitivity.json")
    kept = sensitivity["keep_float"]
    voice.mkdir(parents=True)
    metrics = write_graphs(synthesizer, sorted(set(sensitivity["increase_alone"]) - set(kept)), voice, export)
    export_speaker_encoder(voice / "speaker_encoder.onnx")
    heard = training_rows(features)
    front_ends = _json(features / "statistics.json")["front_ends"]
    description = describe(_json(checkpoint / "config.json"), heard, front_ends, export)
    (voice / DESCRIPTION).write_text(description.to_json(), encoding="utf-8")
    card = model_card(description, sources(heard), export.parity_tolerance, len(kept))
    (voice / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    shutil.copyfile(checkpoint / "curves.json", voice / "curves.json")
    shutil.copyfile(lexicon, voice / LEXICON)
    write_sums(voice)
    return {**metrics, "kept_float": len(kept), "speakers": len(description.speakers)}


def write_graphs(synthesizer: Synthesizer, eight_bit: list[str], voice: Path, export: ExportParams) -> Metrics:
    """Write both graphs at every precision under `voice`; the layers in `eight_bit` are those of int8.

    Returns how far fp32 is from PyTorch, int8 from fp32, and the sizes.
    """
    from voiceloom_model.export.graphs import export_synthesizer
    from voiceloom_model.export.int8 import quantize_graph
    from voiceloom_model.export.parity import check_parity, wave_difference

    fp32, int8 = voice / "fp32", voice / "int8"
    export_synthesizer(synthesizer, fp32)
    worst = check_parity(synthesizer, fp32, export.parity_lengths, export.parity_tolerance)
    metrics: Metrics = {"fp32_max_difference": float(f"{worst:.1e}")}
    if "int8" in export.precisions:
        int8.mkdir()
        weights = {name: synthesizer.get_parameter(f"{name}.weight").numpy() for name in eight_bit}
        for graph in ("encoder.onnx", "decoder.onnx"):
            quantize_graph(fp32 / graph, int8 / graph, weights)
        metrics["int8_difference_db"] = round(wave_difference(fp32, int8, synthesizer, export.parity_lengths), 2)
    if "fp32" not in export.precisions:
        shutil.rmtree(fp32)
    for precision in export.precisions:
        size = sum(path.stat().st_size for path in (voice / precision).iterdir())
        metrics[f"{precision}_mb"] = round(size / 1e6, 2)
    return metrics


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

    `front_ends` are the identities of what made the phonemes that were trained on, by language.
    """
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
        noise_scale=export.noise_scale,
        duration_noise_scale=export.duration_noise_scale,
        layout=config["model"]["layout"],
        speaker_sample_rate_hz=SAMPLE_RATE_HZ,
        precisions=list(export.precisions),
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


def _json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))
