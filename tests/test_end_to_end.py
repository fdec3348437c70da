"""Real recordings go in, a registered voice that speaks comes out: the whole DAG with the preset `tiny`.

Two copies of this checkout run it, one by `voiceloom run`, one by `dvc repro`; then the registered model speaks in
an environment that holds only what the model declares.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import soundfile
import yaml

from tasks.audio import decode
from tasks.fetch import debian
from tasks.ingest.readers import read_corpus
from tasks.params import DebianSource
from tasks.register.registry import registered_voices
from tasks.stage import STAGES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[1]
PACKAGES = ["asterisk-core-sounds-en-g722", "asterisk-core-sounds-en"]
PROMPTS = 40
MIN_WORDS = 6

VOICELOOM = (sys.executable, "-c", "from flows.cli import main; main()")

SPEAK = """
    import sys
    import mlflow, pandas
    model = mlflow.pyfunc.load_model(sys.argv[1])
    spoken = model.predict(pandas.DataFrame({"text": ["Good morning."], "speed": [1.0], "seed": [1]}))
    again = model.predict(pandas.DataFrame({"text": ["Good morning."]}))
    assert not {"torch", "librosa"} & set(sys.modules)
    print(len(spoken.audio[0]), spoken.sample_rate_hz[0], abs(spoken.audio[0]).max() > 0, len(again.audio[0]) > 0)
"""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """An LJSpeech-like folder of real prompts; skips where no package manager can bring them."""
    raw = tmp_path_factory.mktemp("raw") / "asterisk-en"
    raw.mkdir()
    try:
        debian.fetch("asterisk-en", DebianSource(kind="debian", packages=PACKAGES), raw)
    except OSError as error:
        pytest.skip(f"the English prompts cannot be had here: {error}")
    folder = tmp_path_factory.mktemp("corpus") / "prompts"
    (folder / "wavs").mkdir(parents=True)
    sources = sorted(read_corpus("asterisk-en", raw, "asterisk", "en-US"), key=lambda source: source.id)
    long_enough = (source for source in sources if len((source.text or "").split()) >= MIN_WORDS)
    lines = []
    for number, source in enumerate(itertools.islice(long_enough, PROMPTS)):
        soundfile.write(folder / "wavs" / f"p{number:02d}.wav", *decode(source.path))
        lines.append(f"p{number:02d}|{source.text}\n")
    (folder / "metadata.csv").write_text("".join(lines))
    return folder


def ended(process: subprocess.Popen) -> subprocess.CompletedProcess:
    """What became of a command, and what it said."""
    stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


class Clone:
    """A copy of this checkout, without anything that a stage made."""

    def __init__(self, root: Path):
        self.root = root
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, names.split("\0")):
            if (ROOT / name).is_file() and name != "dvc.lock":
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, root / name)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)

    def start(self, *command: str) -> subprocess.Popen:
        paths = os.pathsep.join([str(self.root), str(self.root / "model_src")])
        home = str(self.root.with_name(f"{self.root.name}-prefect"))
        folder = str(Path(sys.executable).parent)
        variables = {"PYTHONPATH": paths, "PREFECT_HOME": home, "PATH": f"{folder}:{os.environ['PATH']}"}
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> subprocess.CompletedProcess:
        return ended(self.start(*command))

    def voiceloom(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run(*VOICELOOM, *arguments)

    def lock(self) -> dict:
        return yaml.safe_load((self.root / "dvc.lock").read_text())


def new_clone(folder, recordings):
    """A clone whose params are the tiny preset on these recordings; nothing has run."""
    from flows.settings import FolderCorpus, use_folder

    clone = Clone(folder)
    assert clone.voiceloom("preset", "tiny").returncode == 0
    use_folder(clone.root, FolderCorpus(recordings, "allison-smith", "en-US", "CC-BY-SA-3.0"))
    return clone


@pytest.fixture(scope="module")
def two_ways(tmp_path_factory, recordings):
    """Two clones in which the whole DAG has run, by the flow and by DVC, side by side."""
    clones = [new_clone(tmp_path_factory.mktemp(name), recordings) for name in ("flow", "repro")]
    commands = [(*VOICELOOM, "run"), (sys.executable, "-m", "dvc", "repro", "-q")]
    running = [clone.start(*command) for clone, command in zip(clones, commands, strict=True)]
    for clone, process in zip(clones, running, strict=True):
        result = ended(process)
        assert result.returncode == 0, result.stdout + result.stderr
        clone.said = result.stdout
    return clones


@pytest.fixture
def by_flow(two_ways):
    return two_ways[0]


def test_every_stage_ran_and_the_table_says_so(by_flow):
    assert set(by_flow.lock()["stages"]) == set(STAGES)
    for stage in STAGES:
        assert stage in by_flow.said
    assert "real recordings" in by_flow.said and "version 1" in by_flow.said
    assert (by_flow.root / "reports" / "evaluation.html").is_file()
    assert len(list((by_flow.root / "runs" / "samples").glob("*.wav"))) == 3


def test_a_second_run_runs_no_stage(by_flow):
    before = by_flow.lock()
    result = by_flow.voiceloom("run")
    assert result.returncode == 0 and "Nothing is stale." in result.stderr
    assert by_flow.lock() == before
    status = by_flow.run(sys.executable, "-m", "dvc", "status")
    assert "up to date" in status.stdout


def test_git_sees_only_what_a_run_may_change(by_flow):
    """Outputs are ignored by git without DVC having to write any .gitignore."""
    by_flow.run("git", "add", "-A")
    names = by_flow.run("git", "ls-files").stdout.split()
    assert not [name for name in names if name.startswith(("data/raw", "models/voice", "runs/", "mlartifacts/"))]


def test_dvc_repro_gives_the_same_lock(two_ways):
    by_flow, by_repro = two_ways
    assert by_repro.lock() == by_flow.lock()


def test_the_voice_is_registered_once_and_says_a_sentence(by_flow, tmp_path):
    (voice,) = registered_voices(by_flow.root)
    receipt = json.loads((by_flow.root / "reports" / "registration.json").read_text())
    assert (voice.version, voice.bundle_sha256) == (1, receipt["bundle_sha256"])
    for number, options in enumerate([[], ["--voice", f"{voice.model_name}@challenger"]]):
        out = tmp_path / f"{number}.wav"
        result = by_flow.voiceloom("say", "Good morning.", "-o", str(out), *options)
        assert result.returncode == 0, result.stderr
        assert soundfile.info(out).duration > 0.2
    assert (tmp_path / "0.wav").read_bytes() == (tmp_path / "1.wav").read_bytes()


def test_the_registered_model_speaks_with_only_what_it_declares(by_flow, tmp_path):
    (voice,) = registered_voices(by_flow.root)
    (model,) = (by_flow.root / "mlartifacts").glob("**/MLmodel")
    python = tmp_path / "fresh" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "fresh")], check=True)
    install = [str(python), "-m", "pip", "install", "-q", "-r", str(model.parent / "requirements.txt")]
    subprocess.run(install, check=True)
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables["MLFLOW_TRACKING_URI"] = f"sqlite:///{by_flow.root}/mlflow.db"
    spoken = subprocess.run(
        [str(python), "-c", textwrap.dedent(SPEAK), f"models:/{voice.model_name}@challenger"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert spoken.returncode == 0, spoken.stderr
    samples, rate, *heard = spoken.stdout.split()
    assert int(samples) > 0.2 * int(rate) and heard == ["True", "True"]
