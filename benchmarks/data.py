"""The data half: how fast ingest, segment and features are together, and how time and memory grow.

The clips are real prompts, varied in speed and pitch for volume, as 16-bit WAV files. Beside the pipeline, on the same
clips and as many processes, runs the usual route: librosa.load, pyin, mel and MFCC, one npy file each. The stages run
as the user runs them, a process each, start included. `pipeline_x_realtime` is seconds of audio a second at the largest
size; `vs_librosa_route` how many times faster that is than the usual route; `peak_mb_per_worker` the largest resident
memory of any process of the stages; `growth_r2` how straight the line of time over hours is; `one_percent_cost` the
seconds that 1 % more clips cost, over what 3 % of the full run plus 5 s would be (at most 1 is wanted).

Run: python benchmarks/data.py [--hours 1 3 10] [--listen]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from _pipeline import RATE_HZ, Project, Prompt, make_project, real_prompts, run_stages

#: Seconds of speech that the usual route is given; pyin is slow.
ROUTE_S = 240.0


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0, 3.0, 10.0])
    parser.add_argument("--listen", action="store_true", help="with DNSMOS and Whisper tiny on, smallest size only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prompts = real_prompts(Path(folder) / "fetched")
        report = listening(Path(folder), prompts, min(arguments.hours)) if arguments.listen else {}
        report |= growth(Path(folder), prompts, sorted(arguments.hours)) if not arguments.listen else {}
        if not arguments.listen:
            route = usual_route(Path(folder) / "npy", prompts)
            print(f"usual route: {route:.1f} times real time")
            report["vs_librosa_route"] = round(report["pipeline_x_realtime"] / route, 1)
    print(json.dumps(report))


def growth(folder: Path, prompts: list[Prompt], sizes: list[float]) -> dict[str, float]:
    """Every size from nothing, then 1 % more of the smallest."""
    seconds, peaks = [], []
    cost = 0.0
    for hours in sizes:
        project = make_project(folder / f"{hours:g}h", prompts, hours)
        took, peak = run_stages(project)
        print(f"{hours:g} h: {sum(took.values()):.1f} s {took}, largest process {peak:.0f} MB")
        seconds.append(sum(took.values()))
        peaks.append(peak)
        if hours == sizes[0]:
            cost = one_percent(project, prompts, seconds[0])
    report = {
        "pipeline_x_realtime": round(sizes[-1] * 3600 / seconds[-1], 1),
        "peak_mb_per_worker": round(max(peaks)),
        "one_percent_cost": round(cost, 3),
    }
    if len(sizes) > 2:
        report["growth_r2"] = round(float(np.corrcoef(sizes, seconds)[0, 1] ** 2), 5)
    return report


def one_percent(project: Project, prompts: list[Prompt], full_s: float) -> float:
    """What 1 % more clips cost, as a share of 3 % of the full run plus 5 s."""
    for number in range(max(1, len(project.lines) // 100)):
        prompt = prompts[number % len(prompts)]
        project.add("speaker-00", Prompt(f"new_{number}", 0.9 * np.roll(prompt.wave, 160 * (number + 1)), prompt.text))
    project.declare(quality={"drop_duplicates": False})
    took, _ = run_stages(project)
    print(f"1 % more: {sum(took.values()):.1f} s {took}")
    return sum(took.values()) / (0.03 * full_s + 5)


def listening(folder: Path, prompts: list[Prompt], hours: float) -> dict[str, float]:
    """With the networks that listen switched on."""
    quality = {"dnsmos": True, "asr_model": "whisper-tiny"}
    took, peak = run_stages(make_project(folder / "listening", prompts, hours, quality=quality))
    print(f"{hours:g} h with DNSMOS and Whisper tiny: {took}, largest process {peak:.0f} MB")
    return {"listening_x_realtime": round(hours * 3600 / sum(took.values()), 2)}


def usual_route(folder: Path, prompts: list[Prompt]) -> float:
    """Seconds of audio a second by one npy file each, on all processors."""
    import soundfile

    folder.mkdir()
    paths, seconds = [], 0.0
    for prompt in prompts:
        if seconds < ROUTE_S:
            paths.append(folder / f"{prompt.name}.wav")
            soundfile.write(paths[-1], prompt.wave, RATE_HZ, subtype="PCM_16")
            seconds += len(prompt.wave) / RATE_HZ
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        pool.map(one_file, paths[: 2 * (os.cpu_count() or 1)])  # what is compiled and imported first is not measured
        started = time.perf_counter()
        pool.map(one_file, paths, chunksize=4)
        return seconds / (time.perf_counter() - started)


def one_file(path: Path) -> None:
    """What tutorials do with one recording."""
    import librosa

    wave, rate = librosa.load(path, sr=RATE_HZ)
    f0, _, _ = librosa.pyin(wave, fmin=65, fmax=500, sr=rate, frame_length=1024, hop_length=256)
    mel = librosa.feature.melspectrogram(y=wave, sr=rate, n_fft=1024, hop_length=256, n_mels=80)
    mfcc = librosa.feature.mfcc(y=wave, sr=rate, n_mfcc=13, n_fft=1024, hop_length=256)
    for name, matrix in {"f0": f0, "mel": mel, "mfcc": mfcc}.items():
        np.save(path.with_suffix(f".{name}.npy"), matrix)


if __name__ == "__main__":
    main()
