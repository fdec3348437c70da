"""The parts of VITS: each keeps its contract, flows come back, and the durations' bound is a bound."""

import dataclasses

import pytest
import torch

from voiceloom_model.config import VITS_PARTS, VitsSizes, model_config
from voiceloom_model.nn.frames import expand
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.nn.text import whole_durations
from voiceloom_model.nn.vits.durations import ConvolutionalDurations, SplineCoupling, StochasticDurations
from voiceloom_model.nn.vits.frames import TokenPrior, WavenetFlow, WavenetPosterior
from voiceloom_model.nn.vits.hifigan import HifiGan
from voiceloom_model.nn.vits.spline import spline
from voiceloom_model.nn.vits.text import RelativeTextEncoder, by_distance, by_key
from voiceloom_model.training.data import collate

SIZES = VitsSizes(
    text_layers=2,
    text_ffn=48,
    posterior_layers=3,
    flow_layers=2,
    upsample_rates=(8, 8, 4),
    upsample_kernels=(16, 16, 8),
    upsample_channels=16,
    resblock_kernels=(3, 5),
    resblock_dilations=((1, 3), (1, 3)),
    duration_channels=24,
)
CONFIG = model_config("tiny", n_symbols=40, n_languages=4, dropout=0.0, **{**VITS_PARTS, "alignment": "flat_start"})
CONFIG = dataclasses.replace(CONFIG, hidden=32, latent=16, vits=SIZES)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def shaken(module, scale=0.05):
    """Leave the zero-initialised start, where much would hold trivially."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return module.eval()


def test_relative_positions_reach_the_keys_at_their_distance():
    scores, n, window = torch.randn(2, 7, 5), 7, 2
    keys = by_key(scores, window)
    for query in range(n):
        for key in range(n):
            near = abs(key - query) <= window
            expected = scores[:, query, key - query + window] if near else torch.zeros(2)
            assert torch.equal(keys[:, query, key], expected)
    weights = torch.randn(2, n, n)
    # each undoes the other: <by_key(s), w> = <s, by_distance(w)>
    torch.testing.assert_close((keys * weights).sum(), (scores * by_distance(weights, window)).sum())


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_tokens_than_the_window_are_encoded(n):
    encoder = RelativeTextEncoder(CONFIG).eval()
    hidden = encoder(
        torch.ones(1, n).long(), torch.zeros(1, n).long(), torch.zeros(1).long(), None, torch.ones(1, n, 1)
    )
    assert hidden.shape == (1, n, 32) and hidden.isfinite().all()


def test_spline_comes_back_and_says_its_slope():
    x = torch.linspace(-7, 7, 57, requires_grad=True).reshape(1, -1)
    shape = torch.randn(1, 57, 29)
    y, log_slope = spline(x, shape, bins=10, tail=5.0)
    back, log_slope_back = spline(y, shape, bins=10, tail=5.0, reverse=True)
    torch.testing.assert_close(spline(back, shape, bins=10, tail=5.0)[0], y, atol=1e-4, rtol=0)
    torch.testing.assert_close(back, x, atol=2e-3, rtol=0)
    torch.testing.assert_close(log_slope_back, -log_slope, atol=2e-2, rtol=0)
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(slope.log(), log_slope, atol=1e-4, rtol=1e-4)
    outside = x.abs() > 5
    assert torch.equal(y[outside], x[outside]) and (y[~outside] - x[~outside]).abs().max() > 0.1


def test_spline_coupling_comes_back_and_says_its_determinant():
    coupling = shaken(SplineCoupling(CONFIG), 0.3)
    mask, condition, x = torch.ones(1, 2, 1), torch.randn(1, 2, 32), torch.randn(1, 2, 2)
    y, log_determinant = coupling(x, mask, condition)
    assert (y - x).abs().max() > 0.01
    torch.testing.assert_close(coupling(y, mask, condition, reverse=True)[0], x, atol=1e-4, rtol=0)
    jacobian = torch.autograd.functional.jacobian(lambda x: coupling(x, mask, condition)[0].flatten(), x).reshape(4, 4)
    torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], log_determinant[0], atol=1e-4, rtol=0)


@torch.no_grad()
def test_the_bound_and_the_samples_are_of_one_distribution():
    """exp(-loss), averaged over noise, is a duration's probability: it is as frequent among what is drawn."""
    draws, longest = 3000, 8
    part = shaken(StochasticDurations(dataclasses.replace(CONFIG, hidden=8)))
    hidden, speaker = torch.randn(1, 1, 8).expand(draws, -1, -1), torch.randn(1, 256).expand(draws, -1)
    inputs = hidden, torch.ones(draws, 1, 1), speaker
    drawn = whole_durations(part(*inputs, torch.randn(draws, 1, 2))).flatten()
    frequencies = torch.bincount(drawn, minlength=longest + 1)[1 : longest + 1] / draws
    assert frequencies.max() < 0.8  # something is left to chance
    probabilities = [
        (-part.loss(*inputs, torch.full((draws, 1), frames), torch.randn(draws, 1, 2))).exp().mean()
        for frames in range(1, longest + 1)
    ]
    torch.testing.assert_close(torch.stack(probabilities), frequencies, atol=0.04, rtol=0)


