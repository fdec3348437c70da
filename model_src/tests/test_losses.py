"""Every loss term moves the parameters that it should, and leaves alone those that it should not."""

import dataclasses

import pytest
import torch
from made_up import MEL, SMALL_VITS

from voiceloom_model import losses
from voiceloom_model.config import PARTS, VITS_PARTS
from voiceloom_model.nn.discriminators import Discriminators
from voiceloom_model.nn.sound import Sound
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.training.data import collate
from voiceloom_model.training.draws import draw
from voiceloom_model.training.steps import (
    LATENT_SHARE,
    SoundLosses,
    SpeakerJudge,
    WarmupStep,
    generator_terms,
    resampled,
    shaped,
    total,
)

MOVES = {
    "mel": {"posterior", "decoder"},
    "stft": {"posterior", "decoder"},
    "pitch": {"posterior", "decoder"},
    "speaker": {"posterior", "decoder"},
    "prior_mel": {"text", "prior"},
    "latent_mel": {"posterior", "latent_mel"},
    "duration": {"durations"},
    "kl": {"text", "prior", "posterior", "flow"},
    "align": {"text", "aligner"},
}


def moved_parts(module, loss) -> set[str]:
    """The named children that get a gradient other than zero from `loss`."""
    module.zero_grad(set_to_none=True)
    loss.backward(retain_graph=True)
    return {
        name
        for name, child in module.named_children()
        if any(p.grad is not None and p.grad.abs().max() > 0 for p in child.parameters())
    }


def shaken_terms(config, utterances, speaker_consistency=True):
    """The loss terms of a network that has left its zero-initialised start."""
    torch.manual_seed(2)
    synthesizer = Synthesizer(config)
    for parameter in synthesizer.parameters():
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    batch = collate(utterances[:3], 256, [True, False, True])
    draws = draw(batch, [1, 2, 3], config, 32)._replace(listened=torch.tensor([True, False, True]))
    terms = WarmupStep(synthesizer, MEL, 32, speaker_consistency)(batch, draws, losses.Counts.of(batch))
    return synthesizer, terms


@pytest.mark.parametrize("term", MOVES)
def test_term_moves_its_parameters_and_no_others(config, utterances, term):
    synthesizer, terms = shaken_terms(dataclasses.replace(config, alignment="mel"), utterances)
    assert terms.keys() == MOVES.keys()
    assert moved_parts(synthesizer, terms[term]) == MOVES[term]


@pytest.mark.parametrize("part, choice", [(part, choice) for part, choices in PARTS.items() for choice in choices])
def test_any_one_part_learns_beside_the_others(config, utterances, part, choice):
    synthesizer, terms = shaken_terms(dataclasses.replace(config, **{part: choice}, vits=SMALL_VITS), utterances, False)
    assert all(torch.isfinite(term) for term in terms.values())
    assert moved_parts(synthesizer, total(terms)) >= {
        "text",
        "durations",
        "prior",
        "posterior",
        "flow",
        "decoder",
    }


def test_all_of_vits_learns_together(config, utterances):
    synthesizer, terms = shaken_terms(dataclasses.replace(config, **VITS_PARTS, vits=SMALL_VITS), utterances, False)
    assert terms.keys() == {"mel", "stft", "kl", "duration"}
    assert moved_parts(synthesizer, total(terms)) == {
        "text",
        "durations",
        "prior",
        "posterior",
        "flow",
        "decoder",
    }


def test_table_of_speakers_learns_and_nobody_stays_nobody(config, utterances):
    known = [dataclasses.replace(utterance, speaker_id=index) for index, utterance in enumerate(utterances)]
    synthesizer, terms = shaken_terms(dataclasses.replace(config, n_speakers=5), known)
    total(terms).backward()
    moved = synthesizer.speakers.weight.grad.abs().amax(dim=1) > 0
    assert moved.tolist() == [False, True, True, False, False, False]


