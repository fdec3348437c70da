"""The finished checkpoint: averaged weights, what they mean, the discriminators, the curves, and the adapter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.params import AudioParams

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.train.network import Network
    from voiceloom_model.nn.synthesizer import Synthesizer


def write_checkpoint(
    folder: Path,
    network: Network,
    discriminators: dict[str, Tensor],
    statistics: dict,
    audio: AudioParams,
    curves: list[dict],
) -> None:
    """Write the voice that `network.synthesizer` now is; what was adapted is merged, and also kept by itself."""
    from voiceloom_model import adapt
    from voiceloom_model.training.checkpoint import save_weights

    folder.mkdir(parents=True)
    speakers = speaker_vectors(network.synthesizer, statistics)
    save_weights(folder / "model.safetensors", adapt.merge(network.synthesizer))
    save_weights(folder / "discriminators.safetensors", discriminators)
    if network.adaptation.mode != "full":
        adapt.save_adapter(folder / "adapter", network.synthesizer, network.adaptation, speakers)
    description = _description(network.synthesizer, speakers, statistics, audio)
    for name, content in (("config.json", description), ("curves.json", curves)):
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def speaker_vectors(synthesizer: Synthesizer, statistics: dict) -> dict[str, list[float]]:
    """The vector (S,) that makes the voice speak as each speaker: their mean d-vector, and what the table adds."""
    import torch

    means = {name: speaker["embedding"] for name, speaker in statistics["speakers"].items()}
    if synthesizer.speakers is None:
        return means
    with torch.no_grad():
        device = synthesizer.mel_mean.device
        rows = torch.arange(1, len(means) + 1, device=device)
        vectors = synthesizer.speaker_vector(torch.tensor(list(means.values()), device=device), rows)
    return dict(zip(means, vectors.tolist(), strict=True))


def _description(
    synthesizer: Synthesizer, speakers: dict[str, list[float]], statistics: dict, audio: AudioParams
) -> dict:
    """`config.json`: all that is needed to build the network again and to know what it heard."""
    from voiceloom_model.text import SYMBOLS

    return {
        "model": synthesizer.config.to_dict(),
        "mel": audio.model_dump(),
        "symbols": list(SYMBOLS),
        "speakers": speakers,
        "languages": sorted(statistics["hours"]["language"]),
        "hours": statistics["hours"],
    }
