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
from voiceloom_model.nn.decoder import MAX_LOG_MAGNITUDE
from voiceloom_model.nn.discriminators import Discriminators
from voiceloom_model.nn.noise import MEAN_SQUARED, MEDIAN_SQUARED, NoisePower
from voiceloom_model.nn.sound import Excitation, Sound
from voiceloom_model.nn.source import PIECES, octaves_above_middle
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
    "latent_mel": 60.0,
    "pitch": 10.0,
    "speaker": 0.0,
    "adversarial": 1.0,
    "feature_matching": 2.0,
}
#: What differs where a mel teaches the latent: held to the text at full weight it would lose the sound (in ten minutes
#: from nothing, word errors of 38 % where the weight rises to 1 at once, 22 % when late, 17 % at 0.3).
TAUGHT_WEIGHTS = {"kl": 0.3}
#: What the speaker encoder hears of a voice: one of its windows.
SPEAKER_SECONDS = 1.6
#: How much of a source-filter decoder's gradient reaches the latent: filters are told by drawn phases, so it is noisy.
LATENT_SHARE = 0.1
#: Padding has no pitch; a pulse train must have one.
LEAST_HZ = 20.0


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
    if sequence.is_cuda:  # to ask where they start would wait for all that is under way
        places = starts.unsqueeze(1) + torch.arange(size, device=sequence.device)
        return sequence.gather(
            1, places.view(*places.shape, *[1] * (sequence.dim() - 2)).expand(-1, -1, *sequence.shape[2:])
        )
    return torch.stack([row[start : start + size] for row, start in zip(sequence, starts.tolist(), strict=True)])


def excite(
    batch: Batch,
    draws: Draws,
    size: int,
    rows: Tensor | None = None,
    starts: Tensor | None = None,
    silent: bool = False,
) -> Excitation | None:
    """What excites segments of `size` frames: the recordings' pitch; None for a decoder that is no source and filters.

    Of all utterances from `draws.starts` on, or of `rows` from `starts` on. Longer than what was drawn, the breath is
    heard again; `silent` is without it.
    """
    if not draws.breath.shape[1]:
        return None
    rows = torch.arange(len(draws.starts), device=draws.starts.device) if rows is None else rows
    f0 = cut_segments(batch.f0[rows], draws.starts[rows] if starts is None else starts, size)
    samples = size * (batch.wave.shape[1] // batch.mel.shape[1])
    breath = draws.breath[rows].repeat(1, -(-samples // draws.breath.shape[1]))[:, :samples]
    anchor = torch.zeros((), dtype=torch.long, device=f0.device)
    return Excitation(None if silent else breath, draws.phase[rows], anchor, f0.clamp(min=LEAST_HZ))


def pitch_terms(made: Sound, batch: Batch, starts: Tensor) -> dict[str, Tensor]:
    """How far the network's pitch is from that of the segments, summed over utterances; nothing where it has none."""
    if made.octaves is None:
        return {}
    f0, voiced = (cut_segments(one, starts, made.octaves.shape[1]) for one in (batch.f0, batch.voiced))
    return {"pitch": losses.pitch_loss(made.octaves, octaves_above_middle(f0.clamp(min=LEAST_HZ)), voiced).sum()}


def shaped(synthesizer: Synthesizer, latent: Tensor) -> Tensor:
    """The latent as it is, and less of what the decoder's gradient asks of it where its mel teaches it already."""
    if synthesizer.latent_mel is None:
        return latent
    return LATENT_SHARE * latent + (1 - LATENT_SHARE) * latent.detach()


class SoundLosses(nn.Module):
    """Mel and multi-resolution STFT distance of made and real sounds, summed over the rows.

    Of a source and filters the noise is compared by its expected power (see `nn.noise`).
    """

    def __init__(self, mel_config: MelConfig) -> None:
        super().__init__()
        self.log_mel = LogMel(mel_config)
        n_fft, hop = mel_config.n_fft, mel_config.hop_length
        pieces = (hop // PIECES, n_fft // PIECES)
        self.mel_noise = NoisePower(n_fft, hop, *pieces, center=False)
        self.noises = nn.ModuleList(NoisePower(*resolution, *pieces) for resolution in losses.STFT_RESOLUTIONS)

    def forward(self, made: Sound, real: Tensor) -> dict[str, Tensor]:
        """Compare sounds; real (B, T)."""
        if made.tonal is None or made.noise is None:
            error = (self.log_mel(made.wave) - self.log_mel(real)).abs()
            return {"mel": error.mean(dim=(1, 2)).sum(), "stft": losses.stft_loss(made.wave, real).sum()}
        filters, samples = made.noise.clamp(max=MAX_LOG_MAGNITUDE), real.shape[1]
        power = MEAN_SQUARED * self.mel_noise(filters, samples).transpose(1, 2)
        error = (self.log_mel(made.tonal, power) - self.log_mel(real)).abs()
        powers = [MEDIAN_SQUARED * noise(filters, samples) for noise in self.noises]
        return {"mel": error.mean(dim=(1, 2)).sum(), "stft": losses.stft_loss(made.tonal, real, powers).sum()}


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
        # cuDNN gives no gradient through a recurrent network in evaluation mode.
        with torch.autocast(wave.device.type, enabled=False), torch.backends.cudnn.flags(enabled=False):
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
        latent = shaped(synthesizer, cut_segments(outputs.latent, draws.starts, self.segment_frames))
        hop = synthesizer.config.hop_length
        real = cut_segments(batch.wave, draws.starts * hop, self.segment_frames * hop)
        excitation = excite(batch, draws, self.segment_frames, silent=True)
        made = synthesizer.decoder(latent, torch.ones_like(latent[..., :1]), outputs.speaker, excitation)
        sounds = {**self.sound(made, real), **pitch_terms(made, batch, draws.starts)}
        sound = {name: term / counts.utterances for name, term in sounds.items()}
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
        starts = draws.starts[drawn].minimum(last)
        latent = shaped(self.synthesizer, cut_segments(outputs.latent[drawn], starts, self.window_frames))
        speaker = outputs.speaker[drawn]
        excitation = excite(batch, draws, self.window_frames, drawn, starts)
        made = self.synthesizer.decoder(latent, torch.ones_like(latent[..., :1]), speaker, excitation)
        return judge(made.wave, batch.speaker[drawn]).sum() / LISTENED_SHARE


class DecoderStep(nn.Module):
    """The decoder alone, for the adversarial phase: latents (B, F, L), speaker (B, S), excitation → sound."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        super().__init__()
        self.decoder = synthesizer.decoder

    def forward(self, latent: Tensor, speaker: Tensor, excitation: Excitation | None) -> Sound:
        """Decode segments."""
        return self.decoder(latent, torch.ones_like(latent[..., :1]), speaker, excitation)


def generator_terms(sound: SoundLosses, judge: Discriminators, made: Sound, real: Tensor) -> dict[str, Tensor]:
    """What the decoder minimises in the adversarial phase, summed over utterances."""
    scores, features = judge(made.wave)
    with torch.no_grad():
        _, real_features = judge(real)
    return {
        **sound(made, real),
        "adversarial": losses.adversarial_loss(scores).sum(),
        "feature_matching": losses.feature_matching_loss(real_features, features).sum(),
    }