def test_halves_add_up_to_the_whole(synthesizer, utterances):
    synthesizer.eval()
    step, seeds = WarmupStep(synthesizer, MEL, 32, speaker_consistency=True), [7, 8, 9, 10]
    whole = collate(utterances[:4], 256, [False] * 4)
    counts = losses.Counts.of(whole)
    expected = step(whole, draw(whole, seeds, synthesizer.config, 32), counts)
    found = dict.fromkeys(expected, 0.0)
    for part in (slice(0, 1), slice(1, 4)):
        batch = collate(utterances[part], 256, [False] * len(utterances[part]))
        for name, term in step(batch, draw(batch, seeds[part], synthesizer.config, 32), counts).items():
            found[name] += float(term.detach())
    assert found == pytest.approx({name: float(term.detach()) for name, term in expected.items()}, rel=1e-4)


@pytest.mark.parametrize("decoder, share", [("source", LATENT_SHARE), ("istft", 1.0)])
def test_a_latent_that_its_mel_teaches_hears_the_decoder_less(config, decoder, share):
    latent = torch.randn(1, 4, config.latent, requires_grad=True)
    same = shaped(Synthesizer(dataclasses.replace(config, decoder=decoder)), latent)
    torch.testing.assert_close(same, latent)
    same.sum().backward()
    torch.testing.assert_close(latent.grad, torch.full_like(latent, share))


@pytest.mark.parametrize("term", ["adversarial", "feature_matching", "mel", "stft"])
def test_generator_terms_move_the_made_wave(term):
    torch.manual_seed(0)
    made = torch.randn(1, 4096, requires_grad=True)
    terms = generator_terms(SoundLosses(MEL), Discriminators(4), Sound(made), torch.randn(1, 4096))
    terms[term].backward()
    assert made.grad.abs().max() > 0


def test_speaker_judge_knows_a_voice_from_another_at_any_rate():
    from voiceloom_model.speaker import embed

    time = torch.arange(2 * 16000) / 16000
    low, high = (sum(torch.sin(2 * torch.pi * pitch * k * time) / k for k in range(1, 9)) * 0.1 for pitch in (110, 280))
    vectors = torch.stack([torch.from_numpy(embed(wave.numpy(), 16000)) for wave in (low, high)])
    unlike = SpeakerJudge(22050)(resampled(torch.stack([low, low]), 16000, 22050), vectors)
    assert unlike[0] < 0.02 and unlike[1] > unlike[0] + 0.05


def test_discriminator_loss_moves_every_discriminator():
    judge = Discriminators(4)
    torch.manual_seed(0)
    loss = losses.discriminator_loss(judge(torch.randn(1, 4096))[0], judge(torch.randn(1, 4096))[0]).sum()
    loss.backward()
    parts = [*judge.periods, *judge.resolutions]
    assert all(any(p.grad.abs().max() > 0 for p in part.parameters()) for part in parts)


def test_discriminators_learn_to_tell_two_sounds_apart():
    judge = Discriminators(4)
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(judge.parameters(), 1e-3)
    tone = torch.sin(torch.arange(4096) * 0.2).repeat(2, 1)
    history = []
    for _ in range(30):
        loss = losses.discriminator_loss(judge(tone)[0], judge(0.3 * torch.randn(2, 4096))[0]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.5 * history[0]


def test_kl_of_equal_distributions_is_zero_on_average(synthesizer, utterances):
    batch = collate(utterances[:1], 256, [False])
    torch.manual_seed(0)
    shape = (1, batch.mel.shape[1], synthesizer.config.latent)
    outputs = synthesizer(batch, torch.randn(shape), torch.zeros(*batch.tokens.shape, 2))
    noise = torch.randn(shape)
    equal = outputs._replace(
        prior_mean=torch.zeros(shape),
        prior_log_std=torch.zeros(shape),
        posterior_log_std=torch.zeros(shape),
        prior_latent=noise,
    )
    values = float(batch.n_frames[0]) * synthesizer.config.latent
    assert abs(float(losses.kl_divergence(equal)) / values) < 0.1
    assert float(losses.kl_divergence(equal._replace(prior_latent=noise + 2))) / values > 1.5
