"""Is our voice as clear in the clients of Piper voices as in our own runtime? The real packages speak, Whisper listens.

The everyday sentences and the texts of held-out recordings are spoken by the runtime at fp32 and int8, by piper-tts and
by sherpa-onnx; espeak-ng, which comes with piper-tts, reads for those two. `wer` has its 95 % interval over sentences,
`worse_by` is the paired difference to the runtime at int8 with its interval: below zero is better. `rtf` is seconds of
work a second of audio on one thread. The last line is one JSON object.

Run: python benchmarks/piper_clients.py [--piper models/piper] [--held-out 60]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from _pipeline import ROOT
from _talkers import SEED, Say, ours, piper, sherpa


def main() -> None:
    """Speak, listen, compare, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--voice", type=Path, default=ROOT / "models" / "voice", help="a bundle")
    parser.add_argument("--piper", type=Path, default=ROOT / "models" / "piper", help="its Piper voices")
    parser.add_argument("--features", type=Path, default=ROOT / "data" / "features")
    parser.add_argument("--models", type=Path, default=ROOT / "runs" / "models", help="where Whisper base is joined")
    parser.add_argument(
        "--held-out", type=int, default=60, help="texts of held-out recordings beside the everyday ones"
    )
    arguments = parser.parse_args()
    voices = sorted(arguments.piper.glob("en*.onnx"))
    if not voices:
        print(f"{arguments.piper} holds no English Piper voice: export one, or name the folder with --piper")
        print(json.dumps({"skipped": "no Piper voice"}))
        return
    texts = read_texts(arguments.features, arguments.held_out)
    clients = {
        "runtime-int8": ours(arguments.voice, "int8"),
        "runtime-fp32": ours(arguments.voice, "fp32"),
        "piper-tts": piper(voices[0]),
        "sherpa-onnx": sherpa(voices[0]),
    }
    report = judge(clients, texts, arguments.models)
    for name, scores in report.items():
        print(name, scores)
    print(json.dumps({"voice": voices[0].stem, "sentences": len(texts), **report}))


def read_texts(features: Path, held_out: int) -> list[str]:
    """All everyday sentences, and the texts of held-out recordings where there are some, each once."""
    from tasks.evaluate.normalise import normalise
    from tasks.evaluate.spoken import read_sentences
    from tasks.records import FEATURES, read_rows

    texts = read_sentences(ROOT / "data" / "sentences" / "everyday-en.txt")
    if held_out and features.is_dir():
        rows = [row for row in read_rows(features, FEATURES, ["id", "split", "text"]) if row["split"] == "test"]
        recorded = [row["text"] for row in sorted(rows, key=lambda row: row["id"]) if normalise(row["text"], "en")]
        texts += list(dict.fromkeys(recorded))[:held_out]
    return texts


def judge(clients: dict[str, Say], texts: Sequence[str], models: Path) -> dict[str, dict]:
    """Scores of each client by its name; the first is what the others are compared with."""
    from tasks.asr import SAMPLE_RATE_HZ, Listener
    from tasks.audio import resample
    from tasks.evaluate.scoring import count_errors

    listener = Listener("whisper-base", models)
    heard = {name: Heard() for name in clients}
    for say in clients.values():
        say(texts[0])  # what the first call allocates is not measured
    for text in texts:
        for name, say in clients.items():
            started = time.perf_counter()
            wave, rate = say(text)
            heard[name].work_s += time.perf_counter() - started
            heard[name].audio_s += len(wave) / rate
            said = listener.hear(resample(wave, rate, SAMPLE_RATE_HZ), "en")
            counts = count_errors(text, said, "en")
            heard[name].errors.append(counts["word_errors"])
            heard[name].words.append(counts["words"])
    base = next(iter(heard.values())).errors
    return {name: scores(one, base) for name, one in heard.items()}


@dataclass
class Heard:
    """What was heard of one client, sentence by sentence, and how long it worked for how much audio."""

    errors: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    work_s: float = 0.0
    audio_s: float = 0.0


def scores(heard: Heard, base: Sequence[int]) -> dict[str, object]:
    """Error rate and difference to `base`'s errors, each with its interval, and speed."""
    more = [one - other for one, other in zip(heard.errors, base, strict=True)]
    rates = {"wer": rate(heard.errors, heard.words), "worse_by": rate(more, heard.words)}
    return {**rates, "rtf": round(heard.work_s / heard.audio_s, 4)}


def rate(errors: Sequence[int], words: Sequence[int]) -> list[float]:
    """[rate, low, high] of errors a word, 95 % over sentences."""
    from tasks.evaluate.scoring import interval

    return [round(value, 4) for value in (sum(errors) / sum(words), *interval(errors, words, SEED))]


if __name__ == "__main__":
    main()
