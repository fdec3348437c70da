"""Adaptation: each mode trains what it should, and an adapter merged, saved or stacked says what it said applied."""

import dataclasses
import json

import pytest
import torch
from made_up import MEL, SMALL_VITS

from voiceloom_model import adapt
from voiceloom_model.config import VITS_PARTS, model_config
from voiceloom_model.losses import Counts
from voiceloom_model.nn.sound import draw_excitation
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.training.data import collate
from voiceloom_model.training.draws import draw
from voiceloom_model.training.steps import WarmupStep, total

SPEAKS = {"text", "durations", "prior", "flow", "decoder"}


@pytest.fixture
def config():
    return model_config("tiny", n_symbols=40, n_languages=4, dropout=0.0, n_speakers=2)


@pytest.fixture
def base(config):
    """A voice that has left its zero-initialised start, so that every layer matters."""
    return shaken(config)


def shaken(config, seed=0):
    torch.manual_seed(seed)
    synthesizer = Synthesizer(config)
    for parameter in synthesizer.parameters():
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    synthesizer.speakers.weight.data.zero_()
    return synthesizer.eval()


def twin(synthesizer):
    other = Synthesizer(synthesizer.config)
    other.load_state_dict(synthesizer.state_dict())
    return other.eval()


def shake_factors(synthesizer, seed=0):
    """As if it had been trained: low-rank layers change nothing at first."""
    torch.manual_seed(seed)
    for name, parameter in synthesizer.named_parameters():
        if "lora_B" in name:
            parameter.data.copy_(0.05 * torch.randn_like(parameter))


@torch.no_grad()
def spoken(synthesizer, vector=None, durations=3):
    """All that ships, in one wave."""
    torch.manual_seed(9)
    tokens, n_frames = torch.randint(3, 40, (1, 7)), 7 * durations
    vector = torch.full((1, 256), 1 / 16) if vector is None else vector[None]
    noise = torch.randn(1, n_frames, synthesizer.config.latent)
    encoded, log_durations = synthesizer.encode(tokens, tokens % 3, torch.tensor([1]), vector, torch.randn(1, 7, 2))
    excitation = draw_excitation(n_frames, synthesizer.config.hop_length, 9)
    given = excitation._replace(f0=torch.full_like(excitation.f0, 150.0))  # pitch shifts all pulses after it
    sound = synthesizer.sound(encoded, torch.full((1, 7), durations), noise, vector, excitation=given)
    own = [] if sound.octaves is None else [sound.octaves[0]]
    return torch.cat([sound.wave[0], log_durations[0], *own])


def trained(synthesizer, utterances, steps=20):
    """Losses of steps on one batch, and the parameters that moved."""
    before = {name: value.detach().clone() for name, value in synthesizer.named_parameters()}
    known = [dataclasses.replace(utterance, speaker_id=1) for utterance in utterances[:2]]
    batch = collate(known, 256, [True, True])
    draws, counts = draw(batch, [1, 2], synthesizer.config, 16), Counts.of(batch)
    step = WarmupStep(synthesizer, MEL, 16)
    optimizer = torch.optim.Adam(adapt.trainable(synthesizer).values(), lr=3e-3)
    losses = []
    for _ in range(steps):
        loss = total(step(batch, draws, counts))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    moved = {name for name, value in synthesizer.named_parameters() if not torch.equal(value, before[name])}
    return losses, moved


@pytest.mark.parametrize("mode", adapt.MODES)
def test_each_mode_trains_only_what_it_should_and_learns(base, utterances, mode):
    state = {name: value.clone() for name, value in base.state_dict().items()}
    adapt.prepare(base, mode, rank=4)
    losses, moved = trained(base, utterances)
    assert losses[-1] < losses[0] and sum(losses[-5:]) < sum(losses[:5])
    changed = {name for name, value in adapt.merge(base).items() if not torch.equal(value, state[name])}
    if mode == "speaker":
        assert moved == {"speakers.weight"} == changed
    elif mode == "lora":
        assert all("lora_" in name or name == "speakers.weight" for name in moved)
        assert {name.partition(".")[0] for name in changed} == {*SPEAKS, "speakers"}
        assert all(value.endswith(".weight") for value in changed)
    else:
        assert {name.partition(".")[0] for name in changed} == {*SPEAKS, "posterior", "latent_mel", "speakers"}


def test_speakers_begin_at_their_own_vectors(base):
    adapt.prepare(base, "speaker")
    vector = torch.randn(1, 256)
    assert torch.equal(base.speaker_vector(vector, torch.tensor([1])), vector)


def test_before_training_low_rank_changes_nothing(base):
    before = spoken(base)
    adapt.prepare(base, "lora", rank=4)
    assert torch.equal(spoken(base), before)


VITS = {**VITS_PARTS, "vits": SMALL_VITS}


