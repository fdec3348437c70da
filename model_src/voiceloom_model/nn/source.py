"""The source-filter decoder: the network says pitch and filters, and pulses and noise are made to go through them.

A harmonic-plus-noise model (Stylianou 2001) whose filters a network learns by gradient descent through it (Engel et al.
2020, DDSP; Liu et al. 2020, NHV). An inverse STFT alone must invent phases that agree from frame to frame; here they
follow from the pitch, so far fewer steps make a clear voice, and without discriminators.

Letters: B batch, F frames, L latent, S speaker channels, T = F × hop samples, P pieces a frame, N FFT size of a piece,
K = N/2 + 1 bins.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from voiceloom_model.config import ModelConfig
from voiceloom_model.nn.decoder import MAX_LOG_MAGNITUDE, InverseStft
from voiceloom_model.nn.layers import ConvNextStack
from voiceloom_model.nn.sound import Excitation, Sound
from voiceloom_model.nn.text import block_options

#: A frame of 16 ms is too long for a plosive: filters change this many times in it.
PIECES = 4
#: The pitch that an output of zero stands for, and how many octaves to either side can be said.
MIDDLE_HZ, OCTAVES = 150.0, 2.5
#: Phases are added up in these parts of a cycle.
PHASE_STEPS = 4096.0
#: What filters begin with, so that the first sounds are neither silent nor deafening (natural logarithms).
FIRST_PULSES, FIRST_NOISE = 0.0, -2.0


def octaves_above_middle(f0: Tensor) -> Tensor:
    """Pitch in Hz as the network says it, within what it can say."""
    return (f0 / MIDDLE_HZ).log2().clamp(-OCTAVES, OCTAVES)


class SourceDecoder(nn.Module):
    """Latent (B, F, L), mask (B, F, 1), speaker (B, S), excitation → `Sound`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        n_fft, hop_length = config.n_fft // PIECES, config.hop_length // PIECES
        self.bins = n_fft // 2 + 1
        outputs = PIECES * 3 * self.bins + 1
        self.stack = ConvNextStack(
            config.latent, config.decoder_width, outputs, config.decoder_blocks, block_options(config)
        )
        self.head = SourceFilter(n_fft, hop_length, config.sample_rate_hz)
        self.reach = self.stack.reach + 2  # pieces overlap into the next frame, whose pitch is drawn to the one after
        with torch.no_grad():
            self.stack.leave.weight.mul_(0.3)
            biases = self.stack.leave.bias[:-1].view(PIECES, 3, self.bins)
            biases[:, 0] += FIRST_PULSES
            biases[:, 2] += FIRST_NOISE

    def forward(self, z: Tensor, mask: Tensor, speaker: Tensor, excitation: Excitation | None = None) -> Sound:
        """Turn latents into sound; `ValueError` without an excitation."""
        if excitation is None:
            raise ValueError("a decoder that is a source and filters wants an excitation")
        filters, octaves = self.controls(z, mask, speaker)
        wave, f0, cycles = self.head(filters, octaves, excitation)
        if not self.training:
            return Sound(wave, octaves, f0, cycles)
        tonal = wave if excitation.breath is None else self.head(filters, octaves, excitation._replace(breath=None))[0]
        return Sound(wave, octaves, f0, cycles, tonal, filters[..., -self.bins :])

    def controls(self, z: Tensor, mask: Tensor, speaker: Tensor) -> tuple[Tensor, Tensor]:
        """What the network says: filters (B, P × F, 3 × K) and octaves above middle (B, F)."""
        said = self.stack(z, mask, speaker).float()
        filters = said[..., :-1].reshape(said.shape[0], -1, 3 * self.bins)
        return filters, OCTAVES * torch.tanh(said[..., -1])


