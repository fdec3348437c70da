"""The benchmark of a GPU, as far as it goes without one."""

import json
import sys
from pathlib import Path

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
