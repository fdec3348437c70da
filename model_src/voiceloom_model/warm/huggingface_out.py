"""A voice of VITS parts written as a folder that `transformers.VitsModel.from_pretrained` opens.

Theirs has no languages and no stress, and only a table of speakers: one language, and where there is one speaker
their vector, are folded into the weights that they move.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from voiceloom_model.config import VITS_PARTS, ModelConfig
from voiceloom_model.text.languages import language_id
from voiceloom_model.warm.huggingface import (
    CONFIG,
    SIZES,
    SPEAKER_NAMES,
    SPEAKERS,
    TOKENIZER,
    VOCABULARY,
    WEIGHTS,
    WIDTHS,
)
from voiceloom_model.warm.names import huggingface_name
from voiceloom_model.warm.published import Extra, fold_speaker

if TYPE_CHECKING:
    from voiceloom_model.nn.synthesizer import Synthesizer

_DURATIONS = ("stochastic", "convolutional")


def save_hf(folder: str | Path, synthesizer: Synthesizer, extra: Extra) -> None:
    """Write configuration, weights, vocabulary and tokenizer of a voice, which then reads `extra.symbols`.

    Its tokenizer takes a string of symbols as it is: the text of the spread layout, `^_h_ə_$`. It speaks
    `extra.language`; `extra.speakers` are its `speaker_id`s in their order. Raises `ValueError` for what a
    `VitsModel` cannot be.
    """
    config = synthesizer.config
    _check(config, extra)
    weights = {name: value.detach().cpu() for name, value in synthesizer.state_dict().items()}
    _fold_language(weights, config, language_id(extra.language))
    vectors = list(extra.speakers.values()) or [torch.zeros(config.speaker_size)]
    table = _speaker_table(weights, config, vectors)
    if table is None:
        fold_speaker(weights, vectors[0])
    tensors = {} if table is None else {SPEAKERS: table}
    for name, value in weights.items():
        theirs = huggingface_name(name)
        if theirs is not None:
            tensors |= _unfolded(theirs, _in_their_shape(theirs, value))
    _write(Path(folder), tensors, _their_config(config, extra, 0 if table is None else len(table)), extra)


def _check(config: ModelConfig, extra: Extra) -> None:
    needed = {part: (choice,) for part, choice in VITS_PARTS.items() if part != "alignment"} | {"duration": _DURATIONS}
    others = [f"{part} {getattr(config, part)}" for part in needed if getattr(config, part) not in needed[part]]
    if others:
        raise ValueError(f"a Hugging Face voice is made of VITS parts; this one has {', '.join(others)}")
    if config.vits.resblock != 1:
        raise ValueError("a Hugging Face voice has HiFi-GAN's residual blocks 1; this one has 2, as Piper does")
    if max(extra.symbols.values(), default=-1) >= config.n_symbols:
        raise ValueError(f"the symbols need {max(extra.symbols.values()) + 1} rows; the voice has {config.n_symbols}")


def _fold_language(weights: dict[str, Tensor], config: ModelConfig, language: int) -> None:
    """Into the symbols, which the encoder scales and then adds both to: one language, and no stress."""
    added = weights.pop("text.languages.weight")[language] + weights.pop("text.stress.weight")[0]
    weights["text.symbols.weight"] = weights["text.symbols.weight"] + added / math.sqrt(config.hidden)


def _speaker_table(weights: Mapping[str, Tensor], config: ModelConfig, vectors: list[Tensor]) -> Tensor | None:
    """Speaker vectors as a table (at least 2, S); None where one speaker can be folded exactly."""
    heard = any(bool(weights[f"durations.speaker.{leaf}"].any()) for leaf in ("weight", "bias"))
    if len(vectors) > 1 or (config.duration == "convolutional" and heard):
        return torch.stack([vector.float() for vector in (vectors * 2 if len(vectors) == 1 else vectors)])
    return None


def _in_their_shape(theirs: str, value: Tensor) -> Tensor:
    """Theirs has convolutions of width one where ours has matrices, outside of attention."""
    if "emb_rel" in theirs:
        return value.unsqueeze(0)
    pointwise = value.ndim == 2 and ".attention." not in theirs and "embed_tokens" not in theirs
    return value.unsqueeze(-1) if pointwise or theirs.endswith((".translate", ".log_scale")) else value


def _unfolded(name: str, value: Tensor) -> dict[str, Tensor]:
    """A weight as theirs is stored: normalised in WaveNets, scale and direction apart."""
    if ".wavenet." not in name or not name.endswith(".weight"):
        return {name: value}
    scale = value.norm(dim=(1, 2), keepdim=True)
    direction = torch.where(scale > 0, value, torch.ones_like(value))  # of what is zero, any direction will do
    stem = f"{name.removesuffix('.weight')}.parametrizations.weight"
    return {f"{stem}.original0": scale, f"{stem}.original1": direction}


def _their_config(config: ModelConfig, extra: Extra, n_speakers: int) -> dict:
    return {
        "model_type": "vits",
        "architectures": ["VitsModel"],
        "dtype": "float32",
        **{theirs: getattr(config.vits, ours) for theirs, (ours, _) in SIZES.items()},
        **{theirs: getattr(config, ours) for theirs, (ours, _) in WIDTHS.items()},
        "spectrogram_bins": config.n_fft // 2 + 1,
        "use_stochastic_duration_prediction": config.duration == "stochastic",
        "num_speakers": max(n_speakers, 1),
        "speaker_embedding_size": config.speaker_size if n_speakers else 0,
        SPEAKER_NAMES: list(extra.speakers),
        "sampling_rate": extra.sample_rate_hz,
        "noise_scale": extra.noise_scale,
        "noise_scale_duration": extra.duration_noise_scale,
    }


def _write(folder: Path, tensors: Mapping[str, Tensor], config: Mapping, extra: Extra) -> None:
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    whole = {name: tensors[name].float().contiguous().clone() for name in sorted(tensors)}
    save_file(whole, folder / WEIGHTS, metadata={"format": "pt"})
    tokenizer = {
        "tokenizer_class": "VitsTokenizer",
        "pad_token": "_",
        "unk_token": "_",
        "add_blank": False,
        "normalize": False,
        "phonemize": False,
        "is_uroman": False,
        "language": extra.language,
        **extra.tokenizer,
    }
    for name, content in ((CONFIG, config), (VOCABULARY, dict(extra.symbols)), (TOKENIZER, tokenizer)):
        text = json.dumps(content, ensure_ascii=False, indent=2)
        (folder / name).write_text(f"{text}\n", encoding="utf-8")