def test_stochastic_durations_learn_with_every_parameter():
    part = StochasticDurations(CONFIG)
    hidden, mask, speaker = torch.randn(4, 6, 32), torch.ones(4, 6, 1), torch.randn(4, 256)
    durations = torch.randint(2, 9, (4, 6))
    optimizer = torch.optim.Adam(part.parameters(), lr=3e-3)
    losses = []
    for step in range(25):
        loss = part.loss(hidden, mask, speaker, durations, torch.randn(4, 6, 2)).sum()
        optimizer.zero_grad()
        loss.backward()
        if step == 1:  # what begins at zero lets gradients through from the second step on
            assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert all(map(torch.isfinite, map(torch.tensor, losses)))
    assert sum(losses[-5:]) < sum(losses[:5]) - 5 * 24 * 0.2


def test_convolutional_durations_learn_with_every_parameter():
    part = ConvolutionalDurations(CONFIG).eval()
    hidden, mask, speaker = torch.randn(2, 6, 32), torch.ones(2, 6, 1), torch.randn(2, 256)
    durations = torch.randint(1, 9, (2, 6))
    loss = part.loss(hidden, mask, speaker, durations, None)
    loss.sum().backward()
    assert loss.shape == (2,) and all(p.grad.abs().sum() > 0 for p in part.parameters())


@pytest.mark.parametrize("kind", [StochasticDurations, ConvolutionalDurations])
def test_durations_round_up(kind):
    """Half a frame more, rounded to the nearest, is rounded up."""
    part = shaken(kind(CONFIG))
    inputs = torch.randn(1, 9, 32), torch.ones(1, 9, 1), torch.zeros(1, 256)
    log_frames = part(*inputs, None)
    frames = log_frames.exp() - 0.5
    assert (frames > 0).all()
    assert torch.equal(whole_durations(log_frames), frames.ceil().long())


