"""The speaker encoder: whose voice a waveform is, as a unit vector (a d-vector).

The network and its weights are Resemblyzer's (GE2E, Wan et al. 2018, arXiv:1710.10467), read from the
installed package without importing it. The mel front end lies inside, as a convolution, so that all of it
exports to ONNX.

Letters: T samples at 16 kHz, F frames of 10 ms, P partial windows of 1.6 s, E = 256.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.onnx.operators import shape_as_tensor

from voiceloom_model.speaker_weights import weights_path

SAMPLE_RATE_HZ = 16000
EMBEDDING_SIZE = 256
N_FFT, HOP, N_MELS = 400, 160, 40
PARTIAL_FRAMES = 160
PARTIAL_STEP = round(SAMPLE_RATE_HZ / 1.3 / HOP)  # frames between the starts of windows: 1.3 windows a second
MIN_COVERAGE = 0.75  # a last window with less speech than this is left out
GROUP = 16  # windows that go through the network at once
LOUDNESS_RMS = 10 ** (-30 / 20)  # quieter speech is raised to −30 dBFS


class SpeakerEncoder(nn.Module):
    """Waveform (1, T) float32 at 16 kHz in, unit vector (1, E) out; T is free."""

    fourier: Tensor
    mel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(N_MELS, 256, num_layers=3, batch_first=True)
        self.linear = nn.Linear(256, EMBEDDING_SIZE)
        self.register_buffer("fourier", _fourier_filters(), persistent=False)
        self.register_buffer("mel", _mel_filters(), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """The d-vector (1, E) of `wave` (1, T): the mean over its windows, as in Resemblyzer."""
        return functional.normalize(self.partials(wave).mean(dim=0, keepdim=True), dim=1)

    def partials(self, wave: Tensor) -> Tensor:
        """The d-vectors (P, E) of the windows of `wave` (1, T)."""
        return self.of_windows(self.windows(wave))

    def windows(self, wave: Tensor) -> Tensor:
        """The mel windows (P, 160, 40) of `wave` (1, T)."""
        rms = wave.pow(2).mean(dim=1, keepdim=True).sqrt()
        louder = wave * (LOUDNESS_RMS / rms.clamp_min(1e-8)).clamp_min(1.0)
        return self._windows(self._mel_frames(louder), shape_as_tensor(wave)[1])

    def of_windows(self, windows: Tensor) -> Tensor:
        """The d-vectors (P, E) of mel windows (P, 160, 40)."""
        _, (hidden, _) = self.lstm(windows)
        return functional.normalize(functional.relu(self.linear(hidden[-1])), dim=1)

    def _mel_frames(self, wave: Tensor) -> Tensor:
        """Mel powers (F, 40) of (1, T), zero-padded so that every window is whole."""
        padded = functional.pad(wave, (N_FFT // 2, N_FFT // 2 + PARTIAL_FRAMES * HOP))
        real, imaginary = functional.conv1d(padded[:, None], self.fourier, stride=HOP).chunk(2, dim=1)
        return torch.matmul(self.mel, real.pow(2) + imaginary.pow(2))[0].transpose(0, 1)

    def _windows(self, frames: Tensor, samples: Tensor) -> Tensor:
        """Windows (P, 160, 40) of (F, 40). All are at least three quarters speech, but for a lone one."""
        step, uncovered = PARTIAL_STEP * HOP, int(MIN_COVERAGE * PARTIAL_FRAMES * HOP) - PARTIAL_STEP * HOP
        count = torch.div(samples - uncovered, step, rounding_mode="floor").clamp_min(1)
        starts = torch.arange(count) * PARTIAL_STEP  # pyright: ignore[reportCallIssue, reportArgumentType]
        index = starts[:, None] + torch.arange(PARTIAL_FRAMES)
        return frames[index]


@lru_cache(maxsize=1)
def load_speaker_encoder() -> SpeakerEncoder:
    """The encoder with Resemblyzer's weights, in eval mode."""
    encoder = SpeakerEncoder()
    state = torch.load(weights_path(), map_location="cpu", weights_only=True)["model_state"]
    encoder.load_state_dict({name: state[name] for name in encoder.state_dict()})
    return encoder.eval().requires_grad_(False)


def embed(wave: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """The d-vector (256,) float32, unit length, of a mono waveform (T,) at any sample rate."""
    return embed_many([(wave, sample_rate_hz)])[0]


def embed_many(sounds: Sequence[tuple[np.ndarray, int]]) -> list[np.ndarray]:
    """The d-vectors (256,) of many waveforms with their rates; who is beside whom changes no bit.

    Windows go through the network `GROUP` at a time, the last group filled up with silence: it is twice as fast
    for many, and the shape of the sums, and so their rounding, is always the same.
    """
    encoder = load_speaker_encoder()
    with torch.inference_mode(), _one_thread():
        windows = [encoder.windows(_at_16k(wave, rate_hz)) for wave, rate_hz in sounds]
        if not windows:
            return []
        together = torch.cat(windows)
        filled = functional.pad(together, (0, 0, 0, 0, 0, -len(together) % GROUP))
        partials = torch.cat([encoder.of_windows(group) for group in filled.split(GROUP)])[: len(together)]
        means = [found.mean(dim=0, keepdim=True) for found in partials.split([len(found) for found in windows])]
        return [functional.normalize(mean, dim=1)[0].numpy() for mean in means]


def embed_windows(wave: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """The d-vectors (P, 256) float32, unit length each, of 1.6 s of a waveform (T,) every 0.77 s."""
    at_16k = _at_16k(wave, sample_rate_hz)
    with torch.inference_mode(), _one_thread():
        return load_speaker_encoder().partials(at_16k).numpy()


def _at_16k(wave: np.ndarray, sample_rate_hz: int) -> Tensor:
    """(T,) at any sample rate → (1, T) at 16 kHz."""
    if len(wave) == 0:
        raise ValueError("an empty waveform has no speaker; expected at least one sample")
    wave = np.asarray(wave, np.float32)
    if sample_rate_hz != SAMPLE_RATE_HZ:
        import librosa

        wave = librosa.resample(wave, orig_sr=sample_rate_hz, target_sr=SAMPLE_RATE_HZ)
    return torch.from_numpy(wave)[None]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums split over threads round differently; on one, the same waveform gives the same bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _fourier_filters() -> Tensor:
    """The Hann-windowed discrete Fourier transform as filters (2 × 201, 1, 400): cosines, then sines."""
    time = np.arange(N_FFT)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * time / N_FFT)
    angle = 2 * np.pi / N_FFT * np.outer(np.arange(N_FFT // 2 + 1), time)
    filters = np.concatenate([np.cos(angle), np.sin(angle)]) * window
    return torch.from_numpy(filters.astype(np.float32)[:, None])


def _mel_filters() -> Tensor:
    """librosa's Slaney mel filters (40, 201)."""
    import librosa

    return torch.from_numpy(librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=N_FFT, n_mels=N_MELS))
