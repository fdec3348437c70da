"""The voice bundle: ONNX graphs at every precision that is worth it, what they are, and who is heard in them.

Reads the checkpoint, the layers that must stay float and the 8-bit TorchScript voice, what data/features names, and
sentences to try the precisions on; writes models/voice, and models/piper for the clients of Piper voices.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

from tasks.export.description import describe, sources, training_rows
from tasks.export.graphs import drop_refused, tolerances, write_graphs
from tasks.export.piper import write_piper
from tasks.export.precisions import Materials, figures, shipped, try_precisions
from tasks.params import ExportParams
from tasks.stage import Metrics, Stage

__all__ = ["STAGE", "describe", "run", "sources", "training_rows", "write_graphs"]

STAGE = Stage(
    deps={
        "checkpoint": "models/checkpoint",
        "quantized": "models/quantized",
        "features": "data/features",
        "lexicon": "data/lexicon.tsv",
        "sentences": "data/sentences",
    },
    outs={"voice": "models/voice", "piper": "models/piper"},
    params=("export",),
    code=(
        "tasks/audio",
        "tasks/asr.py",
        "tasks/mos.py",
        "tasks/evaluate/normalise.py",
        "tasks/evaluate/scoring.py",
        "tasks/evaluate/similarity.py",
        "tasks/evaluate/spoken.py",
        "model_src/voiceloom_model/eight_bits.py",
        "model_src/voiceloom_model/export",
        "model_src/voiceloom_model/nn",
        "model_src/voiceloom_model/runtime",
        "model_src/voiceloom_model/speaker.py",
        "model_src/voiceloom_model/text/languages.py",
        "model_src/voiceloom_model/text/layout.py",
        "model_src/voiceloom_model/text/symbols.py",
    ),
)


def run(
    *,
    checkpoint: Path,
    quantized: Path,
    features: Path,
    lexicon: Path,
    sentences: Path,
    voice: Path,
    piper: Path,
    export: ExportParams,
) -> Metrics:
    """Write the bundle; `ValueError` when the graphs do not compute what PyTorch does."""
    import torch

    from voiceloom_model.eight_bits import TORCHSCRIPT
    from voiceloom_model.export.card import model_card
    from voiceloom_model.export.contract import write_contract
    from voiceloom_model.export.graphs import export_speaker_encoder
    from voiceloom_model.export.trial_text import trial_text
    from voiceloom_model.nn.synthesizer import Synthesizer
    from voiceloom_model.runtime.bundle import CARD, DESCRIPTION, LEXICON, write_sums

    torch.set_num_threads(1)  # sums do not depend on the machine's number of cores
    synthesizer = Synthesizer.from_folder(checkpoint).requires_grad_(False)
    sensitivity = _json(quantized / "sensitivity.json")
    eight_bit = sorted(set(sensitivity["increase_alone"]) - set(sensitivity["keep_float"]))
    voice.mkdir(parents=True)
    made = write_graphs(synthesizer, eight_bit, voice, export)
    export_speaker_encoder(voice / "speaker_encoder.onnx")
    shutil.copyfile(checkpoint / "curves.json", voice / "curves.json")
    shutil.copyfile(lexicon, voice / LEXICON)
    heard = training_rows(features)
    front_ends = _json(features / "statistics.json")["front_ends"]
    description = describe(_json(checkpoint / "config.json"), heard, front_ends, export)
    materials = Materials(voice, quantized / TORCHSCRIPT, features, sentences)
    report = try_precisions(materials, synthesizer, description, export)
    description = dataclasses.replace(description, precisions=shipped(export, report))
    drop_refused(voice, description.precisions)
    (voice / DESCRIPTION).write_text(description.to_json(), encoding="utf-8")
    write_contract(voice, tolerances(made, export), report)
    kept = len(sensitivity["keep_float"])
    decoder, tolerance = synthesizer.config.decoder, export.parity_tolerance
    card = model_card(description, sources(heard), decoder, tolerance, kept, trial_text(report))
    (voice / CARD).write_text(card, encoding="utf-8")
    write_sums(voice)
    piper.mkdir(parents=True)
    shutil.copyfile(voice / CARD, piper / CARD)
    weights = eight_bit if "int8" in description.precisions else []
    spoken = write_piper(synthesizer, description, features, weights, piper) if export.piper else 0
    about = {"kept_float": kept, "speakers": len(description.speakers), "piper_voices": spoken}
    return {**made, **figures(report), **about}


def _json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))
