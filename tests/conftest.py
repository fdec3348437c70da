"""No test sees the user's servers or leaves its own behind: MLflow writes its address to os.environ."""

import functools
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import hibari
import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile as sf
import soxr
import yaml

REPOSITORY = Path(__file__).parents[1]
NAMES = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_REGISTRY_URI",
    "PREFECT_API_URL",
    "PREFECT_API_KEY",
    "VOICELOOM_STORE",
    "VOICELOOM_WORKERS",
    "DASK_SCHEDULER_ADDRESS",
)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    for name in NAMES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    yield
    for name in NAMES:
        os.environ.pop(name, None)


@pytest.fixture(scope="session")
def say():
    """Real words from a small public voice: say(text) → float32 (T,) at 16 kHz, with silence around it."""
    voice = hibari.Hibari()

    @functools.cache
    def speak(text: str) -> np.ndarray:
        wave = soxr.resample(voice(text, seed=1).astype(np.float32), hibari.SAMPLE_RATE, 16000)
        return np.pad(0.5 * wave / np.abs(wave).max(), 4800)

    return speak


class Project:
    """A small project in a folder of its own, with an LJSpeech-like corpus `tiny` already fetched."""

    def __init__(self, root: Path):
        self.root = root
        self.corpus = root / "data" / "raw" / "tiny"
        (self.corpus / "wavs").mkdir(parents=True)
        (self.corpus / "metadata.csv").touch()
        consents = {"consents": [{"id": "c-ann", "speaker": "ann", "licence": "CC0-1.0", "basis": "a test"}]}
        (root / "data" / "consent.yaml").write_text(yaml.safe_dump(consents))
        (root / "data" / "lexicon.tsv").touch()
        params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
        source = {"kind": "folder", "path": str(self.corpus)}
        terms = {"speaker": "ann", "language": "en-US", "licence": "CC0-1.0"}
        params["corpora"] = [{"name": "tiny", "source": source, **terms}]
        params["records"]["shards"] = 4
        params["segment"].update(held_out_share=0.3, held_out_min_words=1)
        self.write_params(params)

    def write_params(self, params: dict) -> None:
        self.params = params
        (self.root / "params.yaml").write_text(yaml.safe_dump(params))

    def keep_duplicates(self) -> None:
        """For tests that need many recordings and say few sentences."""
        self.params["quality"]["drop_duplicates"] = False
        self.write_params(self.params)

    def add(self, name: str, wave: np.ndarray | None, text: str | None, speaker: str = "", rate: int = 16000):
        """Add a recording, with text and speaker as metadata.csv would have them; no text, no line."""
        path = self.corpus / "wavs" / f"{name}.wav"
        if wave is not None:
            sf.write(path, wave, rate)
        if text is not None:
            with (self.corpus / "metadata.csv").open("a") as file:
                file.write(f"{name}|{text}||{speaker}\n")
        return path

    def command(self, stage: str) -> list[str]:
        return [sys.executable, "-m", "tasks.stage", stage]

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'model_src'}", **more}

    def stage(self, stage: str, **options) -> subprocess.CompletedProcess:
        """Run a stage as the user does, in a process of its own."""
        environment = self.environment(VOICELOOM_WORKERS="0")
        options = {"env": environment, "capture_output": True, "text": True, "check": False, **options}
        return subprocess.run(self.command(stage), cwd=self.root, **options)

    def hashes(self) -> dict[str, str]:
        """The hash of every stage output."""
        files = [path for path in sorted((self.root / "data").rglob("*.parquet"))]
        return {str(path.relative_to(self.root)): sha256(path.read_bytes()).hexdigest() for path in files}

    def rows(self, path: str) -> list[dict]:
        return pq.read_table(self.root / path).to_pylist()


@pytest.fixture
def new_project(tmp_path):
    """new_project(name) makes a `Project`."""
    return lambda name="project": Project(tmp_path / name)


@pytest.fixture
def project(new_project, monkeypatch):
    """A `Project` that is the current folder, with work done in this process."""
    made = new_project()
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("VOICELOOM_WORKERS", "0")
    return made
