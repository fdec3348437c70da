"""What is measured of a voice in training: how far its mel is from held-out recordings, two ways."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from voiceloom_model.nn.sound import draw_excitation
from voiceloom_model.nn.spectral import LogMel
from voiceloom_model.nn.synthesizer import Batch, Outputs, length_mask
from voiceloom_model.training.data import Utterance, collate
from voiceloom_model.training.phases import Setting

MAX_UTTERANCES = 16


@torch.no_grad()
def validate(setting: Setting, held_out: Sequence[Utterance]) -> dict[str, float]:
    """Mean absolute log-mel error of the first held-out utterances.

    `mel_posterior`: recording → latent → sound. `mel_text`: text with the recording's durations → sound.
    """
    if not held_out:
        return {}
    setting.synthesizer.eval()
    log_mel = LogMel(setting.mel_config).to(setting.fabric.device)
    errors: dict[str, list[float]] = {"mel_posterior": [], "mel_text": []}
    for utterance in held_out[:MAX_UTTERANCES]:
        batch = single(setting, utterance)
        for name, wave in _spoken(setting, batch).items():
            frames = int(batch.n_frames[0])
            made = log_mel(wave)[:, :frames]
            errors[name].append(float((made - batch.mel[:, :frames]).abs().mean()))
    setting.synthesizer.train()
    return {name: sum(values) / len(values) for name, values in errors.items()}


def single(setting: Setting, utterance: Utterance) -> Batch:
    """A batch of one utterance, on the network's device."""
    batch = collate([utterance], setting.mel_config.hop_length, [False])
    return Batch(*setting.fabric.to_device(tuple(batch)))


def heard(setting: Setting, batch: Batch) -> Outputs:
    """What the network makes of recordings, without noise."""
    silence = batch.mel.new_zeros(*batch.mel.shape[:2], setting.synthesizer.config.latent)
    return setting.synthesizer(batch, silence, batch.mel.new_zeros(*batch.tokens.shape, 2))


def _spoken(setting: Setting, batch: Batch) -> dict[str, Tensor]:
    """The waveforms (1, T) of both ways, without noise but that of breath, which is always the same."""
    synthesizer = setting.synthesizer
    with setting.fabric.autocast():
        outputs = heard(setting, batch)
        mask = length_mask(batch.n_frames, batch.mel.shape[1])
        excitation = draw_excitation(batch.mel.shape[1], synthesizer.config.hop_length, 0, mask.device)
        from_text = synthesizer.flow.reverse(outputs.prior_mean * mask, mask, outputs.speaker)
        return {
            "mel_posterior": synthesizer.decoder(outputs.posterior_mean * mask, mask, outputs.speaker, excitation).wave,
            "mel_text": synthesizer.decoder(from_text, mask, outputs.speaker, excitation).wave,
        }
