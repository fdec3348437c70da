"""A voice for the clients of Piper voices (piper-tts, sherpa-onnx, Home Assistant, screen readers).

Makes NAME.onnx, NAME.onnx.json and tokens.txt. A voice speaks one language, because its JSON names one voice of
espeak-ng. Ids are Piper's own whatever the voice heard, the graph turns them into what it knows: so any client will do,
and one tokens.txt (which sherpa-onnx wants) serves every voice in a folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch

from voiceloom_model.export.espeak import espeak_voice, rewriting
from voiceloom_model.export.graphs import _export as export_graph
from voiceloom_model.export.int8 import quantize_graph
from voiceloom_model.export.piper_graph import DURATION_NOISE_SCALE, NOISE_SCALE, Manner, PiperGraph
from voiceloom_model.runtime.bundle import Description
from voiceloom_model.text.languages import language_id
from voiceloom_model.text.symbols import END_ID, PAD_ID, START_ID, SYMBOLS

if TYPE_CHECKING:
    from voiceloom_model.nn.synthesizer import Synthesizer

TOKENS = "tokens.txt"
PIPER_VERSION = "1.0.0"  # of the JSON's layout: that which Piper's own trainer writes
_LOW_HZ = 16000  # Piper calls what is no better than this "low"
_EXAMPLE = "hɛlˈoʊ."


def export_piper(
    synthesizer: Synthesizer,
    description: Description,
    heard: Collection[str],
    folder: Path,
    language: str | None = None,
    eight_bit: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Write a Piper voice of one language (by default the default speaker's) into `folder`; returns `NAME.onnx`.

    `heard` are the symbols of the phonemes that the voice was trained on in that language; no other reaches it.
    `eight_bit` are the Linear weights (out, in) that become 8 bits, by name. Raises `ValueError` for a language whose
    phonemes espeak-ng, which reads for these clients, cannot give.
    """
    language = language or description.speakers[description.default_speaker]["language"]
    voice = PiperVoice(description, language, espeak_voice(language, description.front_ends[language], heard))
    path = folder / f"{voice.name}.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    _write_graph(PiperGraph(synthesizer, rewriting(voice.espeak, heard), voice.manner()), path)
    if eight_bit is not None:
        quantize_graph(path, path, eight_bit)
    model = onnx.load(path)
    onnx.helper.set_model_props(model, voice.properties())
    onnx.save(model, path)
    about = json.dumps(voice.about(), indent=2, ensure_ascii=False) + "\n"
    path.with_name(f"{path.name}.json").write_text(about, encoding="utf-8")
    lines = [f"{symbol} {index}\n" for symbol, index in _piper_symbols().items()]
    (folder / TOKENS).write_text("".join(lines), encoding="utf-8")
    return path


@dataclass(frozen=True)
class PiperVoice:
    """One language (a BCP 47 tag) of a bundle, as espeak-ng's voice `espeak` reads it."""

    description: Description
    language: str
    espeak: str

    @property
    def speakers(self) -> list[str]:
        """Whose language it is, in the order of their ids, the default speaker first; everyone if it is nobody's."""
        known, default = self.description.speakers, self.description.default_speaker
        own = [name for name, about in known.items() if about["language"] == self.language]
        return sorted(own or known, key=lambda name: (name != default, name))

    @property
    def locale(self) -> str:
        """`en_US` of `en-US`."""
        family, *others = self.language.split("-")
        return "_".join([family.lower(), *(part.upper() if len(part) == 2 else part for part in others)])

    @property
    def quality(self) -> str:
        """Piper's word for the sample rate."""
        return "low" if self.description.sample_rate_hz <= _LOW_HZ else "medium"

    @property
    def name(self) -> str:
        """As Piper's own voices are called: `en_US-ada-low`."""
        name = re.sub(r"\W+", "_", self.speakers[0].lower()).strip("_")
        return f"{self.locale}-{name or 'voice'}-{self.quality}"

    def manner(self) -> Manner:
        """What of it the graph holds."""
        known = self.description.speakers
        return Manner(
            speakers=torch.tensor([known[name]["embedding"] for name in self.speakers]),
            language=language_id(self.language),
            layout=self.description.layout,
            noise_scale=self.description.noise_scale,
            duration_noise_scale=self.description.duration_noise_scale,
        )

    def properties(self) -> dict[str, str]:
        """What sherpa-onnx, which has no JSON, reads from the graph itself."""
        about = {
            "model_type": "vits",
            "comment": "piper",
            "language": self.locale,
            "voice": self.espeak,
            "has_espeak": 1,
            "n_speakers": len(self.speakers),
            "sample_rate": self.description.sample_rate_hz,
            "license": ", ".join(self.description.licences),
        }
        return {key: str(value) for key, value in about.items()}

    def about(self) -> dict:
        """The JSON beside the graph. Clients pass over keys that they do not know, so the terms stand in it too."""
        family, _, region = self.locale.partition("_")
        ids = {name: index for index, name in enumerate(self.speakers)}
        return {
            "audio": {"sample_rate": self.description.sample_rate_hz, "quality": self.quality},
            "espeak": {"voice": self.espeak},
            "phoneme_type": "espeak",
            "num_symbols": len(SYMBOLS),
            "num_speakers": len(ids),
            "speaker_id_map": ids if len(ids) > 1 else {},
            "default_speaker_id": 0,
            "inference": {"noise_scale": NOISE_SCALE, "length_scale": 1.0, "noise_w": DURATION_NOISE_SCALE},
            "hop_length": self.description.hop_length,
            "language": {"code": self.locale, "family": family, "region": region},
            "dataset": self.name,
            "piper_version": PIPER_VERSION,
            "licences": self.description.licences,
            "consent_ids": self.description.consent_ids,
            "data_sha256": self.description.data_sha256,
            "phoneme_map": {},
            "phoneme_id_map": {symbol: [index] for symbol, index in _piper_symbols().items()},
        }


def _write_graph(graph: PiperGraph, path: Path) -> None:
    ids = [START_ID, *(SYMBOLS[symbol] for symbol in _EXAMPLE), END_ID]
    ids = [index for one in ids for index in (one, PAD_ID)][:-1]
    example = [torch.tensor([ids]), torch.tensor([len(ids)]), torch.tensor([NOISE_SCALE, 1.0, DURATION_NOISE_SCALE])]
    inputs = {"input": {1: "phonemes"}, "input_lengths": {}, "scales": {}}
    if len(graph.speakers) > 1:
        example.append(torch.tensor([0]))
        inputs["sid"] = {}
    outputs = {"output": {3: "samples"}, "frames": {1: "phonemes"}}
    export_graph(graph, tuple(example), path, inputs, outputs)


def _piper_symbols() -> dict[str, int]:
    """Symbol → id of a Piper client: Piper's own map, which ours follows, without its diphthongs."""
    return {symbol: index for symbol, index in SYMBOLS.items() if len(symbol) == 1}
