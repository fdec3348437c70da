"""For the other benchmarks: real prompts, varied in speed and pitch for volume, and the data stages run on them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

ROOT = Path(__file__).parents[1]
RATE_HZ = 16000
LONGEST_S = 10.0  # at most 15 s when slowed down by a half
STAGES = ("ingest", "segment", "features")


class Prompt(NamedTuple):
    """One real prompt: its name, its samples (T,) at 16 kHz and its text."""

    name: str
    wave: np.ndarray
    text: str


def real_prompts(folder: Path, longest_s: float = LONGEST_S) -> list[Prompt]:
    """Every prompt of the demo's corpus that has a text, fetched into `folder`.

    Only those that are one utterance each: longer ones wait for speech recognition, which is another measure.
    """
    from tasks import audio, fetch
    from tasks.ingest.readers import read_corpus
    from tasks.params import load_params

    corpus = load_params(ROOT / "params.yaml").corpora[0]
    raw = folder / "raw"
    if not raw.is_dir():
        fetch.run(raw=raw, corpora=[corpus])
    prompts = []
    for source in read_corpus(corpus.name, raw / corpus.name, corpus.reader, corpus.language):
        if source.path is not None and source.text and source.path.stat().st_size:
            wave, rate = audio.decode(source.path)
            if len(wave) > longest_s * rate:
                continue
            prompts.append(Prompt(source.id.replace("/", "_"), audio.resample(wave, rate, RATE_HZ), source.text))
    return prompts


def varied(prompts: list[Prompt], hours: float) -> Iterator[tuple[str, Prompt]]:
    """(speaker, prompt) until there are `hours`: each round as another speaker, 4 % faster or slower, pitch too."""
    import soxr

    seconds, number = 0.0, 0
    while True:
        change = 1.0 if number == 0 else 1 + 0.04 * ((number + 1) // 2) * (-1) ** number
        for prompt in prompts:
            wave = prompt.wave if number == 0 else soxr.resample(prompt.wave, RATE_HZ, int(RATE_HZ * change))
            yield f"speaker-{number:02d}", Prompt(f"s{number:02d}_{prompt.name}", wave.astype(np.float32), prompt.text)
            seconds += len(wave) / RATE_HZ
            if seconds >= hours * 3600:
                return
        number += 1


class Project:
    """A project in a folder of its own whose corpus is an LJSpeech-like folder of WAV files, already fetched."""

    def __init__(self, root: Path):
        self.root, self.corpus = root, root / "data" / "raw" / "clips"
        (self.corpus / "wavs").mkdir(parents=True)
        shutil.copy(ROOT / "dvc.yaml", root)
        self.lines: dict[str, str] = {}
        self.speakers: set[str] = set()

    def add(self, speaker: str, prompt: Prompt) -> None:
        """Add or replace one clip."""
        import soundfile

        soundfile.write(self.corpus / "wavs" / f"{prompt.name}.wav", prompt.wave, RATE_HZ, subtype="PCM_16")
        self.lines[prompt.name] = f"{prompt.name}|{prompt.text}||{speaker}"
        self.speakers.add(speaker)

    def declare(self, **sections: dict[str, Any]) -> None:
        """Write metadata.csv, consent.yaml and params.yaml; `sections` change single parameters."""
        (self.corpus / "metadata.csv").write_text("\n".join(self.lines.values()) + "\n", encoding="utf-8")
        basis = "varied for a benchmark from recordings published under this licence"
        consents = [
            {"id": name, "speaker": name, "licence": "CC-BY-SA-3.0", "basis": basis} for name in sorted(self.speakers)
        ]
        (self.root / "data" / "consent.yaml").write_text(yaml.safe_dump({"consents": consents}))
        (self.root / "data" / "lexicon.tsv").touch()
        params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        origin = {"speaker": "speaker-00", "language": "en-US", "licence": "CC-BY-SA-3.0"}
        source = {"kind": "folder", "path": "unused"}
        params["corpora"] = [{"name": "clips", "source": source, "reader": "ljspeech", **origin}]
        for section, values in sections.items():
            params[section].update(values)
        (self.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def make_project(root: Path, prompts: list[Prompt], hours: float, **sections: dict) -> Project:
    """A project with `hours` of clips."""
    project = Project(root)
    for speaker, prompt in varied(prompts, hours):
        project.add(speaker, prompt)
    project.declare(**sections)
    return project


def run_stages(project: Project) -> tuple[dict[str, float], float]:
    """Seconds of each stage, and the largest resident memory of any of its processes in MB."""
    took, peak = {}, 0.0
    environment = {**os.environ, "VOICELOOM_STORE": str(project.root / "runs/rowstore")}
    for stage in STAGES:
        started = time.perf_counter()
        command = [sys.executable, "-m", "tasks.stage", stage]
        process = subprocess.Popen(command, cwd=project.root, env=environment, stderr=subprocess.DEVNULL)
        watch = Watch(process.pid)
        if process.wait():
            raise RuntimeError(f"stage {stage} ended with status {process.returncode}")
        took[stage] = round(time.perf_counter() - started, 2)
        peak = max(peak, watch.stop())
    return took, peak


class Watch:
    """The largest resident memory among a process and its children, looked at ten times a second."""

    def __init__(self, pid: int):
        self._pid, self._peak, self._running = pid, 0.0, True
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        import psutil

        while self._running:
            try:
                parent = psutil.Process(self._pid)
                for process in (parent, *parent.children(recursive=True)):
                    self._peak = max(self._peak, process.memory_info().rss / 1e6)
            except psutil.NoSuchProcess:
                pass
            time.sleep(0.1)

    def stop(self) -> float:
        """End the watch; the peak in MB."""
        self._running = False
        self._thread.join()
        return self._peak
