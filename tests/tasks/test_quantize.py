import dataclasses
import hashlib
import json
import pickle
import re
import shutil
from pathlib import Path

import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from tasks.params import QuantizeParams
from tasks.quantize import choose_float, held_out, run
from tasks.records import FEATURES, read_rows, write_shard
from voiceloom_model.config import ModelConfig
from voiceloom_model.eight_bits import speaking_linears
from voiceloom_model.export.graphs import random_inputs
from voiceloom_model.nn.synthesizer import Synthesizer

HOW_TO = Path(__file__).parents[2] / "docs" / "torchscript.md"


def quantize(checkpoint, features_table, folder, limit, **limits):
    params = QuantizeParams(calibration_utterances=1, max_mel_increase=limit, **limits)
    metrics = run(checkpoint=checkpoint, features=features_table, quantized=folder, quantize=params)
    return metrics, json.loads((folder / "sensitivity.json").read_text())


def test_every_speaking_layer_is_measured_and_the_limit_is_kept(checkpoint, features_table, quantized, tmp_path):
    easy = json.loads((quantized / "sensitivity.json").read_text())
    layers = speaking_linears(Synthesizer.from_folder(checkpoint))
    assert set(easy["increase_alone"]) == set(layers) and easy["keep_float"] == []
    still = {name for name, increase in easy["increase_alone"].items() if increase == 0}
    assert still == {name for name in layers if name.startswith("durations.")}, "these move durations, not the mel"
    assert 0 < easy["log_duration_change"] < 0.1
    limit = 0.5 * easy["mel_increase"]
    metrics, strict = quantize(checkpoint, features_table, tmp_path / "strict", limit)
    assert 0 < len(strict["keep_float"]) == metrics["kept_float"] < metrics["layers"] == len(layers)
    assert strict["mel_increase"] <= limit
    worst = max(strict["increase_alone"], key=lambda name: strict["increase_alone"][name])
    assert worst in strict["keep_float"]


def test_durations_are_kept_as_well(checkpoint, features_table, quantized, tmp_path):
    easy = json.loads((quantized / "sensitivity.json").read_text())
    limit = 0.5 * easy["log_duration_change"]
    _, strict = quantize(checkpoint, features_table, tmp_path / "strict", 1.0, max_log_duration_change=limit)
    assert strict["keep_float"] and strict["log_duration_change"] <= limit < easy["log_duration_change"]
    moving = easy["log_duration_change_alone"]
    assert max(moving, key=lambda name: moving[name]) in strict["keep_float"]
    assert not any(name.startswith(("prior", "flow", "decoder")) for name in strict["keep_float"])


def test_the_pitch_is_kept_as_well(checkpoint, features_table, quantized, tmp_path):
    easy = json.loads((quantized / "sensitivity.json").read_text())
    limit = 0.5 * easy["pitch_change_cents"]
    metrics, strict = quantize(checkpoint, features_table, tmp_path / "strict", 1.0, max_pitch_change_cents=limit)
    assert strict["keep_float"] and metrics["pitch_change_cents"] <= limit < easy["pitch_change_cents"] < 100
    moving = easy["pitch_change_cents_alone"]
    assert max(moving, key=lambda name: moving[name]) in strict["keep_float"]
    assert not any(name.startswith("durations") for name in strict["keep_float"])


def test_a_decoder_without_pitch_has_no_figure_of_it(checkpoint, features_table, tmp_path):
    other = tmp_path / "istft"
    shutil.copytree(checkpoint, other)
    config = json.loads((checkpoint / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "model": {**config["model"], "decoder": "istft"}}))
    synthesizer = Synthesizer(ModelConfig.from_dict({**config["model"], "decoder": "istft"}))
    save_file(synthesizer.state_dict(), other / "model.safetensors")
    metrics, report = quantize(other, features_table, tmp_path / "strict", 1.0)
    assert set(metrics) == {"layers", "kept_float", "mel_increase", "log_duration_change"}
    assert not [key for key in report if "pitch" in key] and report["mel_increase"] > 0


