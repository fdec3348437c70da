"""How good do voices sound? Ours and the peers say forty sentences of open text; real recordings are the ceiling.

Every voice is judged alike: word and character error rate (Whisper base) with the 95 % interval over sentences, DNSMOS,
Distill-MOS, and for our own the similarity to the mean of the speaker's real held-out recordings. Of recordings the
texts are their own, so their error rates stand beside those of our voices on the same texts (`held-out texts`), where
mel-cepstral distortion and F0 error can be told as well. `worse_by` compares every further precision of a bundle with
its first, sentence by sentence, from the same noise. A sentence that stands in `--features` is an error.

What a voice is called is up to the caller: `--voice base=models/base-voice lora=clones/ann/models/voice`. With
`--language` another language's sentences are read, by each bundle's default speaker. `--write` replaces the table in
README.md. The last line is one JSON object.

Run: python benchmarks/quality.py [--voice NAME=FOLDER ...] [--features FOLDER ...] [--language es] [--ours-only]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from _pipeline import ROOT
from _quality import Bench
from _readme import write_table
from _talkers import Say, espeak, hibari, piper_joe

if TYPE_CHECKING:
    from tasks.evaluate.spoken import Spoken

HELD_OUT = 40
PRECISIONS = ("fp32", "int8", "fp16")


def main() -> None:
    """Speak, listen, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--voice", nargs="+", default=[f"ours={ROOT / 'models' / 'voice'}"], metavar="NAME=FOLDER")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=["fp32", "int8"])
    parser.add_argument("--features", type=Path, nargs="+", default=[ROOT / "data" / "features"])
    parser.add_argument("--language", default="en", help="whose sentences: benchmarks/texts/open-LANGUAGE.txt")
    parser.add_argument("--sentences", type=int, default=None, help="fewer of them, to see that it works")
    parser.add_argument("--ours-only", action="store_true", help="without the voices of others")
    parser.add_argument("--write", action="store_true", help="replace the table in README.md")
    given = parser.parse_args()
    bundles = dict(named(one) for one in given.voice)
    texts = read_texts(given.language, given.features)[: given.sentences]
    bench = Bench(texts, given.language, recordings(given.features, bundles))
    for name, folder in bundles.items():
        bench.bundle(name, folder, given.precisions)
    if not given.ours_only:
        for name, make in peers(given.language).items():
            bench.peer(name, make)
    bench.real()
    table = render(bench.rows)
    print(table)
    if given.write:
        write_table(ROOT / "README.md", "quality", table)
    print(json.dumps({"sentences": len(texts), "voices": bench.rows, "speakers": bench.likeness()}))


def named(argument: str) -> tuple[str, Path]:
    """NAME=FOLDER, a bundle."""
    name, _, folder = argument.partition("=")
    if not (Path(folder) / "voice.json").is_file():
        raise SystemExit(f"{argument!r}: expected NAME=FOLDER with a voice bundle in the folder")
    return name, Path(folder)


def read_texts(language: str, features: Sequence[Path]) -> list[str]:
    """The open texts; `ValueError` where a voice may have been trained on one."""
    from tasks.evaluate.normalise import normalise
    from tasks.evaluate.spoken import read_sentences
    from tasks.records import FEATURES, read_rows

    texts = read_sentences(ROOT / "benchmarks" / "texts" / f"open-{language}.txt")
    known = {
        normalise(row["text"], language)
        for folder in features
        if folder.is_dir()
        for row in read_rows(folder, FEATURES, ["text"])
    }
    for text in texts:
        if normalise(text, language) in known:
            raise ValueError(f"{text!r} stands in the features; a voice may know it by heart")
    return texts


def recordings(features: Sequence[Path], bundles: Mapping[str, Path]) -> list[Spoken]:
    """Held-out recordings of every speaker of the bundles, as many of each as `HELD_OUT` at most."""
    from tasks.evaluate.spoken import held_out
    from voiceloom_model.runtime.bundle import read_description

    speakers = {speaker for folder in bundles.values() for speaker in read_description(folder).speakers}
    found = []
    for folder in (folder for folder in features if folder.is_dir()):
        for speaker in sorted(speakers):
            try:
                found += held_out(folder, HELD_OUT, [speaker])
            except ValueError:
                continue  # none of this speaker here
    return found


def peers(language: str) -> dict[str, Callable[[], Say]]:
    """The voices of others by name; most speak English only."""
    if language != "en":
        return {"espeak-ng": lambda: espeak(language)}
    return {"Piper joe (medium)": piper_joe, "hibari-tts": hibari, "espeak-ng": espeak}


def render(rows: Mapping[str, Mapping]) -> str:
    """The table of the README."""
    heads = ("voice", "WER", "CER", "DNSMOS", "Distill-MOS", "similarity", "MCD", "F0 error")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, row in rows.items():
        rate = f"{row['wer']:.1%} ({row['wer_low']:.0%}–{row['wer_high']:.0%})".replace("%–", "–")
        cells = [name, rate, f"{row['cer']:.1%}", f"{row['dnsmos']:.2f}", f"{row['distillmos']:.2f}"]
        cells += [shown(row.get("similarity"), "{:.3f}"), shown(row.get("mcd_db"), "{:.1f} dB")]
        cells.append(shown(row.get("f0_semitones"), "{:.1f} st"))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines).replace("%", " %")


def shown(value: float | None, layout: str) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None else layout.format(value)


if __name__ == "__main__":
    main()
