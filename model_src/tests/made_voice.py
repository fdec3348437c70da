"""A tiny voice with random weights, exported as a bundle; its decoder is `source` unless another is asked for."""

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch

from voiceloom_model.config import model_config
from voiceloom_model.eight_bits import speaking_linears
from voiceloom_model.export.graphs import export_speaker_encoder, export_synthesizer
from voiceloom_model.export.int8 import quantize_graph
from voiceloom_model.nn.synthesizer import Synthesizer, context_frames
from voiceloom_model.nn.text import DurationPredictor
from voiceloom_model.runtime.bundle import DESCRIPTION, FORMAT, LEXICON, Description, symbols_sha256, write_sums
from voiceloom_model.text import N_LANGUAGES, N_SYMBOLS, front_end_identity


def random_synthesizer(**parts) -> Synthesizer:
    """Weights that training has moved away from zero, which would hide much, and tokens of some four frames."""
    torch.manual_seed(0)
    synthesizer = Synthesizer(model_config("tiny", n_symbols=N_SYMBOLS, n_languages=N_LANGUAGES, **parts))
    with torch.no_grad():
        for parameter in synthesizer.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        if isinstance(synthesizer.durations, DurationPredictor):
            synthesizer.durations.stack.leave.bias.fill_(1.4)
    return synthesizer.eval().requires_grad_(False)


def unit_vector(seed: int) -> np.ndarray:
    """A d-vector of nobody."""
    vector = np.random.default_rng(seed).uniform(size=256)
    return vector / np.linalg.norm(vector)


def description(decoder: str = "source") -> Description:
    """Two speakers of two Englishes; "ada" is the default."""
    tags = {"ada": "en-US", "bert": "en-GB"}
    return Description(
        format=FORMAT,
        sample_rate_hz=16000,
        hop_length=256,
        latent=32,
        context_frames=context_frames(model_config("tiny", n_symbols=1, n_languages=1, decoder=decoder)),
        noise_scale=0.667,
        duration_noise_scale=0.8,
        layout="compact",
        speaker_sample_rate_hz=16000,
        precisions=["int8", "fp32"],
        symbols_sha256=symbols_sha256(),
        front_ends={tag: front_end_identity(tag) for tag in tags.values()},
        languages=sorted(tags.values()),
        speakers={
            name: {"language": tag, "embedding": unit_vector(index).tolist()}
            for index, (name, tag) in enumerate(tags.items())
        },
        default_speaker="ada",
        licences=["CC0-1.0"],
        consent_ids=["made-up"],
        data_sha256="0" * 64,
    )


def make_bundle(folder: Path, decoder: str = "source") -> Path:
    """Write the whole bundle."""
    return shutil.copytree(_built(decoder), folder)


def change_description(folder: Path, **changes) -> None:
    """Change `voice.json` so that the sums still hold."""
    path = folder / DESCRIPTION
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    write_sums(folder)


@cache
def _built(decoder: str) -> Path:
    """A bundle for this process to copy: exporting takes seconds."""
    keep = tempfile.TemporaryDirectory()
    atexit.register(keep.cleanup)
    folder, synthesizer = Path(keep.name) / "voice", random_synthesizer(decoder=decoder)
    export_synthesizer(synthesizer, folder / "fp32")
    (folder / "int8").mkdir()
    weights = {name: linear.weight.numpy() for name, linear in speaking_linears(synthesizer).items()}
    for graph in ("encoder.onnx", "decoder.onnx"):
        quantize_graph(folder / "fp32" / graph, folder / "int8" / graph, weights)
    export_speaker_encoder(folder / "speaker_encoder.onnx")
    (folder / DESCRIPTION).write_text(description(decoder).to_json(), encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text("# Made up\n")
    (folder / LEXICON).write_text("voiceloom\tvˈɔɪslˌuːm\n", encoding="utf-8")
    write_sums(folder)
    return folder
