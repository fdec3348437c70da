"""One step of each phase: everything at once during the warm-up, decoder against discriminators after it.

Letters: B batch, N tokens, F frames, L latent, S speaker channels, T samples.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from voiceloom_model import losses
from voiceloom_model.features import MelConfig
from voiceloom_model.losses import Counts
from voiceloom_model.nn.discriminators import Discriminators
from voiceloom_model.nn.spectral import LogMel
from voiceloom_model.nn.synthesizer import Batch, Outputs, Synthesizer
from voiceloom_model.speaker import SAMPLE_RATE_HZ, load_speaker_encoder
from voiceloom_model.training.draws import LISTENED_SHARE, Draws

#: Weights of the loss terms; `kl` is annealed from zero (see `kl_weight`).
WEIGHTS = {
    "mel": 45.0,
    "stft": 10.0,
    "kl": 1.0,
    "duration": 1.0,
    "align": 10.0,
    "prior_mel": 10.0,
    "speaker": 0.0,
    "adversarial": 1.0,
    "feature_matching": 2.0,
}
#: What the speaker encoder hears of a voice: one of its windows.
SPEAKER_SECONDS = 1.6


def kl_weight(step: int, steps: int) -> float:
    """Annealed from 0 to 1 over `steps`, so that the latent carries the sound before it must obey the text."""
    return min(1.0, (step + 1) / steps) if steps else 1.0


def total(terms: Mapping[str, Tensor], weights: Mapping[str, float] = WEIGHTS, kl: float = 1.0) -> Tensor:
    """The weighted sum of the terms; `kl` scales that of the divergence."""
    scale = {"kl": kl}
    return torch.stack([weights[name] * scale.get(name, 1.0) * term for name, term in terms.items()]).sum()


def cut_segments(sequence: Tensor, starts: Tensor, size: int) -> Tensor:
    """(B, F, …) → (B, size, …), row b from starts[b] on; what lies past the end is zero."""
    missing = size - sequence.shape[1]
    if missing > 0:
        sequence = torch.cat([sequence, sequence.new_zeros(len(sequence), missing, *sequence.shape[2:])], dim=1)
    starts = starts.clamp(max=sequence.shape[1] - size)
    return torch.stack([row[start : start + size] for row, start in zip(sequence, starts.tolist(), strict=True)])


class SoundLosses(nn.Module):
    """Mel and multi-resolution STFT distance of made and real waves (B, T), summed over the rows."""

    def __init__(self, mel_config: MelConfig) -> None:
        super().__init__()
        self.log_mel = LogMel(mel_config)

    def forward(self, made: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Compare sounds."""
        error = (self.log_mel(made) - self.log_mel(real)).abs()
        return {"mel": error.mean(dim=(1, 2)).sum(), "stft": losses.stft_loss(made, real).sum()}


class SpeakerJudge(nn.Module):
    """How unlike their speakers waves sound: waves (B, T), d-vectors (B, S) → (B,). Its own weights never move."""

    def __init__(self, sample_rate_hz: int) -> None:
        super().__init__()
        self.sample_rate_hz = sample_rate_hz
        # Kept in a list: an encoder that is not trained is no part of what is saved or wrapped.
        self._encoder = [load_speaker_encoder()]

    def forward(self, wave: Tensor, wanted: Tensor) -> Tensor:
        """Listen; the gradient goes through the encoder to the waves."""
        encoder = self._encoder[0].to(wave.device)
        at_16k = resampled(wave.float(), self.sample_rate_hz, SAMPLE_RATE_HZ)
        with torch.autocast(wave.device.type, enabled=False):
            heard = torch.cat([encoder(row.unsqueeze(0)) for row in at_16k])
        return losses.speaker_consistency_loss(heard, wanted)


def resampled(wave: Tensor, from_hz: int, to_hz: int) -> Tensor:
    """Band-limited resampling of (B, T) through its whole spectrum."""
    if from_hz == to_hz:
        return wave
    samples = round(wave.shape[-1] * to_hz / from_hz)
    spectrum = torch.fft.rfft(wave)[..., : samples // 2 + 1]
    return torch.fft.irfft(spectrum, samples) * (samples / wave.shape[-1])


class WarmupStep(nn.Module):
    """All of a voice, without discriminators: batch → loss terms.

    One module, so that a distributed wrapper sees a single forward. With `speaker_consistency` some utterances are
    also decoded for as long as the speaker encoder's window and listened to.
    """

    def __init__(
        self, synthesizer: Synthesizer, mel_config: MelConfig, segment_frames: int, speaker_consistency: bool = False
    ) -> None:
        super().__init__()
        self.synthesizer = synthesizer
        self.sound = SoundLosses(mel_config)
        self.segment_frames = segment_frames
        self.judge = SpeakerJudge(mel_config.sample_rate_hz) if speaker_consistency else None
        self.window_frames = round(SPEAKER_SECONDS * mel_config.frames_per_second)

    def forward(self, batch: Batch, draws: Draws, counts: Counts, diagonal: float = 0.0) -> dict[str, Tensor]:
        """The terms, divided by `counts`; `diagonal` as in `Synthesizer.forward`."""
        synthesizer = self.synthesizer
        outputs = synthesizer(batch, draws.posterior_noise, draws.duration_noise, diagonal)
        latent = cut_segments(outputs.latent, draws.starts, self.segment_frames)
        hop = synthesizer.config.hop_length
        real = cut_segments(batch.wave, draws.starts * hop, self.segment_frames * hop)
        made = synthesizer.decoder(latent, torch.ones_like(latent[..., :1]), outputs.speaker)
        sound = {name: term / counts.utterances for name, term in self.sound(made, real).items()}
        terms = {**sound, **losses.text_losses(outputs, counts)}
        if self.judge is not None:
            terms["speaker"] = self._unlikeness(self.judge, batch, outputs, draws) / counts.utterances
        return terms

    def _unlikeness(self, judge: SpeakerJudge, batch: Batch, outputs: Outputs, draws: Draws) -> Tensor:
        """How unlike their speakers the utterances sound, summed; estimated from those drawn to be listened to."""
        drawn = draws.listened.nonzero().squeeze(1)
        if len(drawn) == 0:
            return outputs.latent.new_zeros(())
        last = (batch.n_frames[drawn] - self.window_frames).clamp(min=0)
        latent = cut_segments(outputs.latent[drawn], draws.starts[drawn].minimum(last), self.window_frames)
        speaker = outputs.speaker[drawn]
        wave = self.synthesizer.decoder(latent, torch.ones_like(latent[..., :1]), speaker)
        return judge(wave, batch.speaker[drawn]).sum() / LISTENED_SHARE


class DecoderStep(nn.Module):
    """The decoder alone, for the adversarial phase: latents (B, F, L), speaker (B, S) → wave (B, T)."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        super().__init__()
        self.decoder = synthesizer.decoder

    def forward(self, latent: Tensor, speaker: Tensor) -> Tensor:
        """Decode segments."""
        return self.decoder(latent, torch.ones_like(latent[..., :1]), speaker)


def generator_terms(sound: SoundLosses, judge: Discriminators, made: Tensor, real: Tensor) -> dict[str, Tensor]:
    """What the decoder minimises in the adversarial phase, summed over utterances."""
    scores, features = judge(made)
    with torch.no_grad():
        _, real_features = judge(real)
    return {
        **sound(made, real),
        "adversarial": losses.adversarial_loss(scores).sum(),
        "feature_matching": losses.feature_matching_loss(real_features, features).sum(),
    }
