"""Strangers cloned from 1 and from 5 minutes of speech, in every mode: how like them, how clear, how big, how long.

Each clone is made as `voiceloom clone` makes it, stage by stage. The same held-out texts are then spoken by the base
voice with the speaker's mean vector alone (`zero_shot`) and by each mode, and scored beside the real recordings of
them: word error rate (Whisper base), similarity to the mean of the speaker's held-out recordings (real ones: to the
mean of the others, and to that of other speakers), DNSMOS. Adapters are in MB, training in minutes on this machine.
What is done is kept in `--work`, so that the table may be continued. The last line is one JSON object.

Run: python benchmarks/cloning.py --base models/base [--strangers it cs-big nl-small] [--minutes 1 5] [--quick]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import yaml
from _pipeline import ROOT
from _strangers import STRANGERS, Corpora, Split, Stranger, basis

DATA_STAGES = ("fetch", "ingest", "segment", "features")
VOICE_STAGES = ("train", "quantize", "export")
MODES = ("zero_shot", "speaker", "lora", "full")
HELD_OUT = 20
HELD_OUT_SHARE = 0.28
#: Laid over a clone's params: what is scored is the adaptation, not the 8 bits.
OVERLAY: dict[str, Any] = {
    "export": {"precisions": ["fp32"], "parity_lengths": 3},
    "quantize": {"calibration_utterances": 1},
    "segment": {"held_out_share": HELD_OUT_SHARE, "held_out_min_words": 3},
}
#: No step worth the name, so that what speaks is the base with a vector that it has never met.
NO_TRAINING = {"warmup_steps": 1, "adversarial_steps": 0, "learning_rate": 1e-12, "final_learning_rate": 1e-12}
QUICK = {"warmup_steps": 4, "adversarial_steps": 0, "frames_per_batch": 512, "threads": 1}


def main() -> None:
    """Make the clones, score them, print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", type=Path, default=ROOT / "models" / "base", help="a checkpoint's folder")
    names = [stranger.name for stranger in STRANGERS]
    parser.add_argument("--strangers", nargs="+", choices=names, default=["it", "cs-big", "nl-small"])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 5.0])
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "cloning", help="what is made, kept")
    parser.add_argument("--quick", action="store_true", help="shows that it works: one minute, a few steps")
    arguments = parser.parse_args()
    if not (arguments.base / "config.json").is_file():
        print(f"{arguments.base} holds no base voice: name a checkpoint with --base")
        print(json.dumps({"skipped": "no base voice"}))
        return
    bench = Bench(arguments.base.resolve(), arguments.work.resolve(), arguments.quick)
    minutes = arguments.minutes[:1] if arguments.quick else arguments.minutes
    strangers = [stranger for stranger in STRANGERS if stranger.name in arguments.strangers]
    table = {stranger.name: bench.clones(stranger, minutes) for stranger in strangers}
    for name, likeness in other_speakers(bench.vectors).items():
        table[name]["recordings"]["similarity_to_others"] = likeness
    print_table(table)
    print(json.dumps({"base": arguments.base.name, "strangers": table, "means": means(table)}))


