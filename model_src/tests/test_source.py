"""The source-filter decoder: what goes through the filters, and that filters change it as they say."""

import dataclasses

import numpy as np
import pytest
import torch

from voiceloom_model.nn.noise import NoisePower
from voiceloom_model.nn.sound import Excitation, draw_excitation
from voiceloom_model.nn.source import MIDDLE_HZ, PIECES, SourceDecoder, SourceFilter, octaves_above_middle, pulse_train
from voiceloom_model.nn.spectral import magnitudes
from voiceloom_model.training.data import contour

RATE, HOP, FRAMES = 16000, 256, 60
BINS = 1024 // PIECES // 2 + 1


@pytest.fixture
def head():
    return SourceFilter(1024 // PIECES, HOP // PIECES, RATE)


def filters(pulses=-30.0, turn=0.0, noise=-30.0):
    """Flat ones; -30 is silence."""
    return torch.cat([torch.full((1, PIECES * FRAMES, BINS), value) for value in (pulses, turn, noise)], dim=-1)


def excitation(f0=0.0, phase=0.0, anchor=0):
    drawn = draw_excitation(FRAMES, HOP, seed=1)
    f0 = torch.as_tensor(f0, dtype=torch.float32).expand(1, FRAMES)
    return drawn._replace(phase=torch.tensor([phase]), anchor=torch.tensor(anchor), f0=f0)


OCTAVES = torch.zeros(1, FRAMES)


def unity(head):
    """The log magnitude that lets a signal through as it is."""
    return float(torch.hann_window(head.n_fft).square().sum().sqrt().log())


def test_noise_through_open_filters_is_the_noise(head):
    given = excitation()
    wave, _, _ = head(filters(noise=unity(head)), OCTAVES, given)
    torch.testing.assert_close(wave[0, 256:-256], given.breath[0, 256:-256], atol=1e-5, rtol=0)


@pytest.mark.parametrize("f0", [55.0, 123.4, 400.0])
def test_pulses_have_the_pitch_and_even_harmonics(head, f0):
    wave, _, _ = head(filters(pulses=unity(head)), OCTAVES, excitation(f0))
    middle = wave[0, 1024:-1024].numpy()
    assert np.std(middle) == pytest.approx(1, rel=0.02)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 8 * len(middle)))
    frequencies = np.fft.rfftfreq(8 * len(middle), 1 / RATE)
    peaks = [spectrum[np.abs(frequencies - k * f0) < 3].max() for k in range(1, int(7000 / f0))]
    between = [spectrum[np.abs(frequencies - (k + 0.5) * f0) < 1].max() for k in range(1, int(7000 / f0))]
    assert max(peaks) < 1.1 * min(peaks) and max(between) < 0.02 * min(peaks)


def test_no_harmonic_lies_above_half_the_rate():
    phase = torch.arange(4000, dtype=torch.float64) * 3001 / RATE % 1
    spectrum = torch.fft.rfft(pulse_train(phase, torch.full_like(phase, 2)) * torch.hann_window(4000)).abs()
    loud = (spectrum > 0.01 * spectrum.max()).nonzero().squeeze(1) * RATE / 4000
    assert all(min(abs(hz - 3001), abs(hz - 6002)) < 20 for hz in loud.tolist())


def test_pulse_train_has_no_jump_where_its_formula_has_no_value():
    near = torch.tensor([-1e-6, 0.0, 1e-9, 1e-6, 0.5, 1 - 1e-6])
    harmonics = torch.full_like(near, 40.0)
    peak = 40 / np.sqrt(20)
    expected = [peak, peak, peak, peak, 0.0, peak]
    np.testing.assert_allclose(pulse_train(near, harmonics).numpy(), expected, atol=0.02 * peak)


def test_a_turn_of_half_a_cycle_is_the_opposite_sign(head):
    plain, turned = (
        head(filters(pulses=1.0, turn=turn), OCTAVES, excitation(120.0))[0][:, 512:-512] for turn in (0.0, np.pi)
    )
    torch.testing.assert_close(turned, -plain, atol=1e-4, rtol=0)


