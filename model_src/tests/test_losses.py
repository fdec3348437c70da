"""Every loss term moves the parameters that it should, and leaves alone those that it should not."""

import pytest
import torch
from made_up import MEL

from voiceloom_model import losses
from voiceloom_model.nn.discriminators import Discriminators
from voiceloom_model.training.data import collate
from voiceloom_model.training.steps import SoundLosses, WarmupStep, generator_terms

MOVES = {
    "mel": {"posterior", "decoder"},
    "stft": {"posterior", "decoder"},
    "prior_mel": {"text", "prior"},
    "duration": {"durations"},
    "kl": {"text", "prior", "posterior", "flow"},
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


@pytest.fixture
def terms(synthesizer, utterances):
    torch.manual_seed(2)
    for parameter in synthesizer.parameters():
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    batch = collate(utterances[:3], 256, [True, False, True])
    noise = torch.randn(*batch.mel.shape[:2], synthesizer.config.latent)
    return WarmupStep(synthesizer, MEL, 32)(batch, noise, torch.tensor([0, 3, 5]))


@pytest.mark.parametrize("term", MOVES)
def test_term_moves_its_parameters_and_no_others(synthesizer, terms, term):
    assert terms.keys() == MOVES.keys()
    assert moved_parts(synthesizer, terms[term]) == MOVES[term]


@pytest.mark.parametrize("term", ["adversarial", "feature_matching", "mel", "stft"])
def test_generator_terms_move_the_made_wave(term):
    torch.manual_seed(0)
    made = torch.randn(1, 4096, requires_grad=True)
    terms = generator_terms(SoundLosses(MEL), Discriminators(4), made, torch.randn(1, 4096))
    terms[term].backward()
    assert made.grad.abs().max() > 0


def test_discriminator_loss_moves_every_discriminator():
    judge = Discriminators(4)
    torch.manual_seed(0)
    loss = losses.discriminator_loss(judge(torch.randn(1, 4096))[0], judge(torch.randn(1, 4096))[0])
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
        loss = losses.discriminator_loss(judge(tone)[0], judge(0.3 * torch.randn(2, 4096))[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.5 * history[0]


def test_kl_of_equal_distributions_is_zero_on_average(synthesizer, utterances):
    batch = collate(utterances[:1], 256, [False])
    torch.manual_seed(0)
    shape = (1, batch.mel.shape[1], synthesizer.config.latent)
    outputs = synthesizer(batch, torch.randn(shape))
    noise = torch.randn(shape)
    equal = outputs._replace(
        prior_mean=torch.zeros(shape),
        prior_log_std=torch.zeros(shape),
        posterior_log_std=torch.zeros(shape),
        prior_latent=noise,
    )
    per_value = float(losses.kl_divergence(equal)) / synthesizer.config.latent
    assert abs(per_value) < 0.1
    assert float(losses.kl_divergence(equal._replace(prior_latent=noise + 2))) / synthesizer.config.latent > 1.5
