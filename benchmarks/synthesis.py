"""How fast, small and frugal a voice is, beside others: text to wave, on one thread and on all.

Ours at every precision of the bundle, hibari-tts, the Piper voice joe by piper-tts, and Hugging Face's VITS. Each sits
in a process of its own with so many threads; they say the same sentences in turn. RTF is seconds of work a second of
audio, first audio the time until the first samples of a sentence of 200 characters are there, both medians over all
sentences and rounds after a first one that is not counted. Peak memory is the largest resident memory above that of a
bare interpreter, when a fresh process has said ten sentences; size is that of the voice's own files, without what reads
the text. Without a trained bundle ours is the preset `small` with random weights, at the pace of speech.

The last line is one JSON object; the keys without a name in them are those of int8 (fp32 where there is no int8) on one
thread: `vs_piper`, `vs_hibari` and `vs_hf_vits` are how many times faster it is (null for what is not here),
`first_audio_long_ms` is first audio of 10,000 characters said before, `peak_long_mb` the peak when they were said in
one call, `cold_start_s` the time from starting a process to its first sample. With `--write` the table in README.md is
replaced.

Run: python benchmarks/synthesis.py [--voice models/voice] [--rounds 5] [--write]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from _pipeline import ROOT
from _random_voice import build_voice
from _readme import write_table
from _workers import Rival, Worker, our_voices, peers

SENTENCES = 10
COLD_STARTS = 3
ROUNDS_LONG = 2
LONG = 10_000
REST_S = 0.02  # so that nobody's waiting threads are still spinning when the next one speaks
#: One sentence of 200 characters.
FIRST = (
    "The ferry that leaves the harbour at eleven in the morning carries bread, letters and a few sleepy people across t"
    "he bay, and comes back before noon with fish, gossip and whoever has missed the train."
)


class Speed(NamedTuple):
    """Medians of one voice on so many threads."""

    rtf: float
    first_ms: float


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--voice", type=Path, default=ROOT / "models" / "voice", help="a trained bundle")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=SENTENCES)
    parser.add_argument("--ours-only", action="store_true", help="without the voices of others")
    parser.add_argument("--write", action="store_true", help="replace the table in README.md")
    given = parser.parse_args()
    texts = read_texts(given.sentences)
    with tempfile.TemporaryDirectory() as folder:
        trained = (given.voice / "voice.json").is_file()
        bundle = given.voice.resolve() if trained else build_voice(Path(folder) / "voice")
        rivals = [*our_voices(bundle), *([] if given.ours_only else peers())]
        peaks = {rival.name: memory(rival, texts) for rival in rivals}
        speeds = {threads: measure(rivals, threads, texts, given.rounds) for threads in {1: None, cores(): None}}
        extras = {**alone(rivals[0], texts), "trained": trained, "threads": cores(), "processor": processor()}
        report = {**figures(rivals, speeds, peaks), **extras}
    table = render(rivals, speeds, peaks)
    print(table)
    if given.write:
        write_table(ROOT / "README.md", "synthesis", table)
    print(json.dumps(report))


def read_texts(count: int) -> list[str]:
    """Everyday sentences."""
    from tasks.evaluate.spoken import read_sentences

    return read_sentences(ROOT / "data" / "sentences" / "everyday-en.txt")[:count]


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def processor() -> str:
    """What the machine calls its processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def memory(rival: Rival, texts: Sequence[str]) -> float:
    """The peak in MB of a fresh process that says every sentence once, on one thread."""
    worker = Worker(rival, 1)
    peak = [worker.say(text)["peak_mb"] for text in texts][-1]
    worker.close()
    return peak


def measure(rivals: Sequence[Rival], threads: int, texts: Sequence[str], rounds: int) -> dict[str, Speed]:
    """The speed of each, all taking turns sentence by sentence."""
    workers = {rival.name: Worker(rival, threads) for rival in rivals}
    factors, firsts = defaultdict(list), defaultdict(list)
    for number in range(rounds + 1):
        for text in [*texts, FIRST]:
            for name, worker in workers.items():
                told = worker.say(text)
                time.sleep(REST_S)
                if number == 0:
                    continue  # what the first call allocates is not measured
                if text == FIRST:
                    firsts[name].append(1000 * told["first_s"])
                else:
                    factors[name].append(told["work_s"] / told["audio_s"])
    for worker in workers.values():
        worker.close()
    return {name: Speed(median(factors[name]), median(firsts[name])) for name in workers}


def alone(rival: Rival, texts: Sequence[str]) -> dict[str, float]:
    """What is measured of ours only: cold start, and a long text in one call."""
    long = " ".join([*texts] * 100)[:LONG]
    starts = []
    for _ in range(COLD_STARTS):
        worker = Worker(rival, 1)
        told = worker.say(texts[0])
        starts.append(told["since_start_s"] - told["work_s"] + told["first_s"])
        if len(starts) == COLD_STARTS:
            first_peak = told["peak_mb"]
            told = [worker.say(long) for _ in range(ROUNDS_LONG)][-1]  # the first ones read words not met before
        worker.close()
    return {
        "cold_start_s": round(median(starts), 3),
        "peak_one_sentence_mb": round(first_peak, 1),
        "peak_long_mb": round(told["peak_mb"], 1),
        "first_audio_long_ms": round(1000 * told["first_s"], 1),
    }


def figures(rivals: Sequence[Rival], speeds: Mapping[int, Mapping[str, Speed]], peaks: Mapping[str, float]) -> dict:
    """The keys that others rely on, and every voice's own."""
    one, best = speeds[1], rivals[0]
    keys = {"piper": "vs_piper", "hibari": "vs_hibari", "vits": "vs_hf_vits"}
    report: dict = dict.fromkeys(["int8_rtf_1core", "fp32_rtf_1core", *keys.values()])
    report |= {f"{name.removeprefix('ours-')}_rtf_1core": round(one[name].rtf, 5) for name in one}
    report |= {key: round(one[name].rtf / one[best.name].rtf, 2) for name, key in keys.items() if name in one}
    report["first_audio_ms"] = round(one[best.name].first_ms, 1)
    report["bundle_mb"], report["peak_mb"] = round(best.size_mb, 2), round(peaks[best.name], 1)
    for threads, table in speeds.items():
        for name, speed in table.items():
            report[f"{name}_{threads}_threads"] = {"rtf": round(speed.rtf, 5), "first_ms": round(speed.first_ms, 1)}
    return report | {f"{rival.name}_peak_mb": round(peaks[rival.name], 1) for rival in rivals}


def render(rivals: Sequence[Rival], speeds: Mapping[int, Mapping[str, Speed]], peaks: Mapping[str, float]) -> str:
    """The table of the README."""
    heads = ["RTF, 1 thread", *(f"RTF, {threads} threads" for threads in speeds if threads > 1)]
    lines = [f"| voice | {' | '.join(heads)} | first audio | peak memory | size |", "|---" * (len(heads) + 4) + "|"]
    for rival in rivals:
        factors = " | ".join(f"{table[rival.name].rtf:.4f}" for table in speeds.values())
        first = f"{speeds[1][rival.name].first_ms:.0f} ms"
        lines.append(f"| {rival.title} | {factors} | {first} | {peaks[rival.name]:.0f} MB | {rival.size_mb:.1f} MB |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
