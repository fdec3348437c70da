"""Padding to buckets changes nothing, with and without a GPU; the recording itself needs one."""

import copy
import dataclasses
import threading

import pytest
import torch
from made_up import SMALL_VITS
from made_voice import random_synthesizer

from voiceloom_model.config import SIZES, VITS_PARTS, model_config
from voiceloom_model.export.graphs import random_inputs
from voiceloom_model.gpu.build import widest_window
from voiceloom_model.gpu.cuda_graphs import BucketedSynthesizer, GraphOptions, bucket, in_precision
from voiceloom_model.nn.sound import Excitation, draw_excitation
from voiceloom_model.nn.synthesizer import context_frames

OPTIONS = GraphOptions(tokens=(16, 40), frames=(128, 256, 512))
PARTS = [
    {},
    {"decoder": "istft", "duration": "stochastic"},
    {"text_encoder": "relative", "prior": "tokens", "flow": "wavenet", "duration": "convolutional"},
    {**VITS_PARTS},
]


def assert_speaks_as(voice, synthesizer, inputs, tolerance=1e-5):
    for found, wanted in zip(voice.encode(*inputs.encoder), synthesizer.encode(*inputs.encoder), strict=True):
        torch.testing.assert_close(found.cpu(), wanted, atol=tolerance, rtol=0)
    sounds_as(voice, synthesizer, (*inputs.decoder, 0, inputs.excitation), tolerance)
    middle = (*inputs.decoder[:2], inputs.noise[:, 7:40], inputs.speaker, torch.tensor(7))
    sounds_as(voice, synthesizer, (*middle, part(inputs.excitation, 7, 40, synthesizer.config.hop_length)), tolerance)


def sounds_as(voice, synthesizer, given, tolerance):
    """The pitch that each says is compared, then both are given the same: its last bit would turn the phases."""
    wanted = synthesizer.sound(*given)
    if wanted.f0 is not None:
        torch.testing.assert_close(voice.sound(*given).f0.cpu(), wanted.f0, atol=0, rtol=1e-4)
        given = (*given[:5], given[5]._replace(f0=wanted.f0))
        torch.testing.assert_close(voice.sound(*given).cycles.cpu(), wanted.cycles, atol=0, rtol=0)
    torch.testing.assert_close(voice.decode(*given).cpu(), wanted.wave, atol=tolerance, rtol=0)


def part(excitation, first, last, hop):
    """Of some frames, with a phase and an anchor of their own."""
    if excitation is None:
        return None
    breath, f0 = excitation.breath[:, first * hop : last * hop], excitation.f0[:, first:last]
    return Excitation(breath, torch.tensor([0.3]), torch.tensor(9), f0)


@torch.no_grad()
@pytest.mark.parametrize("parts", PARTS, ids=str)
def test_padding_changes_nothing_to_either_side_of_a_bucket_and_beyond_the_last(parts):
    synthesizer = random_synthesizer(**parts, vits=SMALL_VITS)
    voice = BucketedSynthesizer(synthesizer, OPTIONS)
    for tokens in (16, 17, 5, 40, 41):  # a shorter text after a longer one meets what that left behind
        assert_speaks_as(voice, synthesizer, random_inputs(synthesizer, tokens, seed=tokens))


@torch.no_grad()
@pytest.mark.parametrize("decoder", ["source", "istft"])
def test_the_last_frames_are_silent_past_their_end(decoder):
    """The windows of padded frames would be added to the last samples."""
    synthesizer = random_synthesizer(decoder=decoder)
    voice = BucketedSynthesizer(synthesizer, OPTIONS)
    inputs = random_inputs(synthesizer, 9, seed=2)
    padded = torch.nn.functional.pad(inputs.noise, (0, 0, 0, 128 - inputs.noise.shape[1]))
    longer = draw_excitation(128, synthesizer.config.hop_length, seed=2)
    naive = synthesizer.decode(inputs.encoded, inputs.durations, padded, inputs.speaker, 0, longer)
    wanted = synthesizer.decode(*inputs.decoder, excitation=inputs.excitation)
    assert (naive[:, : wanted.shape[1]] - wanted)[:, -256:].abs().max() > 1e-3
    torch.testing.assert_close(voice.decode(*inputs.decoder, 0, inputs.excitation), wanted, atol=1e-5, rtol=0)


def test_the_smallest_bucket_that_holds_a_length():
    assert [bucket(length, (4, 8)) for length in (1, 4, 5, 8, 9)] == [4, 4, 8, 8, None]


@pytest.mark.parametrize("size", SIZES)
def test_the_windows_of_every_size_fit_the_last_bucket(size):
    config = model_config(size, n_symbols=2, n_languages=1)
    assert widest_window(context_frames(config)) <= GraphOptions().frames[-1]


@torch.no_grad()
def test_what_was_used_least_recently_is_dropped():
    synthesizer = random_synthesizer()
    voice = BucketedSynthesizer(synthesizer, GraphOptions(tokens=(8, 16, 32), frames=(), max_graphs=2))
    for tokens in (8, 16, 5, 32):
        voice.encode(*random_inputs(synthesizer, tokens, seed=1).encoder)
    assert voice.recorded == [("encode", 8), ("encode", 32)]


