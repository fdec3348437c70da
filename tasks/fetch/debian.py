"""Corpora that come as Debian packages: downloaded by apt, unpacked without being installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tasks.fetch.content import content_sha256
from tasks.params import DebianSource

#: Packaging notes that change with every rebuild and say nothing about the recordings.
_NOTES = re.compile(r"^(changelog.*|NEWS\.Debian.*|README\.Debian.*)$")


def fetch(name: str, source: DebianSource, target: Path) -> None:
    """Unpack the packages' sounds, texts and copyright files into `target`, which is empty; check what they hold."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise FileNotFoundError(
                f"corpus {name} comes as Debian packages and this system has no {tool}: "
                "use recordings of your own with `voiceloom run --corpus FOLDER`"
            )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".debian-") as downloads:
        _download(name, source.packages, Path(downloads))
        for package in sorted(Path(downloads).glob("*.deb")):
            _tool(
                ["dpkg-deb", "-x", str(package), str(target)],
                None,
                f"corpus {name}: {package.name} does not unpack",
            )
    for path in sorted(target.rglob("*")):
        if _NOTES.match(path.name) or path.is_symlink():
            path.unlink()
    _check(name, target, source.sha256)


def _check(name: str, folder: Path, expected: str | None) -> None:
    """Compare what packages hold with the hash declared for it; without one, anything goes."""
    found = content_sha256(folder) if expected else None
    if found != expected:
        raise ValueError(
            f"corpus {name}: its packages do not hold what was declared (sha256 {found}, not {expected}); "
            "this system may carry another version: look at it, then put the new hash into params.yaml"
        )


def _download(name: str, packages: list[str], folder: Path) -> None:
    """`apt-get download`; where package lists were never updated, update them once when that is allowed."""
    command = ["apt-get", "download", "-q", "-o", "Acquire::Retries=3", *packages]
    if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0:
        return
    if os.geteuid() == 0:
        _tool(["apt-get", "update", "-q"], folder, f"corpus {name}: the package lists could not be updated")
        hint = "`apt-get update` did not help"
    else:
        hint = "run `sudo apt-get update` once, then the same command again"
    _tool(command, folder, f"corpus {name}: apt-get could not download {', '.join(packages)}; {hint}")


def _tool(command: list[str], folder: Path | None, failure: str) -> None:
    """Run a tool quietly; `OSError` with the last thing it said when it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("E:", "dpkg"))] or [""]
        raise OSError(f"{failure} ({said[-1].strip()})" if said[-1] else failure)