@pytest.mark.parametrize("parts", [{}, VITS], ids=["ours", "vits"])
def test_merged_equals_applied(config, parts):
    applied = shaken(dataclasses.replace(config, **parts))
    before = spoken(applied)
    adapt.prepare(applied, "lora", rank=4)
    shake_factors(applied)
    expected = spoken(applied)
    assert (expected - before).abs().max() > 1e-3
    merged = Synthesizer(applied.config).eval()
    merged.load_state_dict(adapt.merge(applied))
    torch.testing.assert_close(spoken(merged), expected, atol=1e-5, rtol=0)
    assert torch.equal(spoken(applied), expected)  # merging left it as it was


def test_training_goes_on_from_a_saved_state(base, utterances):
    adapt.prepare(base, "lora", rank=4)
    trained(base, utterances, steps=2)
    other = Synthesizer(base.config)
    adapt.prepare(other, "lora", rank=4)
    other.load_state_dict(base.state_dict())
    assert torch.equal(spoken(other.eval()), spoken(base.eval()))


def saved(base, folder, seed, mode="lora", **options):
    """An adapter on disk, and the voice that it was saved from."""
    synthesizer = twin(base)
    adaptation = adapt.prepare(synthesizer, mode, rank=4, **options)
    shake_factors(synthesizer, seed)
    torch.manual_seed(seed)
    adapt.save_adapter(folder, synthesizer, adaptation, {f"speaker {seed}": torch.randn(256), "both": torch.randn(256)})
    return synthesizer


def test_saved_and_loaded_speaks_the_same(base, tmp_path):
    applied = saved(base, tmp_path / "one", seed=1)
    vectors = adapt.load_adapters(base, {tmp_path / "one": 1.0})
    assert vectors.keys() == {"speaker 1", "both"}
    torch.testing.assert_close(spoken(base, vectors["both"]), spoken(applied, vectors["both"]), atol=1e-5, rtol=0)
    assert not adapt.trainable(base)


def test_stacked_adapters_add_up_by_weight(base, tmp_path):
    first = saved(base, tmp_path / "one", seed=1, targets=["decoder", "text"])
    second = saved(base, tmp_path / "two", seed=2, targets=["flow", "decoder.stack.enter"])
    plain, one, two = base.state_dict(), adapt.merge(first), adapt.merge(second)
    plain = {name: value.clone() for name, value in plain.items()}
    vectors = adapt.load_adapters(base, {tmp_path / "one": 1.0, tmp_path / "two": 0.5})
    stacked = adapt.merge(base)
    for name, value in plain.items():
        expected = value + (one[name] - value) + 0.5 * (two[name] - value)
        torch.testing.assert_close(stacked[name], expected, atol=1e-6, rtol=1e-5)
    alone = Synthesizer(base.config).eval()
    alone.load_state_dict(stacked)
    torch.testing.assert_close(spoken(alone), spoken(base), atol=1e-5, rtol=0)
    assert vectors.keys() == {"speaker 1", "speaker 2", "both"}


def test_speaker_adapter_is_vectors_alone(base, tmp_path):
    saved(base, tmp_path / "vectors", seed=1, mode="speaker")
    before = spoken(base)
    vectors = adapt.load_adapters(base, {tmp_path / "vectors": 1.0})
    assert torch.equal(spoken(base), before) and vectors["speaker 1"].shape == (256,)
    assert sum(path.stat().st_size for path in (tmp_path / "vectors").iterdir()) < 10_000


def test_vector_of_a_speaker_in_two_adapters_is_the_weighted_mean(base, tmp_path):
    saved(base, tmp_path / "one", seed=1, mode="speaker")
    saved(base, tmp_path / "two", seed=2, mode="speaker")
    alone = [adapt.load_adapters(base, {tmp_path / name: 1.0})["both"] for name in ("one", "two")]
    mixed = adapt.load_adapters(base, {tmp_path / "one": 3.0, tmp_path / "two": 1.0})["both"]
    torch.testing.assert_close(mixed, 0.75 * alone[0] + 0.25 * alone[1])


def test_table_of_known_speakers_is_no_part_of_the_base(config, base, tmp_path):
    saved(base, tmp_path / "one", seed=1)
    bigger = Synthesizer(dataclasses.replace(config, n_speakers=7))
    weights = {name: value for name, value in base.state_dict().items() if name != "speakers.weight"}
    bigger.load_state_dict(weights, strict=False)
    assert adapt.load_adapters(bigger, {tmp_path / "one": 1.0})


def test_adapter_of_another_base_is_refused(config, base, tmp_path):
    saved(base, tmp_path / "one", seed=1)
    with pytest.raises(
        ValueError, match=r"one adapts another base voice than this one \(weights \w{12}, here \w{12}\)"
    ):
        adapt.load_adapters(shaken(config, seed=5), {tmp_path / "one": 1.0})


