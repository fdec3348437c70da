"""Speaking in the middle of training: held-out texts said by the averaged weights, always with the same noise.

Letters: B batch (here 1), N tokens, F frames, L latent, S speaker channels, T samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from voiceloom_model.nn.sound import draw_excitation
from voiceloom_model.nn.text import whole_durations
from voiceloom_model.training.data import Utterance
from voiceloom_model.training.phases import Setting
from voiceloom_model.training.validation import heard, single

NOISE_SCALE = 0.333
#: A network that has not learned yet may ask for hours; no token is given more frames than this.
MAX_TOKEN_FRAMES = 100


class Spoken(NamedTuple):
    """A text as the voice says it: wave (T,) float32, and durations (N,), its frames a token.

    `aligned` (N,) are the frames a token that the network gives to the recording of the same text.
    """

    utterance: Utterance
    wave: np.ndarray
    durations: np.ndarray
    aligned: np.ndarray


@torch.no_grad()
def speak(setting: Setting, utterances: Sequence[Utterance]) -> list[Spoken]:
    """Say the texts of utterances, each in its speaker's mean voice."""
    setting.synthesizer.eval()
    with setting.fabric.autocast():
        spoken = list(_said(setting, utterances))
    setting.synthesizer.train()
    return spoken


def _said(setting: Setting, utterances: Sequence[Utterance]) -> Iterator[Spoken]:
    synthesizer, device = setting.synthesizer, setting.fabric.device
    for number, utterance in enumerate(utterances):
        generator = torch.Generator().manual_seed(number)
        tokens, stress = (torch.from_numpy(ids)[None].to(device) for ids in (utterance.tokens, utterance.stress))
        language, table_row = (
            torch.tensor([index], device=device) for index in (utterance.language, utterance.speaker_id)
        )
        vector = torch.from_numpy(np.asarray(utterance.speaker_mean, np.float32))[None].to(device)
        speaker = synthesizer.speaker_vector(vector, table_row)
        pace = _noise((*tokens.shape, 2), generator, device)
        encoded, log_durations = synthesizer.encode(tokens, stress, language, speaker, pace)
        durations = whole_durations(log_durations.float().clamp(max=math.log(MAX_TOKEN_FRAMES)))
        latent = _noise((1, int(durations.sum()), synthesizer.config.latent), generator, device)
        excitation = draw_excitation(latent.shape[1], synthesizer.config.hop_length, number, device)
        wave = synthesizer.decode(encoded, durations, latent, speaker, excitation=excitation)
        aligned = heard(setting, single(setting, utterance)).durations[0, : len(utterance.tokens)]
        yield Spoken(utterance, wave[0].float().cpu().numpy(), durations[0].cpu().numpy(), aligned.cpu().numpy())


def _noise(shape: Sequence[int], generator: torch.Generator, device: torch.device) -> Tensor:
    """Drawn where every machine draws the same."""
    return NOISE_SCALE * torch.randn(*shape, generator=generator).to(device)
