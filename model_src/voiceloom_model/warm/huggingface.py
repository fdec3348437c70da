"""Voices of Hugging Face's `VitsModel` (VITS, MMS) read; their weight normalisation is folded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from voiceloom_model.config import VITS_PARTS, ModelConfig
from voiceloom_model.text.languages import N_LANGUAGES
from voiceloom_model.warm.files import read_json, read_tensors
from voiceloom_model.warm.names import huggingface_name
from voiceloom_model.warm.published import PROJECTIONS, Extra, Published, assembled

CONFIG, WEIGHTS, VOCABULARY, TOKENIZER = "config.json", "model.safetensors", "vocab.json", "tokenizer_config.json"
_PICKLE = "pytorch_model.bin"
SPEAKERS = "embed_speaker.weight"
SPEAKER_NAMES = "speaker_names"  # ours: theirs are nameless
_BLANK = "_"
_WHOLE = f"a Hugging Face voice is a folder with {CONFIG} and {WEIGHTS}"

#: Theirs → ours, and the value that their configuration leaves out.
SIZES = {
    "num_hidden_layers": ("text_layers", 6),
    "window_size": ("text_window", 4),
    "ffn_dim": ("text_ffn", 768),
    "ffn_kernel_size": ("text_ffn_kernel", 3),
    "posterior_encoder_num_wavenet_layers": ("posterior_layers", 16),
    "prior_encoder_num_wavenet_layers": ("flow_layers", 4),
    "wavenet_kernel_size": ("wavenet_kernel", 5),
    "wavenet_dilation_rate": ("wavenet_dilation_rate", 1),
    "duration_predictor_kernel_size": ("duration_kernel", 3),
    "duration_predictor_num_flows": ("duration_flows", 4),
    "duration_predictor_flow_bins": ("duration_bins", 10),
    "duration_predictor_tail_bound": ("duration_tail", 5.0),
    "duration_predictor_filter_channels": ("duration_channels", 256),
    "upsample_rates": ("upsample_rates", [8, 8, 2, 2]),
    "upsample_kernel_sizes": ("upsample_kernels", [16, 16, 4, 4]),
    "upsample_initial_channel": ("upsample_channels", 512),
    "resblock_kernel_sizes": ("resblock_kernels", [3, 7, 11]),
    "resblock_dilation_sizes": ("resblock_dilations", [[1, 3, 5], [1, 3, 5], [1, 3, 5]]),
    "leaky_relu_slope": ("leaky_slope", 0.1),
}
WIDTHS = {
    "vocab_size": ("n_symbols", 38),
    "hidden_size": ("hidden", 192),
    "num_attention_heads": ("text_heads", 2),
    "flow_size": ("latent", 192),
    "prior_encoder_num_flows": ("flow_couplings", 4),
    "hidden_dropout": ("dropout", 0.1),
}
#: What our parts are always like, and theirs may be otherwise.
_FIXED = {
    "use_bias": True,
    "hidden_act": "relu",
    "layer_norm_eps": 1e-5,
    "depth_separable_channels": 2,
    "depth_separable_num_layers": 3,
}


def load_hf(folder: str | Path) -> Published:
    """Read a folder that `VitsModel.save_pretrained` wrote: configuration, state of a `Synthesizer`, extra.

    Symbols keep their ids; `with_our_symbols` gives them ours. Each speaker of its table becomes a speaker vector.
    Raises `FileNotFoundError` or `ValueError` for what is no whole VITS voice in safetensors.
    """
    folder = Path(folder)
    theirs = read_json(folder / CONFIG, _WHOLE)
    if theirs.get("model_type") != "vits":
        raise ValueError(f"{folder} holds a {theirs.get('model_type', 'nameless')!r} model; expected 'vits'")
    config = _model_config(theirs, folder)
    tensors = _read_weights(folder)
    if theirs.get("num_speakers", 1) > 1 and SPEAKERS not in tensors:
        raise ValueError(f"{folder / WEIGHTS} lacks {SPEAKERS}")
    rows = list(tensors.get(SPEAKERS, ()))
    may_lack = () if rows else (PROJECTIONS,)
    weights, fresh = assembled(config, lambda name: _folded(tensors, huggingface_name(name)), str(folder), may_lack)
    names = theirs.get(SPEAKER_NAMES) or [str(index) for index in range(len(rows))]
    tokenizer = read_json(folder / TOKENIZER, _WHOLE) if (folder / TOKENIZER).is_file() else {}
    extra = Extra(
        symbols=_symbols(folder, tokenizer),
        sample_rate_hz=theirs.get("sampling_rate", 16000),
        noise_scale=theirs.get("noise_scale", 0.667),
        duration_noise_scale=theirs.get("noise_scale_duration", 0.8),
        language=tokenizer.get("language") or "und",
        speakers=dict(zip(names, rows, strict=False)),
        tokenizer=tokenizer,
        fresh=fresh,
    )
    return Published(config, weights, extra)


def _read_weights(folder: Path) -> dict[str, Tensor]:
    if not (folder / WEIGHTS).is_file() and (folder / _PICKLE).is_file():
        raise ValueError(f"{folder / _PICKLE} is a pickle; save it as safetensors")
    return {name: value.float() for name, value in read_tensors(folder / WEIGHTS, _WHOLE).items()}


def _symbols(folder: Path, tokenizer: Mapping) -> dict[str, int]:
    """Symbol → row. Where blanks stand between symbols, the blank is row 0, whatever letter shares it."""
    symbols = read_json(folder / VOCABULARY, _WHOLE) if (folder / VOCABULARY).is_file() else {}
    return {_BLANK: 0, **symbols} if tokenizer.get("add_blank", True) else symbols


def _model_config(theirs: Mapping, folder: Path) -> ModelConfig:
    for name, value in _FIXED.items():
        if theirs.get(name, value) != value:
            raise ValueError(f"{folder} has {name} {theirs[name]!r}; the VITS parts here have {value!r}")
    sizes = {ours: theirs.get(name, default) for name, (ours, default) in SIZES.items()}
    widths = {ours: theirs.get(name, default) for name, (ours, default) in WIDTHS.items()}
    speakers = theirs.get("speaker_embedding_size", 0) if theirs.get("num_speakers", 1) > 1 else 0
    stochastic = theirs.get("use_stochastic_duration_prediction", True)
    widths |= {
        "n_languages": N_LANGUAGES,
        "n_fft": 2 * (theirs.get("spectrogram_bins", 513) - 1),
        "hop_length": math.prod(sizes["upsample_rates"]),
        "duration": "stochastic" if stochastic else "convolutional",
        **({"speaker_size": speakers} if speakers else {}),
    }
    return ModelConfig.from_dict({**VITS_PARTS, **widths, "vits": sizes})


def _folded(tensors: Mapping[str, Tensor], name: str | None) -> Tensor | None:
    """The weight of a name, its normalisation multiplied in; None where the folder has none."""
    if name is None or name in tensors:
        return tensors.get(name or "")
    path = name.removesuffix(".weight")
    for scale, direction in (
        (f"{path}.parametrizations.weight.original0", f"{path}.parametrizations.weight.original1"),
        (f"{path}.weight_g", f"{path}.weight_v"),
    ):
        if scale in tensors and direction in tensors:
            return torch._weight_norm(tensors[direction], tensors[scale], 0)
    return None
