"""A training kit packed from a workspace, and the state that comes back put into one."""

from __future__ import annotations

import contextlib
from pathlib import Path

from flows.settings import read_settings
from tasks.kit.pack import Options

#: Where the weights that came back lie in a workspace, as a checkpoint to start from.
WEIGHTS = Path("runs") / "kit" / "checkpoint"


def pack_kit(root: Path, out: Path, preset: str | None, options: Options) -> list[str]:
    """Pack the kit into the new folder `out`; returns what to say of it."""
    from tasks.kit.pack import pack

    settings = read_settings(root, preset)
    # Row stores, and weights to start from, are named from the workspace.
    with contextlib.chdir(root):
        about = pack(root, Path(root, out), settings, options)
    hours, without = about["hours"], ", ".join(about["left_out"])
    return [
        f"{out}: {about['mib']} MiB, {about['utterances']} utterances, Opus at {about['opus_kbps']} kbit/s",
        f"{hours['recorded']:.2f} h of recordings travel; {hours['made again']:.2f} h of teachers and virtual "
        "speakers are made again there",
        *([f"left out: {without}"] if without else []),
        f"there: python3 {out.name}/run.py --minutes 9 --state-out FOLDER",
    ]


def unpack_kit(pieces: Path, workspace: Path) -> list[str]:
    """Put a state that came back where the workspace's `train` goes on from; returns what to say of it."""
    from tasks.kit.state import place_state, read_state, write_weights
    from tasks.params import load_params

    if not workspace.is_dir():
        raise FileNotFoundError(f"the workspace {workspace} is not there")
    held, about = read_state(pieces)
    params = load_params(workspace / "params.yaml")
    said = [f"step {about['step']}, {about['phase']}; lost on the way: {about['lost']}"]
    with contextlib.chdir(workspace):
        if (workspace / "data" / "features" / "statistics.json").is_file():
            job = place_state(Path(), params, held)
            said.append(f"`train` goes on from there: {job.folder}")
        else:
            said.append("data/features is not there yet: run that stage and unpack again to go on from there")
        write_weights(params, held, WEIGHTS)
    return [*said, f"the averaged weights, to start from or to export: {WEIGHTS} (train.start: {WEIGHTS})"]
