import json

import pytest
import torch

from tasks.params import QuantizeParams
from tasks.quantize import choose_float, held_out, run
from tasks.records import FEATURES, read_rows, write_shard
from voiceloom_model.eight_bits import speaking_linears
from voiceloom_model.export.graphs import random_inputs
from voiceloom_model.nn.synthesizer import Synthesizer


def quantize(checkpoint, features_table, folder, limit):
    params = QuantizeParams(calibration_utterances=1, max_mel_increase=limit)
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


def test_the_torchscript_voice_speaks_almost_as_the_network(checkpoint, quantized):
    synthesizer = Synthesizer.from_folder(checkpoint).requires_grad_(False)
    voice = torch.jit.load(str(quantized / "voice.int8.ts"))
    inputs = random_inputs(synthesizer, 25, seed=1)
    wave, exact = voice.decode(*inputs.decoder), synthesizer.decode(*inputs.decoder)
    assert wave.shape == exact.shape == (1, int(inputs.durations.sum()) * 256)
    assert 0 < (wave - exact).square().mean() < 0.1 * exact.square().mean()


def test_choosing_keeps_the_fewest_and_the_worst():
    alone = {"a": 0.1, "b": 0.4, "c": 0.2}

    def increase(names):
        return sum(alone[name] for name in names)

    assert choose_float(alone, increase, 1.0) == []
    assert choose_float(alone, increase, 0.35) == ["b"]
    assert choose_float(alone, increase, 0.0) == ["a", "b", "c"]


def test_calibration_takes_the_same_held_out_rows_every_time(features_table):
    assert [row["id"] for row in held_out(features_table, 1)] == [row["id"] for row in held_out(features_table, 9)][:1]
    assert {row["id"] for row in held_out(features_table, 9)} == {"made/b", "made/c"}


def test_nothing_held_out_is_one_sentence(features_table, tmp_path):
    rows = [row for row in read_rows(features_table, FEATURES) if row["split"] == "train"]
    write_shard(rows, tmp_path, 0, FEATURES)
    with pytest.raises(ValueError, match="no held-out utterance to calibrate with"):
        held_out(tmp_path, 3)
