"""What a small change costs: 1,000 real clips, then one changed, one added, one removed, one transcript corrected.

After every change the data stages run again. `rows` says how many rows each step computed anew, `shards` how many files
of each table are not byte for byte what they were, `seconds` the whole time of the three stages. Last, the row store is
deleted and everything made again: `same_without_store` says whether every file came out the same.

Run: python benchmarks/incremental.py [--clips 1000]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
from _pipeline import Project, Prompt, real_prompts, run_stages, varied

TABLES = ("recordings", "utterances", "features")


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=1000)
    clips = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as folder:
        prompts = real_prompts(Path(folder) / "fetched")
        project = Project(Path(folder) / "project")
        for speaker, prompt in islice(varied(prompts, 1e9), clips):
            project.add(speaker, prompt)
        project.declare()
        report: dict = {"clips": clips, "full": run(project, {})}
        changed, removed, corrected = prompts[10], prompts[20], prompts[30]
        steps = {
            "changed": lambda: project.add("speaker-00", named(changed, 0.8 * np.roll(changed.wave, 400))),
            "added": lambda: project.add("speaker-00", Prompt("added", np.roll(changed.wave, 900), "An added clip.")),
            "removed": lambda: remove(project, named(removed).name),
            "corrected": lambda: project.add("speaker-00", named(corrected)._replace(text="A corrected transcript.")),
        }
        for name, change in steps.items():
            before = hashes(project)
            change()
            project.declare()
            report[name] = run(project, before)
            print(name, report[name])
        before = hashes(project)
        shutil.rmtree(project.root / "runs")
        report["without_store"] = run(project, before)
        report["same_without_store"] = hashes(project) == before
    print(json.dumps(report))


def named(prompt: Prompt, wave: np.ndarray | None = None) -> Prompt:
    """A prompt under the name it has in the first round, perhaps with another sound."""
    return Prompt(f"s00_{prompt.name}", prompt.wave if wave is None else wave, prompt.text)


def remove(project: Project, name: str) -> None:
    """Take a clip out of the corpus."""
    (project.corpus / "wavs" / f"{name}.wav").unlink()
    del project.lines[name]


def run(project: Project, before: dict[str, str]) -> dict:
    """Run the data stages; what they computed and what is not as it was."""
    took, _ = run_stages(project)
    rows = {}
    for path in sorted((project.root / "runs/stages").glob("*.rows.json")):
        rows[path.name.removesuffix(".rows.json")] = json.loads(path.read_text())["computed"]
    after = hashes(project)
    shards = {
        table: sum(
            after.get(path) != before.get(path) for path in after.keys() | before.keys() if f"/{table}/shard" in path
        )
        for table in TABLES
    }
    return {"rows": rows, "shards": shards, "seconds": round(sum(took.values()), 1)}


def hashes(project: Project) -> dict[str, str]:
    """The hash of every file of the three tables."""
    data = project.root / "data"
    paths = [path for table in TABLES for path in sorted((data / table).glob("*"))]
    return {path.as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


if __name__ == "__main__":
    main()
