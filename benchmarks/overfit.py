"""Does it learn? Sixteen real utterances by heart; and what each of its choices is worth.

Trains the `small` voice on 16 utterances of data/features (made by `make demo`), lets it say their texts with
durations of its own, and listens with Whisper base. Real recordings of the same texts stand beside. `--without` turns
one of the choices off that set this network apart from VITS as published:

    prior       text is expanded to frames before the prior, not after (config `prior`)
    alignment   durations come from a flat start on the mel, not from a search on the latent (config `alignment`)
    diagonal    a search by the network is held to even speech at first; only tells with --alignment mel or latent
    mel         the prior also foretells the mel (loss weight `prior_mel`)
    source      pulses and noise go through filters that the network says; without, an inverse STFT (config `decoder`)

The last line is one JSON object: WER, similarity and minutes of each variant, a list entry a seed.

Run: python benchmarks/overfit.py [--seeds 3] [--without prior alignment mel] [--steps 900] [--threads 2]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tasks.evaluate.judge import Judge
    from tasks.evaluate.spoken import Spoken as Heard
    from voiceloom_model.training.data import Utterance
    from voiceloom_model.training.listening import Spoken

UTTERANCES = 16
WORDS = (4, 16)
WITHOUT = {
    "prior": {"prior": "tokens"},
    "alignment": {"alignment": "latent"},
    "mel": {"weights": {"prior_mel": 0.0}},
    "diagonal": {"diagonal_steps": 0},
    "source": {"decoder": "istft"},
}


def main() -> None:
    """Train, listen, print."""
    arguments = parse()
    splits, heard = chosen(arguments.features)
    judge = judge_of(heard)
    print(f"{len(heard)} recordings: {summary([judge.score(one, real=True) for one in heard])}")
    report: dict[str, list[dict]] = {}
    for name in ["everything", *arguments.without]:
        for seed in range(1, arguments.seeds + 1):
            made, minutes = learn_by_heart(splits, arguments, WITHOUT.get(name, {}), seed)
            scores = [judge.score(spoken_as(one, said), real=False) for one, said in zip(heard, made, strict=True)]
            entry = {**summary(scores), "minutes": round(minutes, 2)}
            report.setdefault(name, []).append(entry)
            print(f"{name if name == 'everything' else f'without {name}'}, seed {seed}: {entry}", flush=True)
    print(json.dumps(report))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path, default=Path("data/features"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--alignment", default="flat_start", help="flat_start, mel or latent, for every variant")
    parser.add_argument("--without", nargs="*", choices=list(WITHOUT), default=[])
    return parser.parse_args()


def chosen(features: Path) -> tuple[list[Utterance], list[Heard]]:
    """Sixteen utterances of a sentence each, aligned, and their recordings, in the order of their ids."""
    from tasks.evaluate.spoken import Spoken as Heard
    from tasks.params import load_params
    from tasks.records import FEATURES, read_rows
    from tasks.train.utterances import aligned, load_splits

    root = Path(__file__).parents[1]
    audio = load_params(root / "params.yaml").audio
    statistics = json.loads((features / "statistics.json").read_text(encoding="utf-8"))
    texts = {row["id"]: row for row in read_rows(features, FEATURES, ("id", "text", "speaker", "language", "split"))}
    splits = load_splits(features, audio, statistics)
    fitting = [one for one in splits.train if WORDS[0] <= len(texts[one.id]["text"].split()) <= WORDS[1]]
    some = [fitting[index] for index in np.random.default_rng(0).permutation(len(fitting))[:UTTERANCES]]
    with tempfile.TemporaryDirectory() as folder:
        whole = aligned(splits, Path(folder) / "durations.npz")
    by_id = {one.id: one for one in whole.train}
    some = sorted((by_id[one.id] for one in some), key=lambda one: one.id)
    heard = [
        Heard(
            one.id,
            texts[one.id]["text"],
            texts[one.id]["speaker"],
            texts[one.id]["language"],
            one.wave.astype(np.float32) / 32768,
            audio.sample_rate_hz,
            one.speaker,
        )
        for one in some
    ]
    return some, heard


def judge_of(heard: Sequence[Heard]) -> Judge:
    """Whisper base, the speaker encoder and DNSMOS."""
    from tasks.asr import Listener
    from tasks.evaluate.judge import Judge

    return Judge(Listener("whisper-base", Path("runs") / "models"), heard)


def learn_by_heart(
    utterances: Sequence[Utterance], arguments: argparse.Namespace, without: Mapping, seed: int
) -> tuple[list[Spoken], float]:
    """Train a fresh voice on the utterances and let it say them; returns what it says, and the minutes it took."""
    import torch
    from lightning_fabric import Fabric

    from tasks.params import load_params
    from voiceloom_model.config import PARTS, model_config
    from voiceloom_model.features import MelConfig
    from voiceloom_model.nn.synthesizer import Synthesizer
    from voiceloom_model.text import N_LANGUAGES, N_SYMBOLS
    from voiceloom_model.training.listening import speak
    from voiceloom_model.training.loop import Trainer
    from voiceloom_model.training.options import Options

    params = load_params(Path(__file__).parents[1] / "params.yaml")
    mel = MelConfig(**params.audio.model_dump())
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(seed)
    parts = {"alignment": arguments.alignment, **{part: name for part, name in without.items() if part in PARTS}}
    synthesizer = Synthesizer(model_config("small", n_symbols=N_SYMBOLS, n_languages=N_LANGUAGES, dropout=0.0, **parts))
    bands = np.concatenate([one.mel for one in utterances]).astype(np.float32)
    synthesizer.mel_mean.copy_(torch.from_numpy(bands.mean(axis=0)))
    synthesizer.mel_std.copy_(torch.from_numpy(bands.std(axis=0)))
    options = dataclasses.replace(
        Options(
            seed=seed,
            warmup_steps=arguments.steps,
            adversarial_steps=0,
            frames_per_batch=1024,
            segment_frames=32,
            learning_rate=1e-3,
            final_learning_rate=5e-5,
            ema_decay=0.99,
            checkpoint_every=10**9,
            validate_every=10**9,
            kl_steps=arguments.steps // 2,
            loss_weights=without.get("weights", {}),
        ),
        **({"diagonal_steps": 0} if "diagonal_steps" in without else {}),
    )
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(fabric, synthesizer, mel, options, Path(folder))
        trainer.run(utterances, [])
    minutes = (time.monotonic() - started) / 60
    return speak(trainer.setting, utterances), minutes


def spoken_as(recording: Heard, said: Spoken) -> Heard:
    """What the voice says, as the judge takes it."""
    return dataclasses.replace(recording, wave=said.wave, vector=None)


def summary(scores: Sequence) -> dict:
    """WER with its interval, similarity and DNSMOS."""
    from tasks.evaluate.scoring import summarise

    found = summarise(scores, seed=0)
    return {name: found[name] for name in ("wer", "wer_low", "wer_high", "similarity", "dnsmos")}


if __name__ == "__main__":
    main()