def test_the_phase_is_said_where_the_anchor_is(head):
    f0 = torch.linspace(90, 240, FRAMES)[None]
    _, heard, cycles = head(filters(), OCTAVES, excitation(f0, phase=0.25, anchor=20))
    assert torch.equal(heard, f0)
    assert cycles[0, 20] == 0.25
    advance = float((f0[0, 20] + f0[0, 21]) / 2 * HOP / RATE)
    assert float(cycles[0, 21]) == pytest.approx((0.25 + advance) % 1, abs=2e-4)
    assert float(cycles[0, 19] + (f0[0, 19] + f0[0, 20]) / 2 * HOP / RATE) % 1 == pytest.approx(0.25, abs=2e-4)


def test_pitch_is_the_networks_own_where_none_is_given(config):
    torch.manual_seed(2)
    decoder = SourceDecoder(config).eval()
    z, mask, speaker = torch.randn(1, FRAMES, config.latent), torch.ones(1, FRAMES, 1), torch.randn(1, 256)
    given = torch.zeros(FRAMES)
    given[:10] = 210.0
    sound = decoder(z, mask, speaker, excitation(f0=given))
    own = MIDDLE_HZ * torch.exp2(sound.octaves)
    assert (sound.f0[0, :10] == 210).all()
    torch.testing.assert_close(sound.f0[0, 10:], own[0, 10:])
    torch.testing.assert_close(octaves_above_middle(own), sound.octaves, atol=1e-5, rtol=0)


def test_without_an_excitation_it_says_so(config):
    with pytest.raises(ValueError, match="wants an excitation"):
        SourceDecoder(config)(torch.zeros(1, 3, config.latent), torch.ones(1, 3, 1), torch.zeros(1, 256))


def test_a_hop_that_cannot_be_cut_is_refused(config):
    with pytest.raises(ValueError, match="hop_length 250 must be a multiple of 4"):
        dataclasses.replace(config, hop_length=250, n_fft=1000)


def test_contour_is_drawn_through_on_a_musical_scale():
    f0 = np.array([0, 100, 0, 400, 0, 0], np.float32)
    np.testing.assert_allclose(contour(f0), [100, 100, 200, 400, 400, 400], rtol=1e-6)
    assert (contour(np.zeros(4, np.float32)) == 100).all()


def test_excitation_is_the_same_on_every_call():
    assert all(torch.equal(*pair) for pair in zip(draw_excitation(5, HOP, 3), draw_excitation(5, HOP, 3), strict=True))
    assert isinstance(draw_excitation(5, HOP, 3), Excitation)


@pytest.mark.parametrize(("n_fft", "hop", "center"), [(512, 128, True), (1024, 256, False), (256, 64, True)])
def test_expected_noise_is_the_mean_of_many_draws(head, n_fft, hop, center):
    torch.manual_seed(4)
    coarse = torch.randn(1, 12, 8).mul(0.7)
    curve = torch.nn.functional.interpolate(coarse[None], (PIECES * FRAMES, BINS), mode="bilinear")[0]
    made = filters()
    made[..., -BINS:] = curve
    breaths = [excitation()._replace(breath=torch.randn(1, FRAMES * HOP)) for _ in range(400)]
    waves = torch.cat([head(made, OCTAVES, breath)[0] for breath in breaths])
    margin = 0 if center else (n_fft - hop) // 2
    padded = torch.nn.functional.pad(waves[:, None], (margin, margin), mode="reflect")[:, 0]
    found = magnitudes(padded, n_fft, hop, center=center).square().mean(dim=0)
    expected = NoisePower(n_fft, hop, HOP // PIECES, 1024 // PIECES, center)(curve, FRAMES * HOP)[0]
    apart = (found / expected).log()[:, 3:-3]
    assert apart.mean().abs() < 0.03 and apart.std() < 0.15


def test_in_training_the_noise_is_told_and_left_out_where_nothing_breathes(config):
    torch.manual_seed(2)
    decoder = SourceDecoder(dataclasses.replace(config, dropout=0.0))
    z, mask, speaker = torch.randn(1, FRAMES, config.latent), torch.ones(1, FRAMES, 1), torch.randn(1, 256)
    heard = decoder(z, mask, speaker, excitation(120.0))
    silent = decoder(z, mask, speaker, excitation(120.0)._replace(breath=None))
    assert torch.equal(heard.tonal, silent.wave) and torch.equal(heard.noise, silent.noise)
    assert (heard.wave - heard.tonal).std() > 0.01 and decoder.eval()(z, mask, speaker, excitation(120.0)).noise is None
