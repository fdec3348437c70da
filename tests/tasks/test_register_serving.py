"""A voice as `register` logs it, behind `mlflow models serve`: text in over HTTP, audio out."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import mlflow
import numpy as np
import pytest
from made_voice import make_bundle

from tasks.register.model import log_voice
from tasks.register.registry import connect
from voiceloom_model.runtime import Voice

pytestmark = pytest.mark.slow

PATIENCE_S = 120


@contextlib.contextmanager
def served(model: Path, log: Path):
    """`mlflow models serve` of a model's folder; yields its URL once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    binaries = Path(sys.executable).parent
    command = [str(binaries / "mlflow"), "models", "serve", "--model-uri", str(model), "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    variables = os.environ | {"PATH": f"{binaries}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with log.open("w") as said:
        server = subprocess.Popen(command, env=variables, stdout=said, stderr=said, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # the command starts the server as another process
        server.wait()


def wait_for(url, server, log):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()[-2000:]
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"no answer in {PATIENCE_S} s: {log.read_text()[-2000:]}")


def test_the_logged_voice_speaks_behind_mlflow(tmp_path, monkeypatch):
    bundle = make_bundle(tmp_path / "voice")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    client = connect(tmp_path)
    with mlflow.start_run(experiment_id=client.create_experiment("x", artifact_location=(tmp_path / "a").as_uri())):
        log_voice(bundle)
    (description,) = (tmp_path / "a").glob("**/MLmodel")
    rows = [{"text": "Good morning.", "speaker": "bert", "speed": 1.5, "seed": 3}, {"text": "Hello.", "seed": 0}]
    with served(description.parent, tmp_path / "log.txt") as url:
        answer = httpx.post(f"{url}/invocations", json={"dataframe_records": rows}, timeout=PATIENCE_S)
        refused = httpx.post(f"{url}/invocations", json={"dataframe_records": [{"text": "Hi.", "speaker": "nobody"}]})
    voice = Voice.load(bundle)
    assert answer.status_code == 200, answer.text[:2000]
    for given, row in zip(rows, answer.json()["predictions"], strict=True):
        assert row["sample_rate_hz"] == 16000
        np.testing.assert_array_equal(np.array(row["audio"], np.float32), voice.say(**given))
    assert refused.status_code == 400 and "there is no speaker 'nobody'" in refused.text
