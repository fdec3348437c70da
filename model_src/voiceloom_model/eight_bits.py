"""What 8 bits do to a voice in PyTorch: rounding simulated layer by layer, and an 8-bit TorchScript voice.

Letters: N tokens, H hidden, F frames, L latent, M mel bands, S speaker channels, T samples.
"""

from __future__ import annotations

import copy
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from voiceloom_model.features import MelConfig
from voiceloom_model.nn.sound import Excitation
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

    duration_noise (1, N, 2) where the durations are stochastic, an excitation where the decoder is a source.
    """

    tokens: Tensor
    stress: Tensor
    language: Tensor
    speaker: Tensor
    durations: Tensor
    noise: Tensor
    duration_noise: Tensor | None = None
    excitation: Excitation | None = None

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


class Moved(NamedTuple):
    """Mean absolute change of the spoken log mel (nepers), the log durations and the pitch (cents; 0 where none is)."""

    mel: float
    log_duration: float
    cents: float


class Probe:
    """How far a voice moves when some of its Linear layers go to 8 bits; durations, noise and pitch stay the examples'.

    A source at a slightly other pitch soon has other phases, and with them a mel that nobody hears as another.
    """

    def __init__(self, synthesizer: Synthesizer, mel: MelConfig, examples: Sequence[Example]) -> None:
        self.linears = speaking_linears(synthesizer)
        self._synthesizer, self._log_mel = synthesizer, LogMel(mel)
        self._examples = [_at_its_pitch(synthesizer, example) for example in examples]
        self._exact = self._speak()

    def moved(self, names: Iterable[str]) -> Moved:
        """What changes when the named layers are rounded."""
        with rounded([self.linears[name] for name in names]):
            found = self._speak()
        changes = [
            [float((one - other).abs().mean()) for one, other in zip(spoken, exact, strict=True)]
            for spoken, exact in zip(found, self._exact, strict=True)
        ]
        mel, log_duration, octaves = (sum(values) / len(values) for values in zip(*changes, strict=True))
        return Moved(mel, log_duration, 1200 * octaves)

    @torch.inference_mode()
    def _speak(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """The log mel (1, F, M), log durations (1, N) and octaves (1, F) of every example; zeros for no octaves."""
        spoken = []
        for x in self._examples:
            encoded, log_durations = self._synthesizer.encode(*x.texts)
            sound = self._synthesizer.sound(encoded, x.durations, x.noise, x.speaker, excitation=x.excitation)
            octaves = torch.zeros(1, 1) if sound.octaves is None else sound.octaves
            spoken.append((self._log_mel(sound.wave), log_durations, octaves))
        return spoken


@torch.inference_mode()
def _at_its_pitch(synthesizer: Synthesizer, example: Example) -> Example:
    """The example with the pitch that the exact voice says; as it is for a decoder without one."""
    if example.excitation is None:
        return example
    encoded, _ = synthesizer.encode(*example.texts)
    given = (encoded, example.durations, example.noise, example.speaker)
    f0 = synthesizer.sound(*given, excitation=example.excitation).f0
    assert f0 is not None, "what takes an excitation says its pitch"
    return replace(example, excitation=example.excitation._replace(f0=f0))


class Speaking(nn.Module):
    """A voice that takes and gives tensors alone: methods `encode` and `decode` of `Synthesizer`, a text in one go."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        super().__init__()
        self.synthesizer = synthesizer

    def encode(
        self, tokens: Tensor, stress: Tensor, language: Tensor, speaker: Tensor, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Tokens, stress (1, N), language (1,), speaker (1, S) → encoded (1, N, H), log frames (1, N)."""
        return self.synthesizer.encode(tokens, stress, language, speaker, noise)

    def decode(
        self,
        encoded: Tensor,
        durations: Tensor,
        noise: Tensor,
        speaker: Tensor,
        breath: Tensor | None = None,
        phase: Tensor | None = None,
        anchor: Tensor | None = None,
        f0: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """Hidden (1, N, H), durations (1, N), noise (1, F, L), speaker (1, S), excitation → wave (1, T).

        Of a source and filters, which alone takes an excitation, also pitch in Hz and cycles, (1, F) each.
        """
        if breath is None or phase is None or anchor is None or f0 is None:
            return self.synthesizer.decode(encoded, durations, noise, speaker)
        sound = self.synthesizer.sound(
            encoded, durations, noise, speaker, excitation=Excitation(breath, phase, anchor, f0)
        )
        assert sound.f0 is not None and sound.cycles is not None, "only a source takes an excitation"
        return sound.wave, sound.f0, sound.cycles


def save_torchscript(synthesizer: Synthesizer, keep_float: Sequence[str], example: Example, path: Path) -> None:
    """Write a TorchScript voice (methods `encode`, `decode`), its Linear layers but the named at 8 bits."""
    from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

    chosen = {name: per_channel_dynamic_qconfig for name in speaking_linears(synthesizer) if name not in keep_float}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch announces that these move out of torch, which is pinned
        voice = Speaking(quantize_dynamic(copy.deepcopy(synthesizer), chosen, dtype=torch.qint8)).eval()
        encoded, _ = voice.encode(*example.texts)
        sounds = (encoded, example.durations, example.noise, example.speaker, *(example.excitation or ()))
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
