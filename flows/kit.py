"""A training kit packed from a workspace, and the state that comes back put into one."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.kit.pack import Options

#: Where the weights that came back lie in a workspace, as a checkpoint to start from.
WEIGHTS = Path("runs") / "kit" / "checkpoint"


def pack_kit(root: Path, out: Path, preset: str | None, options: Options) -> list[str]:
    """Pack the kit into the new folder `out`; returns what to say of it."""
    from tasks.kit.pack import pack

    settings = _settings(root, preset)
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


def _settings(root: Path, preset: str | None) -> dict[str, Any]:
    """params.yaml as it is, or as it would be with a preset."""
    import yaml

    path = root / "params.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; run from the project's root folder")
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    if preset is None:
        return settings
    presets = {found.stem: found for found in sorted((root / "presets").glob("*.yaml"))}
    if preset not in presets:
        raise ValueError(f"there is no preset {preset!r}; the presets are: {', '.join(presets) or 'none'}")
    return _overlaid(settings, yaml.safe_load(presets[preset].read_text(encoding="utf-8")))


def _overlaid(settings: Mapping, overlay: Mapping) -> dict[str, Any]:
    """Sections are merged; lists and values are replaced."""
    both = dict(settings)
    for key, value in overlay.items():
        nested = isinstance(value, Mapping) and isinstance(both.get(key), Mapping)
        both[key] = _overlaid(both[key], value) if nested else value
    return both