@pytest.mark.parametrize("tokens", [3, 25, 120])
def test_the_torchscript_voice_speaks_almost_as_the_network_and_the_int8_graphs(checkpoint, quantized, bundle, tokens):
    synthesizer = Synthesizer.from_folder(checkpoint).requires_grad_(False)
    voice = torch.jit.load(str(quantized / "voice.int8.ts"))
    inputs = random_inputs(synthesizer, tokens, seed=1)
    exact = synthesizer.sound(*inputs.decoder, excitation=inputs.excitation)
    inputs = dataclasses.replace(inputs, f0=exact.f0)
    assert exact.f0 is not None, "the default decoder is a source, and waves of another pitch cannot be compared"
    (encoded, logs), (hidden, exact_logs) = voice.encode(*inputs.encoder), synthesizer.encode(*inputs.encoder)
    assert encoded.shape == hidden.shape and 0 < (logs - exact_logs).abs().mean() < 0.1
    wave, f0, cycles = voice.decode(*inputs.decoder, *inputs.excitation)
    assert wave.shape == exact.wave.shape == (1, int(inputs.durations.sum()) * 256)
    assert torch.equal(f0, exact.f0) and torch.equal(cycles, exact.cycles)
    assert 0 < (wave - exact.wave).square().mean() < 0.1 * exact.wave.square().mean()
    graph = decoded(bundle / "int8" / "decoder.onnx", inputs)
    assert graph.shape == wave.shape
    assert (wave - graph).square().mean() < 0.1 * exact.wave.square().mean()


def decoded(graph, inputs):
    session = onnxruntime.InferenceSession(graph)
    given = {entry.name: getattr(inputs, entry.name).numpy() for entry in session.get_inputs()}
    return torch.from_numpy(session.run(None, given)[0])


def test_the_documented_way_to_speak_works(quantized, bundle, tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "quantized").symlink_to(quantized)
    (tmp_path / "models" / "voice").symlink_to(bundle)
    monkeypatch.chdir(tmp_path)
    (snippet,) = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    found = {}
    exec(snippet, found)
    assert found["wave"].ndim == 1 and len(found["wave"]) > 4000 and found["wave"].isfinite().all()


def test_the_torchscript_voice_is_the_one_whose_sum_is_written_and_loads_without_python_pickles(quantized, monkeypatch):
    path = quantized / "voice.int8.ts"
    written = json.loads((quantized / "sensitivity.json").read_text())["torchscript_sha256"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == written

    def refuse(*_, **__):
        raise AssertionError("Python unpickled something")

    for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(module, name, refuse)
    assert torch.jit.load(str(path)).encode is not None


def test_choosing_keeps_the_fewest_and_the_worst():
    alone = {"a": (0.1, 0.0), "b": (0.4, 0.0), "c": (0.2, 0.03)}

    def moved(names):
        return tuple(sum(alone[name][kind] for name in names) for kind in (0, 1))

    assert choose_float(alone, moved, (1.0, None)) == []
    assert choose_float(alone, moved, (0.35, None)) == ["b"]
    assert choose_float(alone, moved, (0.0, None)) == ["a", "b", "c"]
    assert choose_float(alone, moved, (1.0, 0.01)) == ["c"], "past its limit for durations, though not for the mel"
    assert choose_float(alone, moved, (0.35, 0.1)) == ["b"]


def test_calibration_takes_the_same_held_out_rows_every_time(features_table):
    assert [row["id"] for row in held_out(features_table, 1)] == [row["id"] for row in held_out(features_table, 9)][:1]
    assert {row["id"] for row in held_out(features_table, 9)} == {"made/b", "made/c"}


def test_nothing_held_out_is_one_sentence(features_table, tmp_path):
    rows = [row for row in read_rows(features_table, FEATURES) if row["split"] == "train"]
    write_shard(rows, tmp_path, 0, FEATURES)
    with pytest.raises(ValueError, match="no held-out utterance to calibrate with"):
        held_out(tmp_path, 3)
