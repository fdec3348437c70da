"""The benchmark of a GPU, as far as it goes without one."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import gpu_speaking

    yield gpu_speaking
    sys.modules.pop("gpu_speaking")


def test_without_a_gpu_it_is_one_sentence(benchmark, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    benchmark.main()
    sentence, last = capsys.readouterr().out.splitlines()
    assert sentence.startswith("There is no CUDA GPU here") and json.loads(last) == {"gpu": None}


def test_ratios_are_of_the_same_turn_and_null_for_who_is_not_there(benchmark):
    found = benchmark.figures(
        {"torch": [4.0, 9.0, 100.0], "cuda_graphs": [2.0, 3.0, 50.0]}, {"torch": -120.04, "cuda_graphs": -60}
    )
    assert (found["torch_ms"], found["torch_db"], found["cuda_graphs_vs_torch"]) == (9.0, -120.0, 2.0)
    assert found["cuda_graphs_vs_onnxruntime"] is found["tensorrt_ms"] is found["tensorrt_vs_torch"] is None


def test_distance_in_db(benchmark):
    wave = np.sin(np.arange(1000, dtype=np.float32))
    assert benchmark.distance_db(wave, 1.1 * wave) == pytest.approx(-20, abs=0.01)
    assert benchmark.distance_db(wave, wave[:-256]) < -150


def test_a_decoder_that_takes_a_pitch_is_given_one(benchmark):
    """Distances are of sound then, and not of how the last bit of a pitch was rounded."""
    given = []
    session = SimpleNamespace(get_inputs=list, run=lambda _, inputs: given.append(inputs))
    noise, f0 = np.zeros((1, 3, 2), np.float32), np.zeros((1, 3), np.float32)
    benchmark.Monotone(session).run(None, {"noise": noise, "f0": f0})
    benchmark.Monotone(session).run(None, {"noise": noise})
    assert given[0]["f0"].tolist() == [[120.0] * 3] and given[0]["f0"].dtype == np.float32 and not f0.any()
    assert list(given[1]) == ["noise"]
