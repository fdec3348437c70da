"""The network to be trained: as the parameters say, with the weights it begins with, ready for its adaptation."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from tasks.params import AudioParams, TrainParams

if TYPE_CHECKING:
    from voiceloom_model.adapt import Adaptation
    from voiceloom_model.config import ModelConfig
    from voiceloom_model.nn.discriminators import Discriminators
    from voiceloom_model.nn.synthesizer import Synthesizer
    from voiceloom_model.training.options import Options
    from voiceloom_model.warm import Start


@dataclass(frozen=True)
class Network:
    """The voice and its judges before the first step, how it is adapted, and the run's options."""

    synthesizer: Synthesizer
    discriminators: Discriminators
    adaptation: Adaptation
    options: Options


def build(statistics: dict, train: TrainParams, audio: AudioParams) -> Network:
    """Build it. Raises `ValueError` or `FileNotFoundError` in one sentence for parameters that cannot be."""
    import torch

    from voiceloom_model import adapt
    from voiceloom_model.nn.discriminators import Discriminators
    from voiceloom_model.nn.synthesizer import Synthesizer

    config, start = _config_and_start(statistics, train, audio)
    torch.manual_seed(train.seed)
    synthesizer = Synthesizer(config)
    discriminators = Discriminators(config.discriminator_width)
    synthesizer.mel_mean.copy_(torch.tensor(statistics["mel"]["mean"]))
    synthesizer.mel_std.copy_(torch.tensor(statistics["mel"]["std"]))
    if start is not None:
        # A checkpoint's own means of the mel come with it: what it learned expects them.
        synthesizer.load_state_dict(start.weights, strict=False)
        if start.discriminators is not None:
            discriminators.load_state_dict(start.discriminators)
    adaptation = adapt.prepare(synthesizer, train.adaptation, train.lora_rank)
    return Network(synthesizer, discriminators, adaptation, _options(train, start))


def configure(statistics: dict, train: TrainParams, audio: AudioParams) -> ModelConfig:
    """The configuration of a network that begins with nothing."""
    from voiceloom_model.config import PARTS, model_config
    from voiceloom_model.text import N_LANGUAGES, N_SYMBOLS

    for part in train.parts:
        if part not in PARTS:
            raise ValueError(f"there is no part {part!r} in train.parts; the parts are: {', '.join(PARTS)}")
    known = len(statistics["speakers"])
    return model_config(
        train.size,
        n_symbols=N_SYMBOLS,
        n_languages=N_LANGUAGES,
        n_mels=audio.n_mels,
        n_fft=audio.n_fft,
        hop_length=audio.hop_length,
        sample_rate_hz=audio.sample_rate_hz,
        # One speaker alone needs no table: all of the network is about them.
        n_speakers=known if known > 1 or train.adaptation != "full" else 0,
        **train.parts,
    )


def _config_and_start(statistics: dict, train: TrainParams, audio: AudioParams) -> tuple[ModelConfig, Start | None]:
    from voiceloom_model import warm

    config = configure(statistics, train, audio)
    if train.start is None:
        if train.adaptation != "full":
            raise ValueError(f"adaptation {train.adaptation} adapts a voice that can speak; name it in train.start")
        return config, None
    if train.adaptation == "speaker" and train.adversarial_steps:
        raise ValueError("adaptation speaker leaves the decoder as it is: set train.adversarial_steps to 0")
    if train.start_with == "all":
        asked, config = config, warm.start_config(train.start, config, audio.sample_rate_hz)
        for part in train.parts:
            if getattr(asked, part) != getattr(config, part):
                raise ValueError(
                    f"train.parts asks for {part} {train.parts[part]!r}, but {train.start} has "
                    f"{getattr(config, part)!r}; leave it out, or set start_with to matching"
                )
    start = warm.start_weights(train.start, config, train.start_with)
    print(f"train: {start.report}", file=sys.stderr)
    return config, start


def _options(train: TrainParams, start: Start | None) -> Options:
    from voiceloom_model.training.options import Options

    given = train.model_dump()
    options = Options(**{field.name: given[field.name] for field in fields(Options) if field.name in given})
    if start is not None and _holds(start, "text.", "posterior.", "flow."):
        # Its latents mean something already, and its tokens know their frames.
        options = replace(options, kl_steps=0, diagonal_steps=0)
    if train.adaptation == "speaker":
        # Only the speaker's row of the table learns, and it is learned on top of the mean vector.
        options = replace(options, mean_vector_share=1.0, unknown_speaker_share=0.0)
    return options


def _holds(start: Start, *parts: str) -> bool:
    return all(any(name.startswith(part) for name in start.weights) for part in parts)