class Bench:
    """A project with clones; rows already scored are read back."""

    def __init__(self, base: Path, work: Path, quick: bool) -> None:
        with (base / "model.safetensors").open("rb") as weights:
            digest = hashlib.file_digest(weights, "sha256").hexdigest()
        self.base, self.quick, self.raw = base, quick, work / "raw"
        self.work = work / f"{digest[:12]}{'-quick' if quick else ''}"
        self.vectors: dict[str, np.ndarray] = {}
        self._rows = self.work / "rows.json"
        self._scored: dict[str, dict] = json.loads(self._rows.read_text()) if self._rows.is_file() else {}
        self.root = self.work / "project"
        (self.root / "data").mkdir(parents=True, exist_ok=True)
        for name in ("params.yaml", "dvc.yaml", "data/lexicon.tsv"):
            shutil.copyfile(ROOT / name, self.root / name)
        for name in ("tasks", "model_src", "data/sentences"):
            if not (self.root / name).is_symlink():
                (self.root / name).symlink_to(ROOT / name)

    def clones(self, stranger: Stranger, minutes: Sequence[float]) -> dict[str, dict]:
        """Scores of the recordings, and of every mode from every number of minutes."""
        split = Split(HELD_OUT_SHARE, 3 if self.quick else HELD_OUT)
        corpora = Corpora(stranger, self.raw, self.work / "speech", split)
        rows: dict[str, dict] = {}
        for amount in minutes:
            for mode in MODES:
                rows[f"{mode} {amount:g} min"] = self._row(corpora, amount, mode)
        workspace = self._workspace(stranger, minutes[-1])
        rows["recordings"] = self._kept(f"{stranger.name} recordings", lambda: self._listen(workspace, stranger, True))
        self.vectors[stranger.name] = np.stack([one.vector for one in self._recordings(workspace, stranger)])
        return rows

    def _row(self, corpora: Corpora, minutes: float, mode: str) -> dict:
        return self._kept(f"{corpora.stranger.name} {minutes:g} {mode}", lambda: self._clone(corpora, minutes, mode))

    def _kept(self, key: str, make) -> dict:
        if key not in self._scored:
            self._scored[key] = make()
            print(f"{key}: {self._scored[key]}", flush=True)
            self._rows.write_text(json.dumps(self._scored, indent=1))
        return self._scored[key]

    def _workspace(self, stranger: Stranger, minutes: float) -> Path:
        return self.root / "clones" / f"{stranger.name}-{minutes:g}min"

    def _clone(self, corpora: Corpora, minutes: float, mode: str) -> dict[str, Any]:
        """Set up, run the stages, speak, listen."""
        from flows.clone import CloneRequest, set_up
        from flows.settings import apply_preset

        stranger = corpora.stranger
        request = CloneRequest(
            folder=corpora.folder(minutes),
            name=f"{stranger.name}-{minutes:g}min",
            mode="speaker" if mode == "zero_shot" else mode,
            base=self.base,
            language=stranger.language,
            licence=stranger.licence,
            consent=basis(stranger),
        )
        workspace = set_up(self.root, request)
        train = NO_TRAINING if mode == "zero_shot" else {}
        overlay = {**OVERLAY, "train": {**train, **(QUICK if self.quick else {})}}
        (workspace / "presets" / "benchmark.yaml").write_text(yaml.safe_dump(overlay))
        apply_preset(workspace, "benchmark")
        stages = VOICE_STAGES if (workspace / "data" / "features").is_dir() else (*DATA_STAGES, *VOICE_STAGES)
        for stage in stages:
            run_stage(workspace, stage)
        checkpoint = workspace / "models" / "checkpoint"
        adapter = checkpoint / "adapter"
        kept = adapter.iterdir() if adapter.is_dir() else [checkpoint / "model.safetensors"]
        seconds = json.loads((workspace / "runs" / "stages" / "train.json").read_text())["seconds"]
        return {
            **self._listen(workspace, stranger, real=False),
            "adapter_mb": round(sum(path.stat().st_size for path in kept) / 1e6, 3),
            "training_minutes": round(seconds / 60, 2),
        }

    def _recordings(self, workspace: Path, stranger: Stranger) -> list:
        from tasks.evaluate.spoken import held_out

        name = workspace.name
        return held_out(workspace / "data" / "features", HELD_OUT, [name])

    def _listen(self, workspace: Path, stranger: Stranger, real: bool) -> dict[str, float | None]:
        """Scores of the held-out texts, as recorded or as the clone says them."""
        from tasks.asr import Listener
        from tasks.evaluate.judge import Judge
        from tasks.evaluate.scoring import summarise
        from tasks.evaluate.spoken import respoken
        from voiceloom_model.runtime import Voice

        recordings = self._recordings(workspace, stranger)
        listener = Listener("whisper-base", self.raw.parent / "models")
        judge, spoken = Judge(listener, recordings), recordings
        if not real:
            voice = Voice.load(workspace / "models" / "voice", precision="fp32")
            spoken = [respoken(recording, voice, seed=7) for recording in recordings]
        scores = summarise([judge.score(one, real) for one in spoken], seed=7)
        return {name: scores[name] for name in ("similarity", "wer", "wer_low", "wer_high", "dnsmos")}


def run_stage(workspace: Path, stage: str) -> None:
    """One stage, as DVC runs it."""
    environment = {**os.environ, "VOICELOOM_STORE": str(workspace / "runs" / "rowstore")}
    command = [sys.executable, "-m", "tasks.stage", stage]
    if subprocess.run(command, cwd=workspace, env=environment, check=False).returncode:
        raise RuntimeError(f"stage {stage} failed in {workspace}")


def other_speakers(vectors: Mapping[str, np.ndarray]) -> dict[str, float]:
    """How like the mean of another speaker's recordings a recording is, on average, by speaker."""
    from tasks.evaluate.similarity import cosine

    centres = {name: own.mean(axis=0) for name, own in vectors.items()}
    return {
        name: round(mean(cosine(vector, centres[other]) for other in centres if other != name for vector in own), 4)
        for name, own in vectors.items()
        if len(centres) > 1
    }


def means(table: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """The mean over the speakers of every row."""
    rows = list(dict.fromkeys(row for scores in table.values() for row in scores))
    return {row: _means([scores[row] for scores in table.values() if row in scores]) for row in rows}


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = [name for name in rows[0] if not name.startswith("wer_") and all(name in row for row in rows)]
    return {name: round(mean(row[name] for row in rows), 4) for name in names}


def print_table(table: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """A line a clone."""
    columns = ("similarity", "wer", "dnsmos", "adapter_mb", "training_minutes", "similarity_to_others")
    print(f"{'speaker':10}{'how':18}" + "".join(f"{name:>22}" for name in columns))
    for speaker, rows in table.items():
        for how, row in rows.items():
            print(f"{speaker:10}{how:18}" + "".join(f"{row.get(name, '')!s:>22}" for name in columns))


if __name__ == "__main__":
    main()
