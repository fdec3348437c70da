"""Mel frames: librosa's numbers, on a grid that divides the waveform exactly, whatever the threads."""

import librosa
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from voiceloom_model.features import LOG_FLOOR, MelConfig, log_mel, pad_to_frames

CONFIG = MelConfig()


def _noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(samples).astype(np.float32) * 0.1


def test_mel_is_librosas():
    wave = _noise(256 * 40)
    padded = np.pad(wave, (CONFIG.n_fft - CONFIG.hop_length) // 2, mode="reflect")
    power = librosa.feature.melspectrogram(
        y=padded, sr=16000, n_fft=1024, hop_length=256, n_mels=80, fmax=8000, power=1.0, center=False
    )
    np.testing.assert_allclose(log_mel(wave, CONFIG), np.log(np.maximum(power, LOG_FLOOR)), atol=1e-4)


def test_frames_are_centred_on_their_hop():
    wave = np.zeros(256 * 40, np.float32)
    wave[256 * 17 + 128] = 1.0
    assert log_mel(wave, CONFIG).sum(axis=0).argmax() == 17


@pytest.mark.parametrize("samples", [1, 1023, 1024, 1025, 16000])
def test_padding_makes_whole_frames(samples):
    padded = pad_to_frames(_noise(samples), CONFIG)
    assert len(padded) % 256 == 0 and len(padded) >= max(samples, 1024) and len(padded) - samples < 1024
    assert log_mel(padded, CONFIG).shape == (80, len(padded) // 256)


def test_a_broken_frame_is_refused():
    with pytest.raises(ValueError, match="1000 samples are not a whole number"):
        log_mel(_noise(1000), CONFIG)


def test_threads_do_not_change_a_bit():
    wave = _noise(256 * 500)
    with threadpool_limits(1):
        alone = log_mel(wave, CONFIG)
    with threadpool_limits(2):
        assert np.array_equal(log_mel(wave, CONFIG), alone)
