"""What `run.py` of a kit does on the machine it was brought to. Nothing here needs a package: some are installed first.

WORK becomes a workspace: code and packages, the kit's utterances, then the ordinary stages `features` and `train`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
import zipfile
from pathlib import Path

from tasks.kit import contents
from tasks.kit.running import GpuWatch, OutOfTime, Runner

#: How long before the end training is asked to stop: it saves; with pieces to write, these take a while too.
STOP_S, WRITE_S = 20.0, 30.0


def main(kit: Path, argv: list[str]) -> int:
    """Run the kit; 0 when it did what was asked for in the time given, 2 with one sentence when it could not."""
    options = _options(kit, argv)
    try:
        manifest = contents.verified(kit)
        print(f"kit: whole; {manifest['utterances']} utterances, Opus at {manifest['opus_kbps']} kbit/s", flush=True)
        work = _Work(kit, options)
        work.prepare()
        if options.smoke:
            return work.smoke()
        return work.train()
    except (ValueError, OSError, OutOfTime) as error:
        print(f"kit: {error}", file=sys.stderr)
        return 2


def _options(kit: Path, argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py", description="Train with this kit, without a network.")
    add = parser.add_argument
    add("--minutes", type=float, default=9.0, help="all of it takes no longer; a later run goes on from there")
    add("--workers", type=int, default=os.cpu_count(), help="processes that prepare the data")
    add("--work", type=Path, default=kit.parent / "kit-work", help="the workspace; it is kept for later runs")
    add("--state-in", type=Path, help="a folder of pieces to go on from")
    add("--state-out", type=Path, help="the folder for the pieces of the state; its other files are left alone")
    add("--piece-mib", type=float, default=16.0, help="the largest piece")
    add("--state-mib", type=float, default=60.0, help="all pieces together")
    add("--params", type=Path, help="parameters instead of the kit's params.yaml")
    add("--no-install", action="store_true", help="every package is here already")
    add("--smoke", action="store_true", help="a few steps of each phase, timed; nothing is kept")
    add("--steps", type=int, default=20, help="of each phase, with --smoke")
    add("--device", choices=["auto", "cpu"], default="auto", help="cpu: as if there were no GPU")
    return parser.parse_args(argv)


class _Work:
    """A workspace made from a kit."""

    def __init__(self, kit: Path, options: argparse.Namespace):
        self.kit, self.options = kit, options
        name = f"{options.work.name}-smoke" if options.smoke else options.work.name
        self.folder = options.work.resolve().with_name(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        site, code = self.folder / "site", self.folder / "code"
        paths = [site, code, code / "model_src", *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONUNBUFFERED": "1",
            "VOICELOOM_WORKERS": str(options.workers),
            "OPENBLAS_NUM_THREADS": "1",  # its matrices are small: more threads only wait for each other
        }
        if options.device == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        self.runner = Runner(self.folder, environment, 60 * options.minutes)

    def prepare(self) -> None:
        """Packages, code, utterances and features; what an earlier run finished is not done again."""
        kit, smoke = self.kit, self.options.smoke
        made_of = contents.sha256(kit / contents.MANIFEST)
        self._once("install", made_of, self._install)
        self._once("code", made_of, self._unpack)
        shutil.copytree(kit / contents.WORKSPACE, self.folder, dirs_exist_ok=True)
        if self.options.params is not None:
            shutil.copyfile(self.options.params, self.folder / "params.yaml")
        shards = ["--shards", "1"] if smoke else []
        self._once("utterances", made_of, lambda: self._python("utterances", "-m", "tasks.kit", "remake", kit, *shards))
        params = contents.sha256(self.folder / "params.yaml")
        self._once("features", made_of + params, lambda: self._python("features", "-m", "tasks.kit", "features", kit))

    def smoke(self) -> int:
        """Time a few steps in both precisions."""
        for precision in ("32-true", "bf16-mixed"):
            self._python(f"smoke {precision}", "-m", "tasks.kit", "smoke", precision, self.options.steps)
        return 0

    def train(self) -> int:
        """Train until the time is over, and write the pieces."""
        options = self.options
        if options.state_in is not None:
            self._python("state-in", "-m", "tasks.kit", "state-in", options.state_in.resolve())
        reserve = STOP_S + (WRITE_S if options.state_out is not None else 0)
        with GpuWatch() as gpu:
            code, said = self.runner.until("train", [sys.executable, "-m", "tasks.stage", "train"], reserve)
        if code == -signal.SIGTERM:
            raise OutOfTime("the time was over before the first step; run again to go on from there")
        if options.state_out is not None:
            sizes = [options.piece_mib, options.state_mib]
            self._python("state-out", "-m", "tasks.kit", "state-out", options.state_out.resolve(), *sizes)
        report = {"seconds": self.runner.seconds, **gpu.summary(), **said, "finished": code == 0}
        path = self.folder / "runs" / "kit" / "report.json"
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"kit: {json.dumps(report)}", flush=True)
        return 0 if code in (0, Runner.STOPPED) else 2

    def _install(self) -> None:
        site = self.folder / "site"
        shutil.rmtree(site, ignore_errors=True)
        site.mkdir()
        shutil.copytree(self.kit / contents.ENCODER, site / contents.ENCODER)
        wheels = sorted((self.kit / contents.WHEELS).glob("*.whl"))
        if not self.options.no_install and wheels:
            pip = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-cache-dir", "--no-compile"]
            self._python("install", *pip, "--disable-pip-version-check", "--target", site, *wheels)

    def _unpack(self) -> None:
        code = self.folder / "code"
        shutil.rmtree(code, ignore_errors=True)
        with zipfile.ZipFile(self.kit / contents.CODE) as archive:
            archive.extractall(code)

    def _once(self, name: str, made_of: str, make) -> None:
        """Do a step unless it was finished from the same kit and parameters."""
        marker = self.folder / "runs" / "kit" / f"{name}.done"
        if marker.is_file() and marker.read_text() == made_of:
            return
        started = time.monotonic()
        make()
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(made_of)
        print(f"kit: {name} took {time.monotonic() - started:.0f} s", flush=True)

    def _python(self, name: str, *arguments) -> None:
        """Run Python on a part of the work; `OSError` where it fails, having said why."""
        code = self.runner.run(name, [sys.executable, *map(str, arguments)])
        if code:
            raise OSError(f"{name} ended with exit code {code}; what it said stands above")
