"""What 8 bits do to a voice in PyTorch: rounding simulated layer by layer, and an 8-bit TorchScript voice.

Letters: N tokens, F frames, L latent, M mel bands, S speaker channels.
"""

from __future__ import annotations

import copy
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from voiceloom_model.features import MelConfig
from voiceloom_model.nn.spectral import LogMel
from voiceloom_model.nn.synthesizer import Synthesizer

#: The parts that `encode` and `decode` use; the rest is for training.
SPEAKING_PARTS = ("text", "durations", "prior", "flow", "decoder")
#: The TorchScript voice's file name.
TORCHSCRIPT = "voice.int8.ts"
#: Exported weights get 7 bits' range (see export.int8), inputs 8.
WEIGHT_LEVELS, INPUT_LEVELS = 64, 255


@dataclass(frozen=True)
class Example:
    """A text to speak: tokens, stress (1, N), language (1,), speaker (1, S), durations (1, N), noise (1, F, L).

    duration_noise (1, N, 2) where the durations are stochastic.
    """

    tokens: Tensor
    stress: Tensor
    language: Tensor
    speaker: Tensor
    durations: Tensor
    noise: Tensor
    duration_noise: Tensor | None = None

    @property
    def texts(self) -> tuple[Tensor, ...]:
        """What `encode` takes, in order."""
        noise = () if self.duration_noise is None else (self.duration_noise,)
        return self.tokens, self.stress, self.language, self.speaker, *noise


def speaking_linears(synthesizer: Synthesizer) -> dict[str, nn.Linear]:
    """The Linear layers that a voice speaks with, by name, in the network's order."""
    return {
        name: module
        for name, module in synthesizer.named_modules()
        if isinstance(module, nn.Linear) and name.split(".")[0] in SPEAKING_PARTS
    }


@contextmanager
def rounded(linears: Iterable[nn.Linear]) -> Iterator[None]:
    """Inside, the layers compute as at 8 bits: weights per channel, inputs per tensor as they come."""
    undo = []
    try:
        for linear in linears:
            undo.append((linear, linear.weight.data, linear.register_forward_pre_hook(_round_input)))
            linear.weight.data = _round_weight(linear.weight.data)
        yield
    finally:
        for linear, weight, hook in undo:
            linear.weight.data = weight
            hook.remove()


def _round_weight(weight: Tensor) -> Tensor:
    """(out, in) on symmetric levels of its own for every output channel."""
    step = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / WEIGHT_LEVELS
    return (weight / step).round() * step


def _round_input(module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """The one input on 256 levels between its smallest and its largest value, zero among them."""
    (x,) = inputs
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    step = ((high - low) / INPUT_LEVELS).clamp(min=1e-12)
    zero = (-low / step).round()
    return ((((x / step).round() + zero).clamp(0, INPUT_LEVELS) - zero) * step,)


class Probe:
    """How far a voice moves when some of its Linear layers go to 8 bits; durations and noise stay the examples'."""

    def __init__(self, synthesizer: Synthesizer, mel: MelConfig, examples: Sequence[Example]) -> None:
        self.linears = speaking_linears(synthesizer)
        self._synthesizer, self._log_mel, self._examples = synthesizer, LogMel(mel), examples
        self._exact = self._speak()

    def moved(self, names: Iterable[str]) -> tuple[float, float]:
        """Mean absolute change of the spoken log mel (nepers) and of the log durations it would have chosen."""
        with rounded([self.linears[name] for name in names]):
            found = self._speak()
        mels, durations = (
            [float((one - exact).abs().mean()) for one, exact in zip(ones, exacts, strict=True)]
            for ones, exacts in zip(found, self._exact, strict=True)
        )
        return sum(mels) / len(mels), sum(durations) / len(durations)

    @torch.inference_mode()
    def _speak(self) -> tuple[list[Tensor], list[Tensor]]:
        """The log mels (1, F, M) and log durations (1, N) of all examples."""
        mels, log_durations = [], []
        for x in self._examples:
            encoded, log_duration = self._synthesizer.encode(*x.texts)
            mels.append(self._log_mel(self._synthesizer.decode(encoded, x.durations, x.noise, x.speaker)))
            log_durations.append(log_duration)
        return mels, log_durations


def save_torchscript(synthesizer: Synthesizer, keep_float: Sequence[str], example: Example, path: Path) -> None:
    """Write a TorchScript voice (methods `encode`, `decode`), its Linear layers but the named at 8 bits."""
    from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

    chosen = {name: per_channel_dynamic_qconfig for name in speaking_linears(synthesizer) if name not in keep_float}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch announces that these move out of torch, which is pinned
        voice = quantize_dynamic(copy.deepcopy(synthesizer), chosen, dtype=torch.qint8)
        encoded, _ = voice.encode(*example.texts)
        sounds = (encoded, example.durations, example.noise, example.speaker)
        traced = torch.jit.trace_module(voice, {"encode": example.texts, "decode": sounds}, check_trace=False)
        frozen = torch.jit.freeze(traced, preserved_attrs=["encode", "decode"])
        buffer = io.BytesIO()
        torch.jit.save(frozen, buffer)
    _repack(buffer, path)


def _repack(archive: io.BytesIO, path: Path) -> None:
    """Copy a TorchScript archive without its debug records, which hold this machine's paths."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        for entry in source.infolist():
            if not entry.filename.endswith((".debug_pkl", "serialization_id")):
                target.writestr(zipfile.ZipInfo(entry.filename), source.read(entry))
