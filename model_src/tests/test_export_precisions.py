"""16-bit graphs, and `contract.json`: what it promises of the graphs holds when they are run."""

import dataclasses
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from made_voice import random_synthesizer

from voiceloom_model.eight_bits import speaking_linears
from voiceloom_model.export.contract import graph_contract, rounded_up, write_contract
from voiceloom_model.export.graphs import export_speaker_encoder, export_synthesizer, random_inputs
from voiceloom_model.export.half import halve_graph
from voiceloom_model.export.int8 import quantize_graph
from voiceloom_model.export.parity import wave_difference
from voiceloom_model.export.trial_text import trial_text

GRAPHS = ("encoder.onnx", "decoder.onnx")
TOLERANCE = {
    "fp32": {"max_difference": 1e-4, "measured_below": 1e-5},
    "fp16": {"difference_below_db": -40},
    "int8": {"difference_below_db": -10},
}


@pytest.fixture(scope="module")
def synthesizer():
    return random_synthesizer()


@pytest.fixture(scope="module")
def voice(synthesizer, tmp_path_factory):
    """Graphs at every precision, and their contract."""
    return written(synthesizer, tmp_path_factory.mktemp("voice"))


def written(synthesizer, folder):
    export_synthesizer(synthesizer, folder / "fp32")
    weights = {name: linear.weight.numpy() for name, linear in speaking_linears(synthesizer).items()}
    for precision in ("fp16", "int8"):
        (folder / precision).mkdir()
    for graph in GRAPHS:
        halve_graph(folder / "fp32" / graph, folder / "fp16" / graph)
        quantize_graph(folder / "fp32" / graph, folder / "int8" / graph, weights)
    export_speaker_encoder(folder / "speaker_encoder.onnx")
    write_contract(folder, TOLERANCE, {"lines": 0, "candidates": {}})
    return folder