def test_broken_adapters_are_refused_in_a_sentence(base, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing holds no adapter: adapter.json is not there"):
        adapt.load_adapters(base, {tmp_path / "nothing": 1.0})
    saved(base, tmp_path / "one", seed=1)
    weights = tmp_path / "one" / "adapter.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match="holds a broken adapter"):
        adapt.load_adapters(base, {tmp_path / "one": 1.0})
    weights.write_bytes(whole)
    description = tmp_path / "one" / "adapter.json"
    content = json.loads(description.read_text())
    description.write_text(json.dumps(content | {"layers": content["layers"][1:]}))
    with pytest.raises(ValueError, match=r"disagree about text\."):
        adapt.load_adapters(base, {tmp_path / "one": 1.0})
    for wrong in (content | {"format": 9}, {"format": 1}, []):
        description.write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match="does not describe an adapter of format 1"):
            adapt.load_adapters(base, {tmp_path / "one": 1.0})


def test_pickle_in_its_place_is_refused(base, tmp_path):
    saved(base, tmp_path / "one", seed=1)
    torch.save({"decoder.lora_A": torch.zeros(2)}, tmp_path / "one" / "adapter.safetensors")
    with pytest.raises(ValueError, match="one holds a broken adapter"):
        adapt.load_adapters(base, {tmp_path / "one": 1.0})


def test_adapter_of_the_default_size_is_a_few_megabytes(tmp_path):
    torch.manual_seed(0)
    synthesizer = Synthesizer(model_config("small", n_symbols=200, n_languages=20, n_speakers=1))
    adaptation = adapt.prepare(synthesizer, "lora")
    adapt.save_adapter(tmp_path, synthesizer, adaptation, {"eva": torch.zeros(256)})
    megabytes = sum(path.stat().st_size for path in tmp_path.iterdir()) / 1e6
    whole = sum(value.numel() for value in adapt.merge(synthesizer).values()) * 4 / 1e6
    assert 1 < megabytes < 6 and megabytes < whole / 6


def test_a_voice_adapted_in_full_has_no_adapter(base, tmp_path):
    adaptation = adapt.prepare(base, "full")
    with pytest.raises(ValueError, match="its checkpoint is the adapted voice"):
        adapt.save_adapter(tmp_path, base, adaptation, {})


def test_by_default_all_that_can_be_is_adapted(base):
    layers = adapt.prepare(base, "lora", rank=2).layers
    assert {name.partition(".")[0] for name in layers} == SPEAKS
    assert "text.attentions.0.queries_keys_values" in layers and "decoder.stack.leave" in layers
    assert not [name for name in layers if "depthwise" in name]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["queries_keys_values"], {"text.attentions.0.queries_keys_values", "text.attentions.1.queries_keys_values"}),
        (["flow.couplings.0.stack.enter", "flow.couplings.*.stack.leave"], None),
        (["durations.stack.enter"], {"durations.stack.enter"}),
    ],
)
def test_patterns_choose_layers(base, targets, expected):
    expected = expected or {f"flow.couplings.{name}" for name in ("0.stack.enter", "0.stack.leave", "1.stack.leave")}
    assert set(adapt.prepare(base, "lora", rank=2, targets=targets).layers) == expected


@pytest.mark.parametrize(
    ("parts", "target", "reason"),
    [
        ({}, "text.convolutions.*.depthwise.conv", "it is a convolution in 64 groups"),
        ({}, "depthwise", "it is a convolution in 64 groups"),
        ({}, "decoder.head", "it is no Linear layer and no convolution"),
        ({}, "film.norm", "there is no such layer"),
        ({}, "posterior", "there is no such layer"),
        (VITS, "decoder.upsamplers.*", "it is a transposed convolution"),
        (VITS, "upsamplers", "it is a transposed convolution"),
        (VITS, "decoder.resblocks.0.dilated.1", "it is a dilated convolution"),
    ],
)
def test_what_cannot_be_adapted_is_refused_with_what_can(config, parts, target, reason):
    synthesizer = shaken(dataclasses.replace(config, **parts))
    with pytest.raises(ValueError) as caught:
        adapt.prepare(synthesizer, "lora", targets=["text", target])
    said = str(caught.value)
    assert said.startswith(f"{target!r} cannot be adapted: {reason}; ")
    assert "a part (text, durations, prior, flow, decoder)" in said and said.count("\n") == 0
    if not parts:
        assert said.endswith("contract, enter, expand, film, leave, out, queries_keys_values")


def test_dilated_convolutions_are_left_out(config):
    """peft's low-rank convolution is not dilated: its output would not fit."""
    synthesizer = shaken(dataclasses.replace(config, **VITS))
    adapt.prepare(synthesizer, "lora", rank=2)
    assert spoken(synthesizer).isfinite().all()


def test_there_are_three_modes(base):
    with pytest.raises(ValueError, match="no adaptation 'prefix'; there are: full, lora, speaker"):
        adapt.prepare(base, "prefix")


def test_speaker_mode_needs_a_table(config):
    synthesizer = Synthesizer(dataclasses.replace(config, n_speakers=0))
    with pytest.raises(ValueError, match="n_speakers is 0"):
        adapt.prepare(synthesizer, "speaker")