@torch.no_grad()
def test_padding_changes_nothing_that_is_real():
    speaker, short, long = torch.randn(2, 256), 5, 9
    mask = torch.ones(2, long, 1)
    mask[0, short:] = 0
    tokens, none = torch.randint(0, 40, (2, long)), torch.zeros(2, long).long()
    text = shaken(RelativeTextEncoder(CONFIG))
    together = text(tokens, none, none[:, 0], speaker, mask)
    alone = text(tokens[:1, :short], none[:1, :short], none[:1, 0], speaker[:1], mask[:1, :short])
    torch.testing.assert_close(together[:1, :short], alone, atol=1e-5, rtol=0)
    durations, noise = torch.randint(1, 5, (2, long)), torch.randn(2, long, 2)
    for kind in (StochasticDurations, ConvolutionalDurations):
        part = shaken(kind(CONFIG))
        losses = part.loss(together, mask, speaker, durations, noise)
        loss = part.loss(alone, mask[:1, :short], speaker[:1], durations[:1, :short], noise[:1, :short])
        torch.testing.assert_close(losses[:1], loss, atol=1e-3, rtol=1e-4)
        made = part(together, mask, speaker, noise)[:1, :short]
        torch.testing.assert_close(made, part(alone, mask[:1, :short], speaker[:1], noise[:1, :short]))
    for part, size in ((WavenetPosterior(CONFIG), 513), (WavenetFlow(CONFIG), 16)):
        frames = torch.randn(2, long, size) * mask
        whole, cut = shaken(part)(frames, mask, speaker), part(frames[:1, :short], mask[:1, :short], speaker[:1])
        if isinstance(whole, tuple):
            whole, cut = whole[0], cut[0]
        torch.testing.assert_close(whole[:1, :short], cut, atol=1e-5, rtol=0)


@torch.no_grad()
def test_wavenet_flow_comes_back():
    flow = shaken(WavenetFlow(CONFIG), 0.3)
    z, mask, speaker = torch.randn(2, 12, 16), torch.ones(2, 12, 1), torch.randn(2, 256)
    mask[0, 9:] = 0
    there = flow(z * mask, mask, speaker)
    assert (there - z).abs().max() > 0.01
    torch.testing.assert_close(flow.reverse(there, mask, speaker), z * mask, atol=1e-4, rtol=0)


@torch.no_grad()
def test_token_prior_says_the_same_before_and_after_tokens_are_repeated():
    prior, hidden, durations = TokenPrior(CONFIG), torch.randn(1, 3, 32), torch.tensor([[2, 1, 3]])
    mean, _, mel = prior(hidden, hidden, torch.ones(1, 3, 1), None)
    frames, positions = expand(hidden, durations, 6)
    repeated, _, _ = prior(frames, positions, torch.ones(1, 6, 1), None)
    torch.testing.assert_close(repeated, mean.repeat_interleave(durations[0], dim=1))
    assert mel is None


@pytest.mark.parametrize("resblock", [1, 2])
def test_hifigan_makes_a_hop_a_frame(resblock):
    config = dataclasses.replace(CONFIG, vits=dataclasses.replace(SIZES, resblock=resblock))
    decoder = HifiGan(config)
    wave = decoder(torch.randn(2, 5, 16), torch.ones(2, 5, 1), torch.zeros(2, 256)).wave
    assert wave.shape == (2, 5 * 256) and wave.abs().max() <= 1
    plain = sum(len(block.plain) for block in decoder.resblocks)
    assert plain == (12 if resblock == 1 else 0)


def test_hifigan_of_another_hop_is_refused():
    with pytest.raises(ValueError, match="make 256 samples a frame, but hop_length is 128"):
        HifiGan(dataclasses.replace(CONFIG, hop_length=128))