class SourceFilter(nn.Module):
    """Filters (B, P × F, 3 × K), octaves above middle (B, F), excitation → wave (B, T), f0 in Hz and cycles (B, F).

    A piece's filters are log magnitudes for the pulses, phases added to theirs, and log magnitudes for the noise. Runs
    in float32 whatever the autocast; DFTs are matrix products, for what exports must hold nothing that ONNX Runtime or
    TensorRT lacks.
    """

    cosines: Tensor
    sines: Tensor
    forward_cosines: Tensor
    forward_sines: Tensor

    def __init__(self, n_fft: int, hop_length: int, sample_rate_hz: int) -> None:
        super().__init__()
        self.n_fft, self.hop_length, self.sample_rate_hz = n_fft, hop_length, sample_rate_hz
        self.inverse = InverseStft(n_fft, hop_length)
        cosines, sines = forward_dft(n_fft)
        self.register_buffer("forward_cosines", cosines, persistent=False)
        self.register_buffer("forward_sines", sines, persistent=False)

    def forward(
        self, filters: Tensor, octaves: Tensor, excitation: Excitation, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Synthesise. Where a mask (B, F, 1) is 0, which may be at the end alone, it is as if no frame were there."""
        with torch.autocast(filters.device.type, enabled=False):
            f0 = torch.where(excitation.f0 > 0, excitation.f0, MIDDLE_HZ * torch.exp(math.log(2) * octaves.float()))
            pulses, cycles = self._pulses(f0.float(), excitation, mask)
            breath = None if excitation.breath is None else excitation.breath.float()
            voiced, turn, noisy = filters.float().chunk(3, dim=-1)
            if mask is not None:
                samples = mask.expand(-1, -1, PIECES * self.hop_length).flatten(1)
                pulses, breath = pulses * samples, None if breath is None else breath * samples
                padded = mask.expand(-1, -1, PIECES).flatten(1).unsqueeze(-1) == 0
                voiced, noisy = voiced.masked_fill(padded, -torch.inf), noisy.masked_fill(padded, -torch.inf)
            real, imaginary = self._spectrum(pulses)
            voiced, noisy = (part.clamp(max=MAX_LOG_MAGNITUDE).exp() for part in (voiced, noisy))
            cosine, sine = turn.cos() * voiced, turn.sin() * voiced
            real, imaginary = real * cosine - imaginary * sine, real * sine + imaginary * cosine
            if breath is not None:
                breath_real, breath_imaginary = self._spectrum(breath)
                real, imaginary = real + breath_real * noisy, imaginary + breath_imaginary * noisy
            return self.inverse.of_spectrum(real, imaginary), f0, cycles

    def _pulses(self, f0: Tensor, excitation: Excitation, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Pulses (B, T) of unit power, every harmonic below half the sample rate alike; and cycles (B, F).

        Pitch is drawn straight from the beginning of a frame to that of the next. A frame's part of a cycle is rounded
        to a grid on which float32 adds up 65 s without an error, so that neither windows nor machines drift apart; the
        rounding, 0.1 cents of pitch, is spread over the frame.
        """
        hop = PIECES * self.hop_length
        after = torch.cat([f0[:, 1:], f0[:, -1:]], dim=1)
        if mask is not None:
            following = nn.functional.pad(mask[:, 1:, 0], (0, 1))
            after = torch.where(following > 0, after, f0)
        advance = (f0 + after) * (0.5 * hop / self.sample_rate_hz)
        steps = (fraction(advance) * PHASE_STEPS).round()
        passed = steps.cumsum(dim=1) - steps
        anchored = (excitation.phase.float() * PHASE_STEPS).round().unsqueeze(1)
        cycles = fraction((passed - passed.index_select(1, excitation.anchor.reshape(1)) + anchored) / PHASE_STEPS)
        rounding = (steps / PHASE_STEPS - fraction(advance)).unsqueeze(2)
        times = torch.arange(hop, device=f0.device, dtype=f0.dtype) / hop
        here, slope = f0.unsqueeze(2), (after - f0).unsqueeze(2)
        turned = (here * times + 0.5 * slope * times * times) * (hop / self.sample_rate_hz)
        phase = fraction(cycles.unsqueeze(2) + turned + rounding * times)
        harmonics = (0.5 * self.sample_rate_hz / (here + slope * times)).floor()
        return pulse_train(phase, harmonics).flatten(1), cycles

    def _spectrum(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts (B, P × F, K) of the pieces of a wave (B, T), as if nothing were on either side."""
        hop, overlap = self.hop_length, self.inverse.overlap
        margin = (self.n_fft - hop) // 2
        hops = nn.functional.pad(wave, (margin, margin)).unflatten(-1, (-1, hop))
        pieces = hops.shape[1] - overlap + 1
        windows = torch.stack([hops[:, k : k + pieces] for k in range(overlap)], dim=2).flatten(2)
        return windows @ self.forward_cosines, windows @ self.forward_sines


def fraction(values: Tensor) -> Tensor:
    """What is left without whole numbers, from 0 up to 1."""
    return values - values.floor()


def pulse_train(phase: Tensor, harmonics: Tensor) -> Tensor:
    """The sum of so many cosines of the phase in cycles, at unit power: Dirichlet's kernel without its constant."""
    half = math.pi * phase
    below = half.sin()
    near = below.abs() < 1e-4
    kernel = ((2 * harmonics + 1) * half).sin() / torch.where(near, torch.ones_like(below), below)
    total = torch.where(near, 2 * harmonics, kernel - 1)
    return 0.5 * total / (0.5 * harmonics).clamp(min=0.5).sqrt()


def forward_dft(n_fft: int) -> tuple[Tensor, Tensor]:
    """Windowed DFT matrices (N, K) for the real and the imaginary part, scaled so that unit noise has unit bins."""
    samples = torch.arange(n_fft, dtype=torch.float64).unsqueeze(1)
    bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64)
    window = torch.hann_window(n_fft, periodic=True, dtype=torch.float64).unsqueeze(1)
    angles = 2 * math.pi * samples * bins / n_fft
    scale = window / window.square().sum().sqrt()
    return (angles.cos() * scale).float(), (-angles.sin() * scale).float()
