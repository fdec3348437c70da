"""A small project under real git and DVC whose last two stages are the real ones, and servers on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[1]
MODEL = "mini-voice"
PATIENCE_S = 120.0

REPORTS = ["evaluation.json", "evaluation.html", "data.json", "data.html", "sources.parquet", "heard.parquet"]
DAG = {
    "train": {"cmd": "python stage.py train", "deps": ["data/source.txt"], "outs": ["models/voice"]},
    "evaluate": {
        "cmd": "python stage.py evaluate",
        "deps": ["models/voice"],
        "outs": [f"reports/{name}" for name in REPORTS],
    },
    "gate": {
        "cmd": "python -m tasks.stage gate",
        "deps": ["reports/evaluation.json", "data/champion.json"],
        "params": ["gate"],
        "outs": ["reports/gate.json"],
    },
    "register": {
        "cmd": "python -m tasks.stage register",
        "deps": ["models/voice", "reports/gate.json", *(f"reports/{name}" for name in REPORTS)],
        "params": ["register"],
        "outs": ["reports/registration.json"],
    },
}


def environment(**more: str) -> dict[str, str]:
    """This process's, with both packages and this interpreter's commands."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    given = {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'model_src'}", "PATH": path, "DO_NOT_TRACK": "true"}
    return os.environ | given | {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", **more}


def make(root: Path, dag: dict | None = None) -> Path:
    """The project, with nothing run yet."""
    (root / "data").mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("_mini_stage.py"), root / "stage.py")
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["register"]["model_name"] = MODEL
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": dag or DAG}, sort_keys=False))
    (root / "data" / "champion.json").write_text("{}\n")
    (root / "data" / "source.txt").write_text("nothing yet")
    (root / ".gitignore").write_text("/runs/\n")
    who = ["-c", "user.name=mini", "-c", "user.email=mini@localhost"]
    for command in (
        ["git", "init", "-q"],
        ["dvc", "init", "-q"],
        ["git", "add", "-A"],
        ["git", *who, "commit", "-qm", "a"],
    ):
        subprocess.run(command, cwd=root, env=environment(), check=True)
    return root


def is_clean(root: Path) -> bool:
    """Whether `dvc status` has nothing to say."""
    said = subprocess.run(["dvc", "status", "-q"], cwd=root, env=environment(), check=False, capture_output=True)
    return said.returncode == 0


class Server:
    """A server on loopback that can be killed, stopped and started again, with its data kept."""

    def __init__(self, command: list[str], page: str, folder: Path, **variables: str):
        self.port = free_port()
        self.command = [part.replace("PORT", str(self.port)) for part in command]
        self.address = f"http://127.0.0.1:{self.port}"
        self.page, self.folder, self.variables = page, folder, variables
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=environment(**self.variables),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self.answers)

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            with urllib.request.urlopen(f"{self.address}{self.page}", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """End it and its children at once, as a power cut would."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, 9)
            self.process.wait()
            self.process = None


def prefect_server(folder: Path) -> Server:
    """Prefect's, with a database of its own in the folder."""
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", "PORT"]
    return Server(command, "/api/health", folder, PREFECT_HOME=str(folder), PREFECT_API_URL="")


def mlflow_server(folder: Path) -> Server:
    """MLflow's, with a database and an artifact store in the folder."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", "PORT", "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    return Server(command, "/health", folder, MLFLOW_DISABLE_TELEMETRY="true")


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def until(condition, patience_s: float = PATIENCE_S, every_s: float = 0.2) -> None:
    """Wait for what another process does; `TimeoutError` when it never does."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience_s:.0f} s for {getattr(condition, '__name__', condition)}")
        time.sleep(every_s)
