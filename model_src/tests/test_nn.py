import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from made_up import SMALL_VITS

from voiceloom_model.config import VITS_PARTS, ModelConfig, VitsSizes, model_config
from voiceloom_model.features import MelConfig, log_mel, magnitude_frames
from voiceloom_model.nn.aligner import best_path, log_likelihood
from voiceloom_model.nn.decoder import InverseStft
from voiceloom_model.nn.discriminators import Discriminators
from voiceloom_model.nn.frames import Flow, expand
from voiceloom_model.nn.sound import Excitation, draw_excitation
from voiceloom_model.nn.spectral import LogMel
from voiceloom_model.nn.synthesizer import DECODERS, Synthesizer, context_frames
from voiceloom_model.nn.text import whole_durations
from voiceloom_model.runtime.windows import FIRST_FRAMES, LEAST_FRAMES, windows
from voiceloom_model.training.data import collate
from voiceloom_model.training.draws import draw

MEL = MelConfig()


def shaken(module, scale=0.05):
    """Leave the zero-initialised start, where much would hold trivially."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return module


def test_inverse_stft_gives_back_the_wave_it_was_analysed_from():
    wave = np.random.default_rng(0).standard_normal(256 * 30).astype(np.float32) * 0.1
    import librosa

    margin = (MEL.n_fft - MEL.hop_length) // 2
    spectrum = librosa.stft(np.pad(wave, margin, mode="reflect"), n_fft=1024, hop_length=256, center=False)
    spectrum = torch.from_numpy(spectrum.T.copy()).unsqueeze(0)
    made = InverseStft(1024, 256)(spectrum.abs().clamp(min=1e-9).log(), spectrum.angle())[0].numpy()
    assert made.shape == wave.shape
    np.testing.assert_allclose(made[1024:-1024], wave[1024:-1024], atol=1e-5)


def test_tensor_mel_equals_array_mel():
    wave = np.random.default_rng(1).standard_normal(256 * 20).astype(np.float32) * 0.1
    made = LogMel(MEL)(torch.from_numpy(wave).unsqueeze(0))[0].numpy().T
    np.testing.assert_allclose(made, log_mel(wave, MEL), atol=1e-4)
    assert made.shape[1] == magnitude_frames(wave, MEL).shape[1] == 20


def test_flow_reverse_undoes_forward(config):
    torch.manual_seed(1)
    flow = shaken(Flow(config)).eval()
    z, mask, speaker = torch.randn(2, 12, config.latent), torch.ones(2, 12, 1), torch.randn(2, 256)
    there = flow(z, mask, speaker)
    assert (there.flip(-1) - z).abs().max() > 0.01 and (there - z).abs().max() > 0.01
    torch.testing.assert_close(flow.reverse(there, mask, speaker), z, atol=1e-5, rtol=0)


def test_expand_repeats_tokens_and_says_where_each_frame_lies():
    hidden = torch.tensor([[[1.0], [2.0], [3.0]]])
    frames, positions = expand(hidden, torch.tensor([[1, 3, 2]]), 7)
    assert frames[0, :, 0].tolist() == [1, 2, 2, 2, 3, 3, 3]
    torch.testing.assert_close(positions[0, 1:4, 0], torch.tensor([0, 1 / 3, 2 / 3]))
    torch.testing.assert_close(positions[0, 1:4, 1], torch.tensor([2 / 3, 1 / 3, 0]))


def test_expand_can_begin_anywhere():
    hidden, durations = torch.randn(2, 5, 3), torch.tensor([[1, 3, 2, 4, 1], [2, 2, 2, 2, 2]])
    whole = expand(hidden, durations, 12)
    for start in (3, torch.tensor(3)):
        for part, all_of_it in zip(expand(hidden, durations, 4, start), whole, strict=True):
            assert torch.equal(part, all_of_it[:, 3:7])


PARTS_THAT_REACH = [
    {},
    {"decoder": "istft"},
    {"flow": "wavenet"},
    {**VITS_PARTS, "vits": SMALL_VITS},
    {"decoder": "hifigan", "vits": VitsSizes(upsample_channels=32)},
]


def every_frame_a_token(config, frames):
    """Random inputs of `decode`, one frame a token, so that prior, flow and decoder all see a change of one token."""
    durations = torch.ones(1, frames, dtype=torch.int64)
    noise, speaker = torch.randn(1, frames, config.latent), torch.randn(1, 256)
    return torch.randn(1, frames, config.hidden), durations, noise, speaker


@pytest.mark.parametrize("given", PARTS_THAT_REACH, ids=["ours", "istft", "wavenet", "vits", "hifigan"])
def test_a_frame_hears_as_far_as_its_context_and_no_further(config, given):
    torch.manual_seed(0)
    config = dataclasses.replace(config, **given)
    synthesizer, context = shaken(Synthesizer(config)).eval(), context_frames(config)
    hidden, durations, noise, speaker = every_frame_a_token(config, 2 * context + 21)
    for given in (hidden, noise):
        given.requires_grad_()
    middle = context + 10
    excitation = draw_excitation(noise.shape[1], config.hop_length, 3)
    wave = synthesizer.decode(hidden, durations, noise, speaker, 0, excitation).unflatten(1, (-1, config.hop_length))
    heard = [
        gradient.abs().sum(dim=-1)[0] > 0 for gradient in torch.autograd.grad(wave[0, middle].sum(), (hidden, noise))
    ]
    assert not any(frames[: middle - context].any() or frames[middle + context + 1 :].any() for frames in heard)
    assert heard[0][middle - context] or heard[0][middle + context]


@pytest.mark.parametrize("given", PARTS_THAT_REACH, ids=["ours", "istft", "wavenet", "vits", "hifigan"])
def test_windows_with_their_context_are_the_whole(config, given):
    torch.manual_seed(0)
    config = dataclasses.replace(config, **given)
    synthesizer, context = shaken(Synthesizer(config)).eval(), context_frames(config)
    hidden, durations, noise, speaker = every_frame_a_token(config, FIRST_FRAMES + LEAST_FRAMES)
    excitation = draw_excitation(noise.shape[1], config.hop_length, 3)
    waves, phase, hop = [], excitation.phase, config.hop_length
    with torch.no_grad():
        whole = synthesizer.sound(hidden, durations, noise, speaker, 0, excitation)
        # What rounds otherwise in a window may put a phase on the next step of its grid, unless the pitch is given.
        f0 = excitation.f0 if whole.f0 is None else whole.f0
        for window in windows(noise.shape[1], context):
            computed, anchor = slice(window.first, window.last), window.start - window.first
            breath = excitation.breath[:, window.first * hop : window.last * hop]
            here = Excitation(breath, phase, torch.tensor(anchor), f0[:, computed])
            sound = synthesizer.sound(hidden, durations, noise[:, computed], speaker, window.first, here)
            waves.append(sound.wave.unflatten(1, (-1, hop))[:, anchor : window.stop - window.first])
            if sound.cycles is not None and window.stop < window.last:
                phase = sound.cycles[:, window.stop - window.first]
    assert len(waves) == 2
    torch.testing.assert_close(torch.cat(waves, dim=1).flatten(1), whole.wave, atol=1e-5, rtol=0)


def test_a_part_that_does_not_say_how_far_it_reads_makes_the_context_unknown(config, monkeypatch):
    monkeypatch.setitem(DECODERS, "source", lambda config: torch.nn.Identity())
    assert context_frames(config) is None


@pytest.mark.parametrize(
    "given", [{}, {"alignment": "mel"}, {**VITS_PARTS, "vits": SMALL_VITS}], ids=["", "mel", "vits"]
)
def test_padding_changes_nothing_that_is_real(config, utterances, given):
    torch.manual_seed(0)
    synthesizer = shaken(Synthesizer(dataclasses.replace(config, **given))).eval()
    short, long = utterances[0], utterances[-1]
    alone, together = (collate(us, 256, [False] * len(us)) for us in ([short], [short, long]))
    noises = [draw(batch, [5, 6][: len(batch.tokens)], config, 32) for batch in (alone, together)]
    with torch.no_grad():
        one, two = (
            synthesizer(batch, noise.posterior_noise, noise.duration_noise)
            for batch, noise in zip((alone, together), noises, strict=True)
        )
    f, n = short.n_frames, len(short.tokens)
    assert torch.equal(one.durations[0, :n], two.durations[0, :n]) and int(one.durations[0].sum()) == f
    torch.testing.assert_close(one.duration[0], two.duration[0], atol=1e-3, rtol=1e-4)
    for name in ("prior_mean", "prior_mel", "posterior_mean", "latent_mel", "prior_latent"):
        if getattr(one, name) is not None:
            torch.testing.assert_close(getattr(one, name)[0, :f], getattr(two, name)[0, :f], atol=1e-4, rtol=0)


@pytest.mark.parametrize("alignment", ["mel", "latent"])
def test_network_that_aligns_by_itself_ignores_what_it_is_given(config, utterances, alignment):
    torch.manual_seed(0)
    synthesizer = shaken(Synthesizer(dataclasses.replace(config, alignment=alignment)))
    batch = collate(utterances[:2], 256, [False, False])
    noise = draw(batch, [1, 2], config, 32)
    durations = [
        synthesizer(given, noise.posterior_noise, noise.duration_noise).durations
        for given in (batch, batch._replace(durations=torch.zeros_like(batch.durations)))
    ]
    assert torch.equal(*durations) and durations[0].sum(dim=1).tolist() == batch.n_frames.tolist()


def test_diagonal_prior_evens_out_speech():
    scores = torch.zeros(1, 4, 20)
    scores[0, 0] = 0.1  # the first token would swallow all it may
    masks = torch.ones(1, 4, 1), torch.ones(1, 20, 1)
    assert best_path(scores, *masks, diagonal=0.0).tolist() == [[17, 1, 1, 1]]
    assert best_path(scores, *masks, diagonal=100.0).tolist() == [[5, 5, 5, 5]]


def test_likelihood_is_that_of_the_normal_distribution():
    torch.manual_seed(0)
    mean, log_std, target = torch.randn(1, 3, 5), 0.3 * torch.randn(1, 3, 5), torch.randn(1, 7, 5)
    expected = torch.distributions.Normal(mean.unsqueeze(2), log_std.exp().unsqueeze(2)).log_prob(target.unsqueeze(1))
    constant = -0.5 * 5 * math.log(2 * math.pi)
    torch.testing.assert_close(log_likelihood(mean, log_std, target) + constant, expected.sum(dim=-1))


def test_encode_and_decode_speak_as_long_as_the_durations_say(synthesizer):
    synthesizer.eval()
    tokens, speaker = torch.tensor([[1, 5, 6, 2]]), torch.zeros(1, 256)
    hidden, log_durations = synthesizer.encode(tokens, torch.zeros_like(tokens), torch.tensor([1]), speaker)
    durations = whole_durations(log_durations)
    assert (durations >= 1).all()
    noise = torch.randn(1, int(durations.sum()), synthesizer.config.latent)
    excitation = draw_excitation(noise.shape[1], 256, 1)
    wave = synthesizer.decode(hidden, durations, noise, speaker, excitation=excitation)
    assert wave.shape == (1, int(durations.sum()) * 256) and wave.isfinite().all()


def test_speaker_vector_reaches_text_durations_and_sound(synthesizer):
    shaken(synthesizer).eval()
    tokens = torch.tensor([[1, 5, 6, 2]])
    made = []
    for speaker in (torch.zeros(1, 256), torch.ones(1, 256)):
        hidden, log_durations = synthesizer.encode(tokens, torch.zeros_like(tokens), torch.tensor([1]), speaker)
        made.append((hidden, log_durations))
    assert (made[0][0] - made[1][0]).abs().max() > 1e-3 and (made[0][1] - made[1][1]).abs().max() > 1e-4


def test_discriminators_judge_every_part_and_are_slim():
    judge = Discriminators(16)
    scores, features = judge(torch.randn(2, 8192))
    assert len(scores) == len(features) == 8
    assert sum(parameter.numel() for parameter in judge.parameters()) < 1e6


@pytest.mark.parametrize("size, most", [("tiny", 2e6), ("small", 25e6), ("base", 60e6)])
def test_sizes_keep_their_budget(size, most):
    voice = Synthesizer(model_config(size, n_symbols=165, n_languages=64))
    assert sum(p.numel() for name, p in voice.named_parameters() if not name.startswith("posterior")) < most


@pytest.mark.parametrize("given, words", [({"latent": 7}, "latent 7"), ({"n_fft": 1000}, "does not divide")])
def test_impossible_sizes_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        model_config("tiny", n_symbols=3, n_languages=1, **given)


def test_unknown_size_names_the_choices():
    with pytest.raises(ValueError, match="tiny, small, base"):
        model_config("huge", n_symbols=3, n_languages=1)


def test_unknown_part_names_the_choices():
    with pytest.raises(ValueError, match="no decoder 'wavernn'; there are: source, istft, hifigan"):
        model_config("tiny", n_symbols=3, n_languages=1, decoder="wavernn")


def test_config_survives_json():
    config = model_config("tiny", n_symbols=3, n_languages=1, **VITS_PARTS, vits=SMALL_VITS)
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
