import copy
import dataclasses

import numpy as np
import onnx
import pytest
import torch
from made_up import SMALL_VITS
from made_voice import description, random_synthesizer

from voiceloom_model.config import VITS_PARTS
from voiceloom_model.eight_bits import Example, Probe, rounded, save_torchscript, speaking_linears
from voiceloom_model.export.card import Source, model_card
from voiceloom_model.export.graphs import export_speaker_encoder, export_synthesizer, random_inputs
from voiceloom_model.export.int8 import quantize_graph
from voiceloom_model.export.parity import check_parity, differences, wave_difference
from voiceloom_model.features import MelConfig


@pytest.fixture(scope="module")
def synthesizer():
    return random_synthesizer()


@pytest.fixture(scope="module")
def fp32(synthesizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs") / "fp32"
    export_synthesizer(synthesizer, folder)
    return folder


def quantize(synthesizer, fp32, folder, keep=()):
    folder.mkdir()
    linears = speaking_linears(synthesizer)
    weights = {name: linear.weight.numpy() for name, linear in linears.items() if name not in keep}
    return [quantize_graph(fp32 / name, folder / name, weights) for name in ("encoder.onnx", "decoder.onnx")]


@pytest.mark.slow
def test_graphs_compute_what_pytorch_does_at_any_length(synthesizer, fp32):
    """Random texts, speakers and languages, window by window as the runtime speaks them, whole in PyTorch."""
    assert check_parity(synthesizer, fp32, lengths=50, tolerance=1e-4) < 1e-4


def test_windows_of_a_long_text_differ_no_more(synthesizer, fp32, monkeypatch):
    monkeypatch.setattr("voiceloom_model.export.parity.MAX_TOKENS", 400)
    assert len(found := differences(synthesizer, fp32, 2)) == 2 and max(found) < 1e-4


@pytest.mark.parametrize(
    "parts",
    [
        {"decoder": "istft"},
        {"duration": "stochastic"},
        {"duration": "convolutional", "decoder": "hifigan"},
        VITS_PARTS,
    ],
    ids=str,
)
def test_other_parts_export_as_well(tmp_path, parts):
    voice = random_synthesizer(**parts, vits=SMALL_VITS)
    export_synthesizer(voice, tmp_path / "fp32")
    assert check_parity(voice, tmp_path / "fp32", lengths=6, tolerance=1e-4) < 1e-4
    linears = speaking_linears(voice)
    encoder, decoder = quantize(voice, tmp_path / "fp32", tmp_path / "int8")
    assert {*encoder, *decoder} <= set(linears) and len({*encoder, *decoder}) > len(linears) / 2


def test_other_weights_are_noticed(synthesizer, fp32):
    other = copy.deepcopy(synthesizer)
    other.decoder.stack.leave.bias[0] += 0.5
    with pytest.raises(ValueError, match="differs from PyTorch by"):
        check_parity(other, fp32, lengths=1, tolerance=1e-4)


def test_exporting_leaves_the_network_as_it_was_and_gives_the_same_bytes(synthesizer, fp32, tmp_path):
    export_synthesizer(synthesizer, tmp_path / "again")
    assert not any(module.training for module in synthesizer.modules())
    for graph in ("encoder.onnx", "decoder.onnx"):
        assert (tmp_path / "again" / graph).read_bytes() == (fp32 / graph).read_bytes()


@pytest.mark.parametrize(("decoder", "dfts"), [("source", 6), ("istft", 2)])
def test_eight_bits_reach_every_linear_and_nothing_else(tmp_path, decoder, dfts):
    voice = random_synthesizer(decoder=decoder)
    export_synthesizer(voice, tmp_path / "fp32")
    in_encoder, in_decoder = quantize(voice, tmp_path / "fp32", tmp_path / "int8")
    assert {*in_encoder, *in_decoder} == set(speaking_linears(voice))
    graph = onnx.load(tmp_path / "int8" / "decoder.onnx").graph
    types = [node.op_type for node in graph.node]
    assert types.count("MatMulInteger") == len(in_decoder)
    assert types.count("MatMul") == dfts, "DFTs stay float"
    assert -60 < wave_difference(tmp_path / "fp32", tmp_path / "int8", voice, 2) < -10


def test_a_pitch_that_is_out_of_tune_is_noticed(synthesizer, fp32, monkeypatch):
    """Waves are compared at the same pitch, which would hide it."""
    other = copy.deepcopy(synthesizer)
    other.decoder.stack.leave.bias[-1] += 0.01
    with pytest.raises(ValueError, match="differs from PyTorch by"):
        check_parity(other, fp32, lengths=1, tolerance=1e-3)


def test_all_in_the_graph_is_float32(fp32):
    """A part in double precision would be unknown to some that run graphs."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(fp32 / "decoder.onnx")).graph
    assert not [value.name for value in graph.value_info if value.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE]
    assert not [tensor.name for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.DOUBLE]


def test_layers_that_8_bits_would_harm_stay_float(synthesizer, fp32, tmp_path):
    keep = [name for name in speaking_linears(synthesizer) if name.startswith("decoder")]
    _, decoder = quantize(synthesizer, fp32, tmp_path / "mixed", keep)
    assert decoder and not set(decoder) & set(keep)
    quantize(synthesizer, fp32, tmp_path / "all")
    sizes = [(tmp_path / folder / "decoder.onnx").stat().st_size for folder in ("all", "mixed")]
    assert sizes[0] < sizes[1]


def test_int8_graphs_have_the_same_bytes_every_time(synthesizer, fp32, tmp_path):
    for name in ("one", "two"):
        quantize(synthesizer, fp32, tmp_path / name)
    assert (tmp_path / "one" / "decoder.onnx").read_bytes() == (tmp_path / "two" / "decoder.onnx").read_bytes()


@pytest.mark.parametrize("samples", [4000, 16000, 60001])
def test_speaker_encoder_graph_equals_pytorch(tmp_path, samples):
    import onnxruntime

    from voiceloom_model.speaker import embed

    export_speaker_encoder(tmp_path / "speaker.onnx")
    wave = 0.1 * np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    (vector,) = onnxruntime.InferenceSession(tmp_path / "speaker.onnx").run(None, {"wave": wave[None]})
    np.testing.assert_allclose(vector[0], embed(wave, 16000), atol=1e-5)


def at_its_pitch(synthesizer, inputs):
    """The same with the pitch that the exact network says, so that all precisions make pulses of the same phase."""
    return dataclasses.replace(inputs, f0=synthesizer.sound(*inputs.decoder, excitation=inputs.excitation).f0)


def example_of(inputs):
    return Example(*inputs.encoder, durations=inputs.durations, noise=inputs.noise, excitation=inputs.excitation)


@pytest.fixture
def example(synthesizer):
    return example_of(random_inputs(synthesizer, 14, seed=5))


def test_rounding_moves_mel_and_pitch_and_is_undone(synthesizer, example):
    probe = Probe(synthesizer, MelConfig(), [example])
    weights = {name: linear.weight.clone() for name, linear in probe.linears.items()}
    everything, one = probe.moved(probe.linears), probe.moved(["decoder.stack.leave"])
    assert 0 < one.mel < everything.mel < 1
    assert one.log_duration == 0 < everything.log_duration, "the decoder has no say in durations"
    assert 0 < one.cents < everything.cents < 100
    assert probe.moved([]) == (0, 0, 0)
    assert all(torch.equal(linear.weight, weights[name]) for name, linear in probe.linears.items())


def test_the_mel_is_compared_at_the_same_pitch(synthesizer, example):
    """Another pitch alone moves what a quantised voice says of it, not the mel of what it does with its filters."""
    probe = Probe(synthesizer, MelConfig(), [example])
    bias = synthesizer.decoder.stack.leave.bias
    before = bias.clone()
    bias[-1] += 0.01
    moved = probe.moved([])
    bias.copy_(before)
    assert moved.mel == 0 and 1 < moved.cents < 100


def test_a_voice_without_pitch_moves_none():
    voice = random_synthesizer(decoder="istft")
    moved = Probe(voice, MelConfig(), [example_of(random_inputs(voice, 14, seed=5))]).moved(["decoder.stack.leave"])
    assert moved.mel > 0 and moved.cents == 0


def test_rounding_foretells_what_the_int8_graph_does(synthesizer, fp32, tmp_path, example):
    """The simulation in PyTorch and ONNX Runtime's own arithmetic move the wave by about as much."""
    import onnxruntime

    quantize(synthesizer, fp32, tmp_path / "int8")
    inputs = at_its_pitch(synthesizer, random_inputs(synthesizer, 14, seed=5))
    session = onnxruntime.InferenceSession(tmp_path / "int8" / "decoder.onnx")
    actual, *_ = session.run(None, {entry.name: getattr(inputs, entry.name).numpy() for entry in session.get_inputs()})
    exact = synthesizer.decode(*inputs.decoder, excitation=inputs.excitation).numpy()
    with rounded(speaking_linears(synthesizer).values()):
        simulated = synthesizer.decode(*inputs.decoder, excitation=inputs.excitation).numpy()
    ratio = np.square(simulated - exact).mean() / np.square(actual - exact).mean()
    assert 0.5 < ratio < 2


@pytest.mark.parametrize("decoder", ["source", "istft"])
def test_torchscript_voice_speaks_at_other_lengths(tmp_path, decoder):
    path, synthesizer = tmp_path / "voice.int8.ts", random_synthesizer(decoder=decoder)
    save_torchscript(synthesizer, ["decoder.stack.leave"], example_of(random_inputs(synthesizer, 14, seed=5)), path)
    voice = torch.jit.load(str(path))
    for tokens in (5, 40):
        inputs = at_its_pitch(synthesizer, random_inputs(synthesizer, tokens, seed=tokens))
        encoded, log_durations = voice.encode(*inputs.encoder)
        assert encoded.shape == inputs.encoded.shape and log_durations.shape == inputs.tokens.shape
        made = voice.decode(*inputs.decoder, *(inputs.excitation or ()))
        wave, *said = made if isinstance(made, tuple) else (made,)
        exact = synthesizer.sound(*inputs.decoder, excitation=inputs.excitation)
        assert wave.shape == exact.wave.shape
        assert 0 < (wave - exact.wave).square().mean() < 0.1 * exact.wave.square().mean()
        assert all(map(torch.equal, said, (exact.f0, exact.cycles))) and bool(said) == (decoder == "source")


def test_torchscript_archive_names_no_path_of_this_machine(synthesizer, example, tmp_path):
    save_torchscript(synthesizer, [], example, tmp_path / "voice.ts")
    content = (tmp_path / "voice.ts").read_bytes()
    assert b"model_src" not in content and b"site-packages" not in content


def test_model_card_names_everyone_and_their_terms():
    source = Source("prompts", "ada", "en-US", "CC-BY-SA-3.0", "ada-2026", 120, 0.5)
    card = model_card(description(), [source], "source", tolerance=1e-4, kept=2)
    assert "explicit durations and a source-filter decoder" in card
    assert "| prompts | ada | en-US | CC-BY-SA-3.0 | ada-2026 | 120 | 0.50 |" in card
    assert "2 layers that 8 bits would harm stay float" in card and "{" not in card
