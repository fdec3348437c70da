"""Reading features for training: from cold Parquet, and beside it the same data as one WAV and some npy files each.

`audio_s_per_s` is seconds of audio a second, from disk to the arrays that training holds; `vs_files` how many times
faster that is than files. Cold means that the pages of every file are dropped first; both readers take turns and use
as many threads as there are processors. Medians of the rounds.

Run: python benchmarks/loading.py [--hours 1]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from _pipeline import RATE_HZ, make_project, real_prompts, run_stages

ROUNDS = 3
MATRICES = ("mel", "phoneme_ids", "stress_ids", "speaker_embedding")


def main() -> None:
    """Make features of real clips, read them both ways, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, default=1.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder) / "project", real_prompts(Path(folder) / "fetched"), arguments.hours)
        run_stages(project)
        features, files = project.root / "data/features", Path(folder) / "files"
        seconds = write_files(features, files)
        os.sync()
        rates: dict[str, list[float]] = {"parquet": [], "files": []}
        for _ in range(ROUNDS):
            for name, read, where in (("parquet", read_parquet, features), ("files", read_files, files)):
                drop_pages(where)
                started = time.perf_counter()
                read(where)
                rates[name].append(seconds / (time.perf_counter() - started))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    print({name: [round(value) for value in values] for name, values in rates.items()})
    report = {"audio_s_per_s": round(medians["parquet"]), "vs_files": round(medians["parquet"] / medians["files"], 2)}
    print(json.dumps(report))


def read_parquet(features: Path) -> int:
    """What the train stage does before it aligns."""
    from tasks.params import load_params
    from tasks.train.utterances import read_utterances

    audio = load_params(features.parents[1] / "params.yaml").audio
    report = json.loads((features / "statistics.json").read_text(encoding="utf-8"))
    return len(list(read_utterances(features, audio, report)))


def read_files(folder: Path) -> int:
    """The same arrays from a folder of files."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return len(list(pool.map(read_one, sorted(folder.glob("*.wav")))))


def read_one(path: Path) -> list[np.ndarray]:
    """One utterance."""
    import soundfile

    wave, _ = soundfile.read(path, dtype="int16")
    return [wave, *(np.load(path.with_suffix(f".{name}.npy")) for name in MATRICES)]


def write_files(features: Path, folder: Path) -> float:
    """Write the table as files; its seconds of audio."""
    import soundfile

    from tasks.audio import from_flac
    from tasks.records import FEATURES, read_rows

    folder.mkdir()
    seconds = 0.0
    for number, row in enumerate(read_rows(features, FEATURES)):
        path = folder / f"{number:06d}.wav"
        soundfile.write(path, from_flac(row["audio"]["bytes"])[0], RATE_HZ, subtype="PCM_16")
        types = {"mel": np.float16, "speaker_embedding": np.float32}
        for name in MATRICES:
            np.save(path.with_suffix(f".{name}.npy"), np.asarray(row[name], types.get(name, np.int16)))
        seconds += row["duration_s"]
    return seconds


def drop_pages(folder: Path) -> None:
    """Let the system forget what it has of these files in memory."""
    for path in folder.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


if __name__ == "__main__":
    main()
