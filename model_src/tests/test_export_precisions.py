"""16-bit graphs, and `contract.json`: what it promises of the graphs holds when they are run."""

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
    folder = tmp_path_factory.mktemp("voice")
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
            value = np.asarray(0) if entry["name"] == "start" else getattr(inputs, entry["name"]).numpy()
            assert value.dtype == entry["dtype"] and list(value.shape) == [lengths.get(a, a) for a in entry["axes"]]
            given[entry["name"]] = value
        made = onnxruntime.InferenceSession(voice / precision / graph).run(None, given)
        for entry, value in zip(promised["outputs"], made, strict=True):
            assert value.dtype == entry["dtype"] and list(value.shape) == [lengths.get(a, a) for a in entry["axes"]]
            assert np.isfinite(value).all()


def test_a_part_of_the_frames_is_a_promise_too(synthesizer, voice):
    """The axis F is "at most as many as the durations sum up to", from `start` on."""
    inputs = random_inputs(synthesizer, 20, seed=1)
    given = {name: getattr(inputs, name).numpy() for name in ("encoded", "durations", "speaker")}
    part = {**given, "noise": inputs.noise.numpy()[:, 10:40], "start": np.asarray(10)}
    (wave,) = onnxruntime.InferenceSession(voice / "int8" / "decoder.onnx").run(None, part)
    assert wave.shape == (1, 30 * 256)


def test_the_promised_tolerances_hold(synthesizer, voice, contract):
    inputs = random_inputs(synthesizer, 30, seed=2)
    given = {entry: getattr(inputs, entry).numpy() for entry in ("encoded", "durations", "noise", "speaker")}
    session = onnxruntime.InferenceSession(voice / "fp32" / "decoder.onnx")
    (wave,) = session.run(None, {**given, "start": np.asarray(0)})
    with torch.inference_mode():
        exact = synthesizer.decode(*inputs.decoder).numpy()
    assert np.abs(wave - exact).max() <= contract["tolerance"]["fp32"]["max_difference"]
    for precision in ("fp16", "int8"):
        promised = contract["tolerance"][precision]["difference_below_db"]
        assert wave_difference(voice / "fp32", voice / precision, synthesizer, 2) < promised


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


def test_halves_hold_most_weights_at_16_bits_and_the_spectrum_at_32(voice, tmp_path):
    graph = onnx.load(voice / "fp16" / "decoder.onnx").graph
    kinds = {}
    constants = [attribute.t for node in graph.node if node.op_type == "Constant" for attribute in node.attribute]
    for tensor in [*graph.initializer, *constants]:
        kinds[tensor.data_type] = kinds.get(tensor.data_type, 0) + int(np.prod(tensor.dims))
    dft = 2 * 513 * 1024
    assert dft <= kinds[onnx.TensorProto.FLOAT] < 1.01 * dft and kinds[onnx.TensorProto.FLOAT16] > 100_000
    halve_graph(voice / "fp32" / "decoder.onnx", tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (voice / "fp16" / "decoder.onnx").read_bytes()


def test_loud_magnitudes_do_not_overflow(synthesizer, tmp_path):
    """exp(6) times its DFT is past what 16 bits hold."""
    loud = random_synthesizer()
    loud.decoder.stack.leave.bias[:513] += 9.0
    export_synthesizer(loud, tmp_path / "fp32")
    halve_graph(tmp_path / "fp32" / "decoder.onnx", tmp_path / "half.onnx")
    inputs = random_inputs(loud, 10, seed=3)
    given = {entry: getattr(inputs, entry).numpy() for entry in ("encoded", "durations", "noise", "speaker")}
    exact, half = (
        onnxruntime.InferenceSession(tmp_path / path).run(None, {**given, "start": np.asarray(0)})[0]
        for path in ("fp32/decoder.onnx", "half.onnx")
    )
    assert np.isfinite(half).all() and np.square(half - exact).mean() < 1e-3 * np.square(exact).mean()


@pytest.mark.parametrize(("difference", "limit"), [(1.7e-6, 1e-5), (9.9e-6, 1e-5), (1e-5, 1e-5), (0.0, 1e-12)])
def test_measured_differences_are_rounded_up_to_a_power_of_ten(difference, limit):
    assert rounded_up(difference) == limit


def test_a_bundle_of_fp32_alone_has_nothing_to_compare():
    assert trial_text({"lines": 0, "candidates": {}}) == ""
    assert "by ear" in trial_text({"lines": 0, "candidates": {"int8": {"passes": True, "refused_because": []}}})
