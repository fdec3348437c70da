"""Two stages of a small project, as a command: `python stage.py train|evaluate`, in the project's folder.

`train` makes a made-up voice of data/source.txt in steps that a kill does not lose, with a child in a session of its
own, as torchrun has; `evaluate` writes what the real stages `gate` and `register` read.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

STEPS, STEP_S = 20, 0.2
ORIGIN = {"corpus": "one", "language": "en-US", "licence": "CC0-1.0", "speaker": "Eva", "consent_id": "a"}


def train() -> None:
    """Step by step; the steps done are remembered by the input's hash."""
    content = Path("data/source.txt").read_bytes()
    done = Path("runs", hashlib.sha256(content).hexdigest()[:12])
    done.parent.mkdir(exist_ok=True)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    first = int(done.read_text() or 0) if done.is_file() else 0
    for step in range(first, STEPS):
        time.sleep(STEP_S)
        done.write_text(str(step + 1))
    child.kill()
    voice = Path("models/voice")
    voice.mkdir(parents=True, exist_ok=True)
    (voice / "voice.json").write_text(json.dumps({"data_sha256": "d" * 64}))
    (voice / "curves.json").write_text(json.dumps([{"step": 1, "mel": 1.0}]))
    (voice / "encoder.onnx").write_bytes(content)
    names = ("voice.json", "curves.json", "encoder.onnx")
    sums = [f"{hashlib.sha256((voice / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (voice / "SHA256SUMS").write_text("".join(sums))


def evaluate() -> None:
    """Scores that pass, and the cards that registering asks for."""
    import pyarrow as pa

    from tasks.records import HEARD, SOURCES, write_table
    from voiceloom_model.runtime.bundle import bundle_sha256

    reports = Path("reports")
    reports.mkdir(exist_ok=True)
    scores = {"wer": 0.2, "similarity": 0.9, "dnsmos": 3.0, "utterances": 1}
    said = {"bundle_hash": bundle_sha256(Path("models/voice")), "voice": scores, "size_mb": 1.0, "speed_passed": True}
    sentences = [{"id": "a", "errors": 1, "words": 5, "similarity": 0.9, "dnsmos": 3.0}]
    (reports / "evaluation.json").write_text(json.dumps({**said, "asr_model": "ear", "sentences": sentences}))
    (reports / "evaluation.html").write_text("<p>heard")
    (reports / "data.json").write_text(json.dumps({"attribution": [{**ORIGIN, "hours": 0.1}]}))
    (reports / "data.html").write_text("<p>who")
    source = {"id": "one/a", "source_path": "a.wav", "member": None, "sha256": "0" * 64, "duration_s": 1.0}
    heard = {"recording_id": "one/a", **ORIGIN, "trained_s": 1.0, "held_out_s": 0.0}
    write_table(pa.Table.from_pylist([source], schema=SOURCES), reports / "sources.parquet")
    write_table(pa.Table.from_pylist([heard], schema=HEARD), reports / "heard.parquet")


if __name__ == "__main__":
    {"train": train, "evaluate": evaluate}[sys.argv[1]]()
