"""The network as ONNX graphs, by the TorchScript exporter: its graphs are six times smaller than dynamo's.

Letters: N tokens, H hidden, F frames, L latent, S speaker channels, T samples.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from voiceloom_model.nn.sound import Excitation, draw_excitation
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.nn.text import whole_durations

OPSET = 17
EXAMPLE_TOKENS = 12


class EncoderGraph(nn.Module):
    """tokens, stress (1, N), language (1,), speaker (1, S) → encoded (1, N, H), log_durations (1, N).

    Stochastic durations also want duration_noise (1, N, 2): noise is always an input, so a seed says what is heard.
    """

    def __init__(self, synthesizer: Synthesizer) -> None:
        super().__init__()
        self.synthesizer = synthesizer

    def forward(
        self,
        tokens: Tensor,
        stress: Tensor,
        language: Tensor,
        speaker: Tensor,
        duration_noise: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Encode text."""
        return self.synthesizer.encode(tokens, stress, language, speaker, duration_noise)


class DecoderGraph(nn.Module):
    """encoded (1, N, H), durations (1, N), noise (1, F, L), speaker (1, S), start () → wave (1, T).

    The wave of frames start … start + F of a text; durations are those of the whole text, noise those frames'. The
    network is cut here because a prior at frame rate needs whole durations, which the host rounds at a speed.

    A source and filters also want an excitation, breath (1, T), phase (1,), anchor (), f0 (1, F), and also give the
    pitch that is heard in Hz, and the pulses' phase in cycles as each frame begins, (1, F) each.
    """

    def __init__(self, synthesizer: Synthesizer) -> None:
        super().__init__()
        self.synthesizer = synthesizer

    def forward(
        self, encoded: Tensor, durations: Tensor, noise: Tensor, speaker: Tensor, start: Tensor, *excitation: Tensor
    ) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """Make sound."""
        given = Excitation(*excitation) if excitation else None
        sound = self.synthesizer.sound(encoded, durations, noise, speaker, start, given)
        if sound.f0 is None or sound.cycles is None:
            return sound.wave
        return sound.wave, sound.f0, sound.cycles


@dataclass(frozen=True)
class Inputs:
    """Random inputs of both graphs, named as the graphs name them; what a voice does not want is None."""

    tokens: Tensor
    stress: Tensor
    language: Tensor
    speaker: Tensor
    encoded: Tensor
    durations: Tensor
    noise: Tensor
    duration_noise: Tensor | None
    start: Tensor
    breath: Tensor | None = None
    phase: Tensor | None = None
    anchor: Tensor | None = None
    f0: Tensor | None = None

    @property
    def encoder(self) -> tuple[Tensor, ...]:
        """What the encoder takes, in order."""
        noise = () if self.duration_noise is None else (self.duration_noise,)
        return self.tokens, self.stress, self.language, self.speaker, *noise

    @property
    def decoder(self) -> tuple[Tensor, ...]:
        """What the decoder takes to speak the whole text, in order; `start` and what is in `excitation` follow."""
        return self.encoded, self.durations, self.noise, self.speaker

    @property
    def excitation(self) -> Excitation | None:
        """What pulses and noise are made of; None for a decoder that does without."""
        if self.breath is None or self.phase is None or self.anchor is None or self.f0 is None:
            return None
        return Excitation(self.breath, self.phase, self.anchor, self.f0)