@torch.no_grad()
def test_threads_take_turns():
    synthesizer = random_synthesizer()
    voice = BucketedSynthesizer(synthesizer, OPTIONS)
    inputs = [random_inputs(synthesizer, 10 + seed, seed) for seed in range(4)]
    wanted = [synthesizer.decode(*each.decoder, excitation=each.excitation) for each in inputs]
    worst = []

    def speak(index):
        for _ in range(5):
            wave = voice.decode(*inputs[index].decoder, excitation=inputs[index].excitation)
            worst.append(float((wave - wanted[index]).abs().max()))

    threads = [threading.Thread(target=speak, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(worst) == 20 and max(worst) < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("parts", [{}, {"decoder": "istft"}, {"decoder": "hifigan"}], ids=str)
def test_half_precision_keeps_the_durations_and_almost_the_sound(parts):
    synthesizer = random_synthesizer(**parts, vits=SMALL_VITS)
    voice = BucketedSynthesizer(synthesizer, GraphOptions(tokens=(40,), frames=(512,), dtype=torch.bfloat16))
    inputs = random_inputs(synthesizer, 20, seed=0)
    for found, wanted in zip(voice.encode(*inputs.encoder), synthesizer.encode(*inputs.encoder), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    inputs = at_one_pitch(synthesizer, inputs)
    wave, wanted = (each.decode(*inputs.decoder, excitation=inputs.excitation) for each in (voice, synthesizer))
    assert wave.dtype == torch.float32
    assert 0 < (wave - wanted).square().mean() < 0.01 * wanted.square().mean()
    assert all(parameter.dtype == torch.float32 for parameter in synthesizer.parameters()), "it has a copy"
    assert in_precision(synthesizer, torch.float32) is synthesizer


def at_one_pitch(synthesizer, inputs):
    """The pitch that the synthesizer says, given."""
    return dataclasses.replace(inputs, f0=synthesizer.sound(*inputs.decoder, excitation=inputs.excitation).f0)


@pytest.fixture
def exact(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
class TestOnAGpu:
    @torch.no_grad()
    @pytest.mark.parametrize("parts", PARTS, ids=str)
    def test_replays_in_any_order_speak_as_the_processor_does(self, parts, exact):
        synthesizer = random_synthesizer(**parts, vits=SMALL_VITS)
        voice = BucketedSynthesizer(copy.deepcopy(synthesizer).cuda(), OPTIONS)
        for tokens in (15, 30, 5, 41, 16, 12, 40):
            assert_speaks_as(voice, synthesizer, random_inputs(synthesizer, tokens, seed=tokens), tolerance=1e-3)
        assert all(replay._graph is not None for replay in voice._replays.values())

    @torch.no_grad()
    def test_graphs_are_replayed_dropped_and_recorded_again(self, exact):
        synthesizer = random_synthesizer()
        options = GraphOptions(tokens=(16, 40), frames=(128, 256, 512), max_graphs=2)
        voice = BucketedSynthesizer(copy.deepcopy(synthesizer).cuda(), options)
        inputs = [random_inputs(synthesizer, tokens, seed=1) for tokens in (10, 11, 35, 10)]
        voice.encode(*inputs[0].encoder)
        first = voice._replays["encode", 16]
        voice.encode(*inputs[1].encoder)
        assert voice._replays["encode", 16] is first
        for each in inputs[2:]:
            assert_speaks_as(voice, synthesizer, each, tolerance=1e-3)
        assert len(voice.recorded) == 2

    @torch.no_grad()
    def test_a_graph_is_replayed_from_another_thread_than_recorded_it(self, exact):
        synthesizer = random_synthesizer()
        voice = BucketedSynthesizer(copy.deepcopy(synthesizer).cuda(), OPTIONS)
        inputs = at_one_pitch(synthesizer, random_inputs(synthesizer, 10, seed=1))
        given, found = (*inputs.decoder, 0, inputs.excitation), []
        voice.decode(*given)
        thread = threading.Thread(target=lambda: found.append(voice.decode(*given).cpu()))
        thread.start()
        thread.join()
        torch.testing.assert_close(found[0], synthesizer.decode(*given), atol=1e-3, rtol=0)

    @torch.no_grad()
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
    def test_half_precision(self, dtype):
        synthesizer = random_synthesizer()
        options = GraphOptions(tokens=(40,), frames=(512,), dtype=dtype)
        voice = BucketedSynthesizer(copy.deepcopy(synthesizer).cuda(), options)
        inputs = at_one_pitch(synthesizer, random_inputs(synthesizer, 20, seed=0))
        given = (*inputs.decoder, 0, inputs.excitation)
        wanted = synthesizer.decode(*given)
        for _ in range(2):
            wave = voice.decode(*given).cpu()
            assert 0 < (wave - wanted).square().mean() < 0.01 * wanted.square().mean()