@pytest.fixture(scope="module")
def contract(voice):
    return json.loads((voice / "contract.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("tokens", [3, 40])
def test_inputs_as_promised_give_outputs_as_promised(synthesizer, voice, contract, precision, tokens):
    inputs = random_inputs(synthesizer, tokens, seed=tokens)
    frames = inputs.noise.shape[1]
    lengths = {"N": tokens, "F": frames, "T": frames * 256}
    for graph in GRAPHS:
        promised = contract["graphs"][f"{precision}/{graph}"]
        given = {}
        for entry in promised["inputs"]:
            value = getattr(inputs, entry["name"]).numpy()
            assert value.dtype == entry["dtype"] and list(value.shape) == [lengths.get(a, a) for a in entry["axes"]]
            given[entry["name"]] = value
        made = onnxruntime.InferenceSession(voice / precision / graph).run(None, given)
        for entry, value in zip(promised["outputs"], made, strict=True):
            assert value.dtype == entry["dtype"] and list(value.shape) == [lengths.get(a, a) for a in entry["axes"]]
            assert np.isfinite(value).all()


def test_a_part_of_the_frames_is_a_promise_too(synthesizer, voice):
    """The axis F is "at most as many as the durations sum up to", from `start` on."""
    inputs = random_inputs(synthesizer, 20, seed=1)
    noise, breath, f0 = inputs.noise[:, 10:40], inputs.breath[:, 10 * 256 : 40 * 256], inputs.f0[:, 10:40]
    part = dataclasses.replace(inputs, noise=noise, breath=breath, f0=f0, start=torch.tensor(10))
    wave, heard_f0, cycles = run(voice / "int8" / "decoder.onnx", part)
    assert wave.shape == (1, 30 * 256) and heard_f0.shape == cycles.shape == (1, 30)


def test_the_promised_tolerances_hold(synthesizer, voice, contract):
    inputs = random_inputs(synthesizer, 30, seed=2)
    with torch.inference_mode():
        exact = synthesizer.sound(*inputs.decoder, excitation=inputs.excitation)
    wave, heard_f0, cycles = run(voice / "fp32" / "decoder.onnx", dataclasses.replace(inputs, f0=exact.f0))
    assert np.abs(wave - exact.wave.numpy()).max() <= contract["tolerance"]["fp32"]["max_difference"]
    assert np.array_equal(heard_f0, exact.f0) and np.array_equal(cycles, exact.cycles), "the same pitch, the same phase"
    for precision in ("fp16", "int8"):
        promised = contract["tolerance"][precision]["difference_below_db"]
        assert wave_difference(voice / "fp32", voice / precision, synthesizer, 2) < promised


def test_the_contract_explains_an_excitation_where_there_is_one(contract, tmp_path):
    names = {entry["name"] for kind in ("inputs", "outputs") for entry in contract["graphs"]["fp32/decoder.onnx"][kind]}
    assert set(contract["excitation"]) < names
    written(random_synthesizer(decoder="istft"), tmp_path)
    other = json.loads((tmp_path / "contract.json").read_text(encoding="utf-8"))
    assert "excitation" not in other
    assert [entry["name"] for entry in other["graphs"]["fp32/decoder.onnx"]["outputs"]] == ["wave"]


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_pitch_given_is_heard_to_the_bit_at_any_precision(synthesizer, voice, precision):
    inputs = random_inputs(synthesizer, 30, seed=2)
    f0 = 150 + 40 * torch.randn(inputs.f0.shape, generator=torch.Generator().manual_seed(1))
    graphs = [voice / name / "decoder.onnx" for name in ("fp32", precision)]
    exact, lower = (run(graph, dataclasses.replace(inputs, f0=f0)) for graph in graphs)
    assert np.array_equal(lower[1], f0) and np.array_equal(lower[2], exact[2])
    own_exact, own_lower = (run(graph, inputs)[1] for graph in graphs)
    assert 0 < np.abs(np.log2(own_lower / own_exact)).mean() < 0.05, "octaves"


def run(graph, inputs):
    session = onnxruntime.InferenceSession(graph)
    return session.run(None, {entry.name: getattr(inputs, entry.name).numpy() for entry in session.get_inputs()})


def test_the_speaker_encoder_is_in_the_contract(contract):
    promised = contract["graphs"]["speaker_encoder.onnx"]
    assert promised["inputs"] == [{"name": "wave", "dtype": "float32", "axes": [1, "T"]}]
    assert promised["outputs"] == [{"name": "speaker", "dtype": "float32", "axes": [1, "S"]}]
    assert set(contract["axes"]) == {"N", "F", "T", "S"}


def test_stochastic_durations_have_their_noise_in_the_contract(tmp_path):
    voice = random_synthesizer(duration="stochastic")
    export_synthesizer(voice, tmp_path / "fp32")
    names = {entry["name"]: entry["axes"] for entry in graph_contract(tmp_path / "fp32" / "encoder.onnx")["inputs"]}
    assert names["duration_noise"] == [1, "N", 2]
    halve_graph(tmp_path / "fp32" / "encoder.onnx", tmp_path / "half.onnx")
    inputs = random_inputs(voice, 12, seed=0)
    given = {name: getattr(inputs, name).numpy() for name in names}
    exact, half = (
        onnxruntime.InferenceSession(tmp_path / path).run(None, given) for path in ("fp32/encoder.onnx", "half.onnx")
    )
    assert np.abs(exact[1] - half[1]).max() < 0.05


@pytest.mark.parametrize(("decoder", "dft"), [("source", 6 * 129 * 256), ("istft", 2 * 513 * 1024)])
def test_halves_hold_most_weights_at_16_bits_and_the_spectrum_at_32(tmp_path, decoder, dft):
    export_synthesizer(random_synthesizer(decoder=decoder), tmp_path / "fp32")
    source = tmp_path / "fp32" / "decoder.onnx"
    halve_graph(source, tmp_path / "half.onnx")
    graph = onnx.load(tmp_path / "half.onnx").graph
    kinds = {}
    constants = [attribute.t for node in graph.node if node.op_type == "Constant" for attribute in node.attribute]
    for tensor in [*graph.initializer, *constants]:
        kinds[tensor.data_type] = kinds.get(tensor.data_type, 0) + int(np.prod(tensor.dims))
    assert dft <= kinds[onnx.TensorProto.FLOAT] < 1.01 * dft and kinds[onnx.TensorProto.FLOAT16] > 100_000
    halve_graph(source, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "half.onnx").read_bytes()


@pytest.mark.parametrize("decoder", ["source", "istft"])
def test_loud_magnitudes_do_not_overflow(tmp_path, decoder):
    """exp(6) times its DFT is past what 16 bits hold."""
    loud = random_synthesizer(decoder=decoder)
    loud.decoder.stack.leave.bias[: 513 if decoder == "istft" else -1] += 9.0
    export_synthesizer(loud, tmp_path / "fp32")
    halve_graph(tmp_path / "fp32" / "decoder.onnx", tmp_path / "half.onnx")
    inputs = random_inputs(loud, 10, seed=3)
    f0 = None if inputs.f0 is None else torch.full_like(inputs.f0, 120.0)
    exact, half = (
        run(tmp_path / path, dataclasses.replace(inputs, f0=f0))[0] for path in ("fp32/decoder.onnx", "half.onnx")
    )
    assert np.isfinite(half).all() and np.square(half - exact).mean() < 1e-3 * np.square(exact).mean()


@pytest.mark.parametrize(("difference", "limit"), [(1.7e-6, 1e-5), (9.9e-6, 1e-5), (1e-5, 1e-5), (0.0, 1e-12)])
def test_measured_differences_are_rounded_up_to_a_power_of_ten(difference, limit):
    assert rounded_up(difference) == limit


def test_a_bundle_of_fp32_alone_has_nothing_to_compare():
    assert trial_text({"lines": 0, "candidates": {}}) == ""
    assert "by ear" in trial_text({"lines": 0, "candidates": {"int8": {"passes": True, "refused_because": []}}})
