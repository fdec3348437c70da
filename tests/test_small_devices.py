"""What fits on a small device: the packages, the bundle, the memory and the threads of a process that speaks.

The voice is the preset `small` with random weights: as large as a trained one, and as long-winded.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from voiceloom_model.runtime.bundle import SPEAKER_ENCODER, slim

ROOT = Path(__file__).parents[1]
#: The demo's voice takes 147 MB after the same texts; this untrained one speaks more slowly, in longer passages.
BUNDLE_MB, PEAK_MB = 25, 165
#: Beside the standard library; flatbuffers, protobuf and packaging, which ONNX Runtime names, are never imported.
PACKAGES = {"numpy", "onnxruntime", "hibari"}
LONG = 2000

#: A device without whatever else is installed here: hibari would use scipy where it is.
SPEAK = """
import json, sys
sys.modules["scipy"] = None
from voiceloom_model.runtime import Voice

def status(key):
    return int(open("/proc/self/status").read().split(key + ":")[1].split()[0])

voice = Voice.load(sys.argv[1], precision="int8", threads=1)
for text in json.loads(sys.argv[2]):
    for chunk in voice.stream(text):
        pass
names = {name.partition(".")[0] for name, module in sys.modules.items()
         if "site-packages" in str(getattr(module, "__file__", "")) and name[0] != "_"}
print(json.dumps({"peak_kb": status("VmHWM"), "threads": status("Threads"), "packages": sorted(names)}))
"""
BARE = "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The voice with what int8 needs, and nothing else."""
    folder = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        from _random_voice import build_voice

        return slim(build_voice(folder / "voice"), folder / "slim", "int8")


@pytest.fixture(scope="module")
def spoken(bundle):
    """What a process tells that has spoken sentences and a long text."""
    lines = (ROOT / "data" / "sentences" / "everyday-en.txt").read_text(encoding="utf-8").splitlines()
    sentences = [line for line in lines if line and not line.startswith("#")]
    texts = [*sentences[:10], " ".join(sentences * 3)[:LONG]]
    return json.loads(run(SPEAK, bundle, json.dumps(texts)))


def run(code, *arguments):
    paths = {"PYTHONPATH": str(ROOT / "model_src"), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, env={**os.environ, **paths})
    return done.stdout


@pytest.mark.slow
def test_the_bundle_is_small_enough(bundle):
    assert sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) < BUNDLE_MB * 1e6
    assert (bundle / SPEAKER_ENCODER).is_file()  # it clones, too


@pytest.mark.slow
def test_a_speaking_process_takes_little_memory(spoken):
    peak = (spoken["peak_kb"] - int(run(BARE))) * 1024 / 1e6
    assert 40 < peak < PEAK_MB  # below 40 it cannot have loaded the voice


@pytest.mark.slow
def test_one_thread_is_one_thread(spoken):
    assert spoken["threads"] <= 2  # ONNX Runtime has another from when it is imported, which waits


@pytest.mark.slow
def test_speaking_needs_no_package_but_those_that_it_declares(spoken):
    assert set(spoken["packages"]) == PACKAGES