@torch.no_grad()
def test_zero_projections_hear_no_speaker_and_others_do():
    voice = shaken(Synthesizer(CONFIG), 0.1)
    projections = [parameter for name, parameter in voice.named_parameters() if ".speaker." in name]
    for parameter in projections:
        parameter.zero_()
    tokens, zero = torch.tensor([[1, 5, 6, 2]]), torch.zeros(1, 4).long()

    def said(speaker):
        hidden, log_frames = voice.encode(tokens, zero, zero[:, 0], speaker, torch.ones(1, 4, 2))
        return log_frames, voice.decode(hidden, torch.full((1, 4), 3), torch.ones(1, 12, 16), speaker)

    speakers = torch.zeros(1, 256), torch.ones(1, 256)
    first, second = (said(speaker) for speaker in speakers)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    for parameter in projections:
        parameter.normal_(std=0.1)
    first, second = (said(speaker) for speaker in speakers)
    assert all((a - b).abs().max() > 1e-4 for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("alignment", ["flat_start", "latent"])
def test_a_network_of_vits_parts_trains_in_every_part(alignment, utterances):
    config = dataclasses.replace(CONFIG, alignment=alignment, duration="stochastic")
    voice = Synthesizer(config)
    batch = collate(utterances[:2], 256, [False, False])
    noise = torch.randn(*batch.mel.shape[:2], config.latent), torch.randn(*batch.tokens.shape, 2)
    outputs = voice(batch, *noise)
    kl = (outputs.prior_latent - outputs.prior_mean).square().mean() - outputs.prior_log_std.mean()
    wave = voice.decoder(outputs.latent, outputs.frame_mask, outputs.speaker).wave
    loss = kl + outputs.duration.sum() + wave.square().mean()
    loss.backward()
    silent = {name.split(".")[0] for name, p in voice.named_parameters() if p.grad is None}
    assert silent == set()


def test_stochastic_durations_stand_beside_our_own_parts(utterances):
    config = model_config("tiny", n_symbols=40, n_languages=4, dropout=0.0, duration="stochastic")
    voice = Synthesizer(config)
    batch = collate(utterances[:2], 256, [False, False])
    outputs = voice(batch, torch.randn(*batch.mel.shape[:2], config.latent), torch.randn(*batch.tokens.shape, 2))
    assert outputs.duration.shape == (2,) and outputs.duration.isfinite().all()
    noise = torch.randn(*batch.tokens.shape, 2)
    _, log_frames = voice.eval().encode(batch.tokens, batch.stress, batch.language, batch.speaker, noise)
    assert log_frames.shape == batch.tokens.shape and log_frames.isfinite().all()


@torch.no_grad()
def test_half_precision_keeps_durations_and_sound():
    part = shaken(StochasticDurations(CONFIG))
    inputs = torch.randn(2, 6, 32), torch.ones(2, 6, 1), torch.randn(2, 256)
    durations, noise = torch.randint(200, 400, (2, 6)), torch.randn(2, 6, 2)
    decoder, z = shaken(HifiGan(CONFIG)), (torch.randn(1, 8, 16), torch.ones(1, 8, 1), torch.zeros(1, 256))
    loss, wave = part.loss(*inputs, durations, noise), decoder(*z).wave
    with torch.autocast("cpu", torch.bfloat16):
        half_loss, half_wave = part.loss(*inputs, durations, noise), decoder(*z).wave
    torch.testing.assert_close(half_loss, loss, rtol=0.02, atol=0)
    assert half_wave.dtype == torch.float32
    torch.testing.assert_close(half_wave, wave, atol=0.02 * float(wave.abs().max()), rtol=0)


@pytest.mark.parametrize("duration", ["stochastic", "convolutional"])
def test_exported_graphs_speak_the_same_at_any_length(duration, tmp_path):
    import onnxruntime

    from voiceloom_model.export.graphs import export_synthesizer, random_inputs

    voice = shaken(Synthesizer(dataclasses.replace(CONFIG, duration=duration)), 0.1).requires_grad_(False)
    export_synthesizer(voice, tmp_path / "fp32")
    encoder, decoder = (
        onnxruntime.InferenceSession(tmp_path / "fp32" / f"{graph}.onnx") for graph in ("encoder", "decoder")
    )
    for tokens in (1, 4, 30):
        inputs = random_inputs(voice, tokens, seed=tokens)
        for session, given, expected in (
            (encoder, inputs.encoder, voice.encode(*inputs.encoder)),
            (decoder, (*inputs.decoder, inputs.start), [voice.decode(*inputs.decoder)]),
        ):
            names = [value.name for value in session.get_inputs()]
            made = session.run(None, {name: value.numpy() for name, value in zip(names, given, strict=True)})
            for a, b in zip(made, expected, strict=True):
                torch.testing.assert_close(torch.from_numpy(a), b, atol=1e-4, rtol=1e-4)
