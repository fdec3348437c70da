"""What the measures of training share: utterances of 2 to 10 s in batches of like lengths, options, a stopwatch."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric

from tasks.params import AudioParams, Params
from voiceloom_model.config import ModelConfig, model_config
from voiceloom_model.features import MelConfig, log_mel
from voiceloom_model.losses import Counts
from voiceloom_model.text import N_LANGUAGES, N_SYMBOLS
from voiceloom_model.text.layout import laid_out
from voiceloom_model.training.data import Utterance, collate
from voiceloom_model.training.draws import draw
from voiceloom_model.training.options import Options
from voiceloom_model.training.phases import Micro

SHORTEST_S, LONGEST_S = 2.0, 10.0
UTTERANCES = 160
TOKENS_A_SECOND = 13
SEGMENT_FRAMES = 32
Report = dict[str, float | None]
Step = Callable[[int], object]


def read_utterances(features: Path, audio: AudioParams) -> list[Utterance]:
    """Real ones where they are, else made up."""
    mel = MelConfig(**audio.model_dump())
    if not (features / "statistics.json").is_file():
        print(f"{features} is not here: utterances are made up")
        lengths = np.linspace(SHORTEST_S, LONGEST_S, UTTERANCES)
        return [make_up(number, float(seconds), mel) for number, seconds in enumerate(lengths)]
    from tasks.train.utterances import Splits, aligned, load_splits

    read, _ = load_splits(features, audio, json.loads((features / "statistics.json").read_text(encoding="utf-8")))
    fitting = [u for u in read if SHORTEST_S <= u.n_frames / mel.frames_per_second <= LONGEST_S]
    with tempfile.TemporaryDirectory() as folder:
        return aligned(Splits(fitting, []), Path(folder) / "durations.npz").train


def make_up(number: int, seconds: float, mel: MelConfig) -> Utterance:
    """A tone in noise, aligned evenly: what is computed takes as long for any sound."""
    rng = np.random.default_rng(number)
    n_frames, n_tokens = round(seconds * mel.frames_per_second), round(seconds * TOKENS_A_SECOND)
    time_s = np.arange(n_frames * mel.hop_length) / mel.sample_rate_hz
    wave = (0.3 * np.sin(2 * np.pi * 150 * time_s) + 0.05 * rng.standard_normal(len(time_s))).astype(np.float32)
    vector = rng.uniform(size=256).astype(np.float32)
    vector /= np.linalg.norm(vector)
    return Utterance(
        id=f"made-up/{number:03d}",
        tokens=rng.integers(3, 40, n_tokens),
        stress=rng.choice([0, 1, 2], n_tokens, p=[0.8, 0.15, 0.05]),
        durations=np.bincount(np.arange(n_frames) * n_tokens // n_frames, minlength=n_tokens),
        language=1,
        mel=log_mel(wave, mel).T.astype(np.float16),
        wave=np.round(wave * 32767).astype(np.int16),
        speaker=vector,
        speaker_mean=vector,
        f0=np.full(n_frames, 150, np.float32),
    )


def some_batches(utterances: Sequence[Utterance], count: int, size: int) -> list[list[Utterance]]:
    """So many batches of `size` neighbours in length, from the shortest to the longest."""
    ordered = sorted(utterances, key=lambda utterance: utterance.n_frames)
    if len(ordered) < size:
        raise ValueError(
            f"{len(ordered)} utterances of {SHORTEST_S:g} to {LONGEST_S:g} s do not fill a batch of {size}"
        )
    starts = np.linspace(0, len(ordered) - size, count).round().astype(int)
    return [ordered[start : start + size] for start in starts]


def spread_out(utterance: Utterance) -> Utterance:
    """The same with VITS's longer sequence of tokens; such a network aligns by itself."""
    ids, stress = (np.asarray(part) for part in laid_out(utterance.tokens, utterance.stress, "spread"))
    return replace(utterance, tokens=ids, stress=stress, durations=np.zeros(0, np.int64))


class Bench(NamedTuple):
    """What all measures share."""

    fabric: Fabric
    params: Params
    utterances: Sequence[Utterance]
    rounds: int
    utterances_a_batch: int

    def batches(self, count: int) -> list[list[Utterance]]:
        """So many batches, from the shortest utterances to the longest."""
        return some_batches(self.utterances, count, self.utterances_a_batch)

    def parts(self, batches: Sequence[Sequence[Utterance]], config: ModelConfig) -> list[Micro]:
        """Batches as a network of this configuration reads them, each with its draws."""
        return [self.fabric.to_device(micro(batch, config)) for batch in batches]

    @property
    def mel(self) -> MelConfig:
        """How sound is framed."""
        return MelConfig(**self.params.audio.model_dump())

    def options(self, **changes: object) -> Options:
        """The trainer's options as in params.yaml, changed."""
        given = self.params.train.model_dump()
        known = {name: value for name, value in given.items() if name in Options.__dataclass_fields__}
        return Options(**{**known, "segment_frames": SEGMENT_FRAMES, **changes})

    def config(self, size: str) -> ModelConfig:
        """Our network of a named size."""
        framing = {name: getattr(self.mel, name) for name in ("n_mels", "n_fft", "hop_length", "sample_rate_hz")}
        return model_config(size, n_symbols=N_SYMBOLS, n_languages=N_LANGUAGES, **framing)


def micro(utterances: Sequence[Utterance], config: ModelConfig) -> Micro:
    """A batch in the layout of the configuration."""
    if config.layout == "spread":
        utterances = [spread_out(utterance) for utterance in utterances]
    batch = collate(utterances, config.hop_length, [False] * len(utterances))
    draws = draw(batch, range(len(utterances)), config, SEGMENT_FRAMES)
    return Micro(batch, draws, Counts.of(batch))


def timed(step: Step, number: int = 0) -> float:
    """Seconds of one step, to its very end."""
    started = time.perf_counter()
    step(number)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started