@torch.no_grad()
def random_inputs(synthesizer: Synthesizer, tokens: int, seed: int) -> Inputs:
    """Inputs for a text of `tokens` random tokens, each one to nine frames longer than the network says."""
    config, generator = synthesizer.config, torch.Generator().manual_seed(seed)
    ids = torch.randint(1, config.n_symbols, (1, tokens), generator=generator)
    stress = torch.randint(0, 3, (1, tokens), generator=generator)
    language = torch.randint(0, config.n_languages, (1,), generator=generator)
    speaker = nn.functional.normalize(torch.randn(1, config.speaker_size, generator=generator))
    size = synthesizer.durations.noise_size
    duration_noise = torch.randn(1, tokens, size, generator=generator) if size else None
    encoded, log_durations = synthesizer.encode(ids, stress, language, speaker, duration_noise)
    durations = whole_durations(log_durations) + torch.randint(1, 10, (1, tokens), generator=generator)
    frames = int(durations.sum())
    noise = torch.randn(1, frames, config.latent, generator=generator)
    excitation = draw_excitation(frames, config.hop_length, seed)._asdict() if config.decoder == "source" else {}
    start = torch.tensor(0)
    return Inputs(ids, stress, language, speaker, encoded, durations, noise, duration_noise, start, **excitation)


def export_synthesizer(synthesizer: Synthesizer, folder: Path) -> None:
    """Write `encoder.onnx` and `decoder.onnx`; the same weights give the same bytes."""
    folder.mkdir(parents=True)
    inputs = random_inputs(synthesizer, EXAMPLE_TOKENS, seed=0)
    tokens, frames, samples = {1: "tokens"}, {1: "frames"}, {1: "samples"}
    names = {"tokens": tokens, "stress": tokens, "language": {}, "speaker": {}}
    if inputs.duration_noise is not None:
        names["duration_noise"] = tokens
    _export(
        EncoderGraph(synthesizer),
        inputs.encoder,
        folder / "encoder.onnx",
        names,
        {"encoded": tokens, "log_durations": tokens},
    )
    excitation = tuple(one for one in inputs.excitation or () if one is not None)
    names = {"encoded": tokens, "durations": tokens, "noise": frames, "speaker": {}, "start": {}}
    _export(
        DecoderGraph(synthesizer),
        (*inputs.decoder, inputs.start, *excitation),
        folder / "decoder.onnx",
        names | ({"breath": samples, "phase": {}, "anchor": {}, "f0": frames} if excitation else {}),
        {"wave": samples} | ({"heard_f0": frames, "cycles": frames} if excitation else {}),
    )


def export_speaker_encoder(path: Path) -> None:
    """Write the speaker encoder: wave (1, T) at 16 kHz → speaker (1, S)."""
    from voiceloom_model.speaker import SAMPLE_RATE_HZ, load_speaker_encoder

    example = torch.randn(1, 3 * SAMPLE_RATE_HZ, generator=torch.Generator().manual_seed(0))
    _export(load_speaker_encoder(), (example,), path, {"wave": {1: "samples"}}, {"speaker": {}})


def _export(
    module: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    inputs: dict[str, dict],
    outputs: dict[str, dict],
) -> None:
    """Trace `module`; `inputs` and `outputs` map names to their free axes."""
    with _free_lengths(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every shape it reads; parity is what we test
        torch.onnx.export(
            module.eval(),  # the exporter puts back the mode it found
            example,
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: axes for name, axes in (inputs | outputs).items() if axes},
        )


@contextmanager
def _free_lengths() -> Iterator[None]:
    """Keep lengths free through `unflatten`, whose own translation fixes them to the example's."""
    torch.onnx.register_custom_op_symbolic("aten::unflatten", _unflatten_last, OPSET)
    try:
        yield
    finally:
        torch.onnx.unregister_custom_op_symbolic("aten::unflatten", OPSET)


def _unflatten_last(graph, x, dim, sizes):
    """`unflatten(-1, sizes)` as a reshape that copies every axis but the last; the size left open is the last or -1."""
    from torch.onnx import symbolic_helper

    rank: Any = symbolic_helper._get_tensor_rank(x)
    axis = symbolic_helper._parse_arg(dim, "i")
    assert axis in (-1, rank - 1), "only the last axis is ever unflattened"
    wanted: Any = symbolic_helper._parse_arg(sizes, "is")
    shape = torch.tensor([0] * (rank - 1) + (wanted if -1 in wanted else [*wanted[:-1], -1]))
    return graph.op("Reshape", x, graph.op("Constant", value_t=shape))
