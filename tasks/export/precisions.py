"""Which precisions ship: what they are tried on, what is found, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.params import ExportParams
from tasks.stage import Metrics

if TYPE_CHECKING:
    from tasks.export.trial import Candidate, Trial
    from voiceloom_model.nn.synthesizer import Synthesizer
    from voiceloom_model.runtime.bundle import Description
    from voiceloom_model.runtime.network import Network

#: The 8-bit voice for PyTorch users, which lies beside the bundle and is judged like the graphs.
TORCHSCRIPT = "torchscript_int8"
#: The smallest first; the first that ships is what a voice speaks with unless told otherwise.
PREFERENCE = ("int8", "fp16", "fp32")
#: What of a loss is a metric, and how it ends the metric's name.
LOSS_KEYS = {"": "mean", "_low": "low", "_high": "high"}
RUNS = Path("runs")
#: Of the noise that all precisions share.
SEED = 7


@dataclass(frozen=True)
class Materials:
    """Where everything lies: the bundle in the making, the 8-bit TorchScript voice, features, everyday sentences."""

    voice: Path
    torchscript: Path
    features: Path
    sentences: Path


def try_precisions(
    materials: Materials, synthesizer: Synthesizer, description: Description, export: ExportParams
) -> dict[str, Any]:
    """The report of the paired test; where no lines are asked for, everything passes and it says that nobody heard."""
    wanted = [name for name in export.precisions if name != "fp32"]
    if not wanted or not export.paired_sentences:
        return {"lines": 0, "candidates": {name: {"passes": True, "refused_because": []} for name in wanted}}
    trial = _trial(materials, description, export)
    return trial.hold(_candidates(wanted, materials, synthesizer, description, trial.reference))


def shipped(export: ExportParams, report: dict[str, Any]) -> list[str]:
    """The precisions that ship, the one to speak with by default first."""
    refused = {name for name, verdict in report["candidates"].items() if not verdict["passes"]}
    return [name for name in PREFERENCE if name in export.precisions and name not in refused]


def figures(report: dict[str, Any]) -> Metrics:
    """The report as flat metrics: `NAME_passes`, and where it was heard `NAME_wer_loss`, its interval and the like."""
    found: Metrics = {"paired_lines": report["lines"]}
    for name, verdict in report["candidates"].items():
        found[f"{name}_passes"] = verdict["passes"]
        for measure, loss in verdict.get("loss", {}).items():
            found |= {f"{name}_{measure}_loss{ending}": loss[key] for ending, key in LOSS_KEYS.items()}
    return found


def _trial(materials: Materials, description: Description, export: ExportParams) -> Trial:
    """All lines at fp32's durations, and the ear that will hear them."""
    from tasks.export.ear import ExactingListener
    from tasks.export.lines import lines_to_say, speaker_vectors
    from tasks.export.listening import AT_ONCE, Ear, stretches
    from tasks.export.trial import Trial
    from tasks.export.voices import graph_voice, passages
    from voiceloom_model.runtime.bundle import LEXICON
    from voiceloom_model.text import Lexicon

    lexicon = Lexicon.load(materials.voice / LEXICON)
    lines = lines_to_say(materials.features, materials.sentences, description, lexicon, export.paired_sentences)
    reference = graph_voice(materials.voice / "fp32", description)
    said = passages(lines, reference, description, SEED)
    rate = description.sample_rate_hz
    listener = ExactingListener(export.asr_model, RUNS / "models", AT_ONCE)
    ear = Ear(listener, speaker_vectors(materials.features, description), rate)
    several = stretches(said, rate / description.hop_length)
    return Trial(reference, materials.voice / "fp32", said, several, ear, export)


def _candidates(
    wanted: list[str], materials: Materials, synthesizer: Synthesizer, description: Description, reference: Network
) -> list[Candidate]:
    """The graphs of the wanted precisions, and with 8 bits among them the TorchScript voice."""
    from tasks.export.trial import Candidate
    from tasks.export.voices import graph_voice, torch_voice, torchscript
    from voiceloom_model.eight_bits import Speaking

    found = []
    for name in wanted:
        folder = materials.voice / name
        found.append(Candidate(name, graph_voice(folder, description), folder, reference))
    if "int8" in wanted:
        script = torch_voice(torchscript(materials.torchscript), synthesizer, description)
        network = torch_voice(Speaking(synthesizer), synthesizer, description)
        found.append(Candidate(TORCHSCRIPT, script, materials.torchscript, network))
    return found
