"""A bundle of the preset `small` with random weights that speaks at the pace of a person.

Speed and size do not depend on what the weights say, as long as a phoneme lasts as long as in speech.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
from _pipeline import ROOT

#: 85 ms a phoneme at 16 kHz and hop 256: some 12 phonemes a second.
FRAMES_A_PHONEME = 5.3


def build_voice(bundle: Path) -> Path:
    """Write the bundle, fp32 and int8."""
    from tasks.export import describe, write_graphs
    from tasks.params import ExportParams, load_params
    from voiceloom_model.eight_bits import speaking_linears
    from voiceloom_model.export.graphs import export_speaker_encoder
    from voiceloom_model.runtime.bundle import DESCRIPTION, LEXICON, write_sums
    from voiceloom_model.text import front_end_identity

    audio = load_params(ROOT / "params.yaml").audio
    synthesizer = random_synthesizer(audio)
    config = synthesizer.config
    export = ExportParams(precisions=["fp32", "int8"], parity_lengths=2, parity_tolerance=1e-4)
    write_graphs(synthesizer, list(speaking_linears(synthesizer)), bundle, export)
    export_speaker_encoder(bundle / "speaker_encoder.onnx")
    origin = {"corpus": "none", "speaker": "random", "language": "en-US", "licence": "none", "consent_id": "none"}
    vector = np.full(config.speaker_size, config.speaker_size**-0.5)
    written = {"mel": audio.model_dump(), "model": config.to_dict(), "speakers": {"random": vector.tolist()}}
    front_ends = {"en-US": front_end_identity("en-US")}
    description = describe(written, [{**origin, "content_key": "none", "duration_s": 1.0}], front_ends, export)
    (bundle / DESCRIPTION).write_text(description.to_json(), encoding="utf-8")
    shutil.copyfile(ROOT / "data" / "lexicon.tsv", bundle / LEXICON)
    write_sums(bundle)
    return bundle


def random_synthesizer(audio):
    """The network of the preset `small`, untrained."""
    import torch

    from voiceloom_model.config import model_config
    from voiceloom_model.nn.synthesizer import Synthesizer
    from voiceloom_model.text import N_LANGUAGES, N_SYMBOLS

    torch.manual_seed(0)
    sizes = {"n_mels": audio.n_mels, "n_fft": audio.n_fft, "hop_length": audio.hop_length}
    config = model_config("small", n_symbols=N_SYMBOLS, n_languages=N_LANGUAGES, **sizes)
    synthesizer = Synthesizer(config).eval().requires_grad_(False)
    for parameter in synthesizer.parameters():
        parameter.add_(0.02 * torch.randn_like(parameter))  # zeros that training would fill pack too well
    synthesizer.durations.stack.leave.weight.zero_()
    synthesizer.durations.stack.leave.bias.fill_(math.log(FRAMES_A_PHONEME))
    return synthesizer
