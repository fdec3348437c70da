"""What a stage is, and the one command that runs it: `python -m tasks.stage NAME`.

A stage is a module (or package) of `tasks` with a `STAGE` declaration and a public `run`. The runner here
parses `params.yaml`, hands `run` its input paths, *staging* paths for its outputs and its parameter sections,
writes the returned metrics to `reports/metrics/NAME.json`, and only then moves the outputs into place: an output
is there whole or not at all.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tasks.params import Params, load_params

#: Every stage, in the order data flows; `dvc.yaml` has the same (a test holds it).
STAGES = ("fetch", "ingest", "segment", "features", "train", "quantize", "export", "evaluate", "gate", "register")

#: Stages in a DVC project of their own, a folder, which is run only when it is asked for.
ASIDE = {"tensorrt": "engines"}

Metrics = dict[str, float | int | str | bool | None]


@dataclass(frozen=True)
class Stage:
    """What a stage reads and writes, as `dvc.yaml` must state it.

    `deps` and `outs` map the argument names of `run` to paths under the project's root; `params` names the
    sections of `params.yaml` it is given; `code` lists further files and folders whose change makes it stale.
    """

    deps: Mapping[str, str] = field(default_factory=dict)
    outs: Mapping[str, str] = field(default_factory=dict)
    params: tuple[str, ...] = ()
    code: tuple[str, ...] = ()


def run_stage(name: str, root: Path, params: Params | None = None) -> Metrics:
    """Run one stage under `root` and move its outputs into place.

    Raises `ValueError` or `OSError` (one clear sentence) for what the user can mend.
    """
    if name not in (*STAGES, *ASIDE):
        raise ValueError(f"there is no stage {name!r}; the stages are: {', '.join([*STAGES, *ASIDE])}")
    params = params or load_params(root / "params.yaml")
    module = importlib.import_module(f"tasks.{name}")
    declaration: Stage = module.STAGE
    deps = {argument: _existing(root / path, name) for argument, path in declaration.deps.items()}
    staging = root / "runs" / "staging" / name
    shutil.rmtree(staging, ignore_errors=True)
    outs = {argument: staging / path for argument, path in declaration.outs.items()}
    for path in outs.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    sections = {section: params.section(section) for section in declaration.params}
    started = time.monotonic()
    try:
        metrics = module.run(**deps, **outs, **sections)
        for argument, path in declaration.outs.items():
            _replace(outs[argument], root / path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    _write_json(root / "reports" / "metrics" / f"{name}.json", metrics)
    _write_json(root / "runs" / "stages" / f"{name}.json", {"seconds": round(time.monotonic() - started, 2)})
    return metrics


def _existing(path: Path, stage: str) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"stage {stage} needs {path}, which is not there: run the stages before it")
    return path


def _replace(made: Path, final: Path) -> None:
    """Put `made` where `final` is or was."""
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.is_dir() and not final.is_symlink():
        shutil.rmtree(final)
    os.replace(made, final)


def _write_json(path: Path, content: Mapping) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")
    os.replace(partial, path)


def main(argv: list[str]) -> int:
    """Run the stage named in `argv`; 0 when it ended well, 2 with one sentence when it could not."""
    root = Path.cwd()
    name = argv[0] if argv else ""
    try:
        run_stage(name, root)
    except (ValueError, OSError) as error:
        log = root / "runs" / "logs" / f"{name or 'stage'}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc())
        print(f"voiceloom: {name}: {error} (trace in {log.relative_to(root)})", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"voiceloom: {name}: stopped; what is finished is kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
