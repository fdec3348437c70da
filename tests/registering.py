"""A project whose stages before `register` have all run, as far as registering looks: real MLflow, made-up files."""

import atexit
import hashlib
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from tasks.params import RegisterParams
from tasks.records import HEARD, SOURCES, write_table
from tasks.register import STAGE, run
from tasks.register.registry import connect
from voiceloom_model.runtime.bundle import bundle_sha256

MODEL = "test-voice"
ROOT = Path(__file__).parents[1]

EVALUATION = {
    "asr_model": "ear",
    "heard": {"voice": [{"id": "a", "wer": 0.5}]},
    "sentences": [{"id": "a", "errors": 1, "words": 4, "similarity": 0.8, "dnsmos": 2.5}],
    "voice": {"wer": 0.25, "similarity": 0.8, "dnsmos": 2.5, "utterances": 60},
    "recordings": {"wer": 0.03},
    "everyday": {"wer": 0.45, "sentences": 20},
    "size_mb": 25.0,
    "speed_passed": True,
}

ORIGIN = {"corpus": "one", "language": "en-US", "licence": "CC0-1.0"}
ATTRIBUTION = [{**ORIGIN, "speaker": "Eva", "consent_id": consent, "hours": 0.25} for consent in ("b", "a")]
RECORDINGS = [("one/first", "a", 30.5), ("one/second", "b", 12.0)]


@cache
def empty_database() -> Path:
    """MLflow's tables, made once: making them takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="mlflow-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        connect(folder).search_registered_models()
    return folder / "mlflow.db"


class Registering:
    """The project, and what a stage would change in it."""

    def __init__(self, root: Path):
        self.root, self.voice = root, root / "models" / "voice"
        self.curves: list[dict] = []
        shutil.copy(empty_database(), root / "mlflow.db")
        (root / "params.yaml").write_text(f"train: {{size: tiny}}\nregister: {{model_name: {MODEL}}}\n")
        (root / "reports").mkdir()
        (root / "reports" / "evaluation.html").write_text("<p>heard")
        (root / "reports" / "data.json").write_text(json.dumps({"attribution": ATTRIBUTION}))
        (root / "reports" / "data.html").write_text("<p>who")
        (root / "runs" / "samples").mkdir(parents=True)
        (root / "runs" / "samples" / "one.wav").write_bytes(b"RIFF")
        consents = [{"id": name, "speaker": "Eva", "licence": "CC0-1.0", "basis": f"asked, {name}"} for name in "abc"]
        (root / "data").mkdir()
        (root / "data" / "consent.yaml").write_text(yaml.safe_dump({"consents": consents}))
        (root / "data" / "champion.json").write_text("{}\n")
        self._write_recordings()
        self.write_bundle(b"weights")
        self.write_reports()

    def _write_recordings(self):
        sources, heard = [], []
        for name, consent, seconds in RECORDINGS:
            digest = hashlib.sha256(name.encode()).hexdigest()
            sources.append(
                {"id": name, "source_path": f"{name}.wav", "member": None, "sha256": digest, "duration_s": seconds}
            )
            origin = {**ORIGIN, "speaker": "Eva", "consent_id": consent}
            heard.append({"recording_id": name, **origin, "trained_s": seconds, "held_out_s": 1.0})
        write_table(pa.Table.from_pylist(sources, schema=SOURCES), self.root / "reports" / "sources.parquet")
        write_table(pa.Table.from_pylist(heard, schema=HEARD), self.root / "reports" / "heard.parquet")

    def write_bundle(self, content: bytes) -> str:
        """Another voice; returns its hash."""
        self.voice.mkdir(parents=True, exist_ok=True)
        names = ["voice.json", "fp32/encoder.onnx"]
        (self.voice / "voice.json").write_text(json.dumps({"data_sha256": "d" * 64}))
        if self.curves:  # drawing them takes longer than all the rest
            (self.voice / "curves.json").write_text(json.dumps(self.curves))
            names.append("curves.json")
        (self.voice / "fp32").mkdir(exist_ok=True)
        (self.voice / "fp32" / "encoder.onnx").write_bytes(content)
        sums = [f"{hashlib.sha256((self.voice / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
        (self.voice / "SHA256SUMS").write_text("".join(sums))
        return bundle_sha256(self.voice)

    def write_reports(self, passed: bool = True, reasons: tuple = ("it is good",), champion=..., **voice):
        """What evaluation and gate say; `champion` is the bundle that the gate compared the voice with."""
        evaluation = EVALUATION | {"voice": EVALUATION["voice"] | voice, "bundle_hash": bundle_sha256(self.voice)}
        (self.root / "reports" / "evaluation.json").write_text(json.dumps(evaluation))
        decision = {"passed": passed, "reasons": list(reasons)} | ({} if champion is ... else {"champion": champion})
        (self.root / "reports" / "gate.json").write_text(json.dumps(decision))

    def register(self):
        """The stage: its metrics and its receipt."""
        paths = {argument: self.root / path for argument, path in (STAGE.deps | STAGE.outs).items()}
        metrics = run(**paths, register=RegisterParams(model_name=MODEL))
        return metrics, json.loads(paths["receipt"].read_text())

    def register_another(self, content: bytes, **reports) -> str:
        """A new voice through the stage; returns its bundle's hash."""
        digest = self.write_bundle(content)
        self.write_reports(**reports)
        self.register()
        return digest

    def aliases(self) -> dict[str, int]:
        """Who has which alias."""
        found = connect(self.root).get_registered_model(MODEL).aliases
        return {alias: int(version) for alias, version in sorted(found.items())}
