"""The voice: text encoder, durations, prior, flow, posterior and decoder, put together as the config says.

Letters: B batch, N tokens, F frames, H hidden, L latent, M mel bands, S speaker channels, T = F × hop samples.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from voiceloom_model.config import ModelConfig
from voiceloom_model.nn.aligner import Aligner, best_path, log_likelihood
from voiceloom_model.nn.decoder import Decoder
from voiceloom_model.nn.frames import Flow, FramePrior, LatentMel, PosteriorEncoder, expand
from voiceloom_model.nn.sound import Excitation, Sound
from voiceloom_model.nn.source import SourceDecoder
from voiceloom_model.nn.spectral import LinearSpectrum
from voiceloom_model.nn.text import DurationPredictor, TextEncoder
from voiceloom_model.nn.vits.durations import ConvolutionalDurations, StochasticDurations
from voiceloom_model.nn.vits.frames import TokenPrior, WavenetFlow, WavenetPosterior
from voiceloom_model.nn.vits.hifigan import HifiGan
from voiceloom_model.nn.vits.text import RelativeTextEncoder

TEXT_ENCODERS = {"rotary": TextEncoder, "relative": RelativeTextEncoder}
DURATIONS = {
    "deterministic": DurationPredictor,
    "stochastic": StochasticDurations,
    "convolutional": ConvolutionalDurations,
}
PRIORS = {"frames": FramePrior, "tokens": TokenPrior}
POSTERIORS = {"convnext": PosteriorEncoder, "wavenet": WavenetPosterior}
FLOWS = {"convnext": Flow, "wavenet": WavenetFlow}
DECODERS = {"source": SourceDecoder, "istft": Decoder, "hifigan": HifiGan}


class Batch(NamedTuple):
    """Utterances of one training step, zero-padded.

    tokens, stress, durations (B, N) int64; n_tokens, n_frames, language, speaker_id (B,) int64; mel (B, F, M);
    wave (B, F × hop); speaker (B, S); f0 (B, F) in Hz, drawn through where there is no voice; voiced (B, F),
    1 or 0. Durations are whole frames per token and sum to n_frames; a network that
    aligns by itself ignores them. Speaker 0 is nobody whom the table knows.
    """

    tokens: Tensor
    stress: Tensor
    durations: Tensor
    n_tokens: Tensor
    language: Tensor
    mel: Tensor
    n_frames: Tensor
    wave: Tensor
    speaker: Tensor
    speaker_id: Tensor
    f0: Tensor
    voiced: Tensor


class Outputs(NamedTuple):
    """What one training pass computes: inputs of the losses. Masks are (B, N, 1) and (B, F, 1), mels normalised.

    `durations` (B, N) are those the pass went by, `duration` (B,) and `align` (B,) losses summed over tokens and
    frames; `prior_mel`, `latent_mel` and `align` are None where the network has no such part.
    """

    token_mask: Tensor
    frame_mask: Tensor
    mel: Tensor
    speaker: Tensor
    durations: Tensor
    duration: Tensor
    align: Tensor | None
    prior_mean: Tensor
    prior_log_std: Tensor
    prior_mel: Tensor | None
    posterior_mean: Tensor
    posterior_log_std: Tensor
    latent: Tensor
    latent_mel: Tensor | None
    prior_latent: Tensor


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """(B,) lengths → (B, size, 1) float mask."""
    return (torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)).unsqueeze(-1).float()


class Synthesizer(nn.Module):
    """A voice. `forward` is one training pass; `encode` and `decode` are what ships."""

    mel_mean: Tensor
    mel_std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mel_mean", torch.zeros(config.n_mels))
        self.register_buffer("mel_std", torch.ones(config.n_mels))
        self.text = TEXT_ENCODERS[config.text_encoder](config)
        self.durations = DURATIONS[config.duration](config)
        self.prior = PRIORS[config.prior](config)
        self.posterior = POSTERIORS[config.posterior](config)
        self.flow = FLOWS[config.flow](config)
        self.decoder = DECODERS[config.decoder](config)
        self.latent_mel = LatentMel(config) if config.decoder == "source" else None
        self.spectrum = LinearSpectrum(config.n_fft, config.hop_length) if self.posterior.reads == "linear" else None
        self.aligner = Aligner(config) if _aligns_by_a_head(config) else None
        self.speakers = _speaker_table(config) if config.n_speakers else None

    @classmethod
    def from_folder(cls, folder: Path) -> Synthesizer:
        """Load `config.json` and `model.safetensors` of a checkpoint folder, in evaluation mode."""
        from safetensors.torch import load_file

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        model = cls(ModelConfig.from_dict(config["model"]))
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model.eval()

    def encode(
        self, tokens: Tensor, stress: Tensor, language: Tensor, speaker: Tensor, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Tokens and stress (B, N), language (B,), speaker (B, S), unpadded → hidden (B, N, H), log frames (B, N).

        Stochastic durations want noise (B, N, 2); its scale is their temperature.
        """
        mask = torch.ones_like(tokens, dtype=torch.float32).unsqueeze(-1)
        hidden = self.text(tokens, stress, language, speaker, mask)
        return hidden, self.durations(hidden, mask, speaker, noise)

    def decode(
        self,
        encoded: Tensor,
        durations: Tensor,
        noise: Tensor,
        speaker: Tensor,
        start: int | Tensor = 0,
        excitation: Excitation | None = None,
    ) -> Tensor:
        """The wave (B, T) of `sound`."""
        return self.sound(encoded, durations, noise, speaker, start, excitation).wave

    def sound(
        self,
        encoded: Tensor,
        durations: Tensor,
        noise: Tensor,
        speaker: Tensor,
        start: int | Tensor = 0,
        excitation: Excitation | None = None,
    ) -> Sound:
        """Hidden (B, N, H), whole frames per token (B, N), noise (B, F, L), speaker (B, S), excitation → sound.

        It is that of frames `start` … `start` + F of all that the durations make, as if nothing were on
        either side; see `context_frames`. The noise's scale is its temperature.
        """
        frames, positions = expand(encoded, durations, noise.shape[1], start)
        mask = torch.ones_like(noise[..., :1])
        mean, log_std, _ = self.prior(frames, positions, mask, speaker)
        latent = self.flow.reverse(mean + noise * log_std.exp(), mask, speaker)
        return self.decoder(latent, mask, speaker, excitation)

    def speaker_vector(self, vector: Tensor, speaker_id: Tensor) -> Tensor:
        """The vector (B, S) that stands for a speaker everywhere: their d-vector, and what the table adds to it."""
        return vector if self.speakers is None else vector + self.speakers(speaker_id)

    def sample_posterior(self, batch: Batch, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Latent, mean and log std (B, F, L) of the recordings; noise (B, F, L)."""
        mask = length_mask(batch.n_frames, batch.mel.shape[1])
        speaker = self.speaker_vector(batch.speaker, batch.speaker_id)
        spectrum = self.normalise(batch.mel) if self.spectrum is None else self.spectrum(batch.wave)
        mean, log_std = self.posterior(spectrum * mask, mask, speaker)
        return (mean + noise * log_std.exp()) * mask, mean, log_std

    def forward(self, batch: Batch, noise: Tensor, duration_noise: Tensor, diagonal: float = 0.0) -> Outputs:
        """One training pass; noise (B, F, L) samples the posterior, duration_noise (B, N, 2) the durations' bound.

        `diagonal` is how strongly a network that aligns by itself is held to even speech (see `best_path`).
        """
        token_mask = length_mask(batch.n_tokens, batch.tokens.shape[1])
        frame_mask = length_mask(batch.n_frames, batch.mel.shape[1])
        speaker = self.speaker_vector(batch.speaker, batch.speaker_id)
        hidden = self.text(batch.tokens, batch.stress, batch.language, speaker, token_mask)
        latent, mean, log_std = self.sample_posterior(batch, noise)
        prior_latent = self.flow(latent, frame_mask, speaker)
        mel = self.normalise(batch.mel) * frame_mask
        target = mel if self.config.alignment == "mel" else prior_latent
        durations, align = self._align(batch, hidden, target, (token_mask, frame_mask), diagonal)
        frames, positions = expand(hidden, durations, batch.mel.shape[1])
        prior_mean, prior_log_std, prior_mel = self.prior(
            frames * frame_mask, positions * frame_mask, frame_mask, speaker
        )
        return Outputs(
            token_mask=token_mask,
            frame_mask=frame_mask,
            mel=mel,
            speaker=speaker,
            durations=durations,
            duration=self.durations.loss(hidden.detach(), token_mask, speaker.detach(), durations, duration_noise),
            align=align,
            prior_mean=prior_mean,
            prior_log_std=prior_log_std,
            prior_mel=prior_mel,
            posterior_mean=mean,
            posterior_log_std=log_std,
            latent=latent,
            latent_mel=None if self.latent_mel is None else self.latent_mel(latent, frame_mask, speaker),
            prior_latent=prior_latent,
        )

    def normalise(self, mel: Tensor) -> Tensor:
        """Log mel (B, F, M) → zero mean and unit variance per band over the training data."""
        return (mel - self.mel_mean) / self.mel_std

    def _align(
        self, batch: Batch, hidden: Tensor, target: Tensor, masks: tuple[Tensor, Tensor], diagonal: float
    ) -> tuple[Tensor, Tensor | None]:
        """Whole frames per token (B, N): as given, by the aligner's head, or as VITS does by the tokens' own prior."""
        if self.config.alignment == "flat_start":
            return batch.durations, None
        if self.aligner is not None:
            return self.aligner(hidden, target, *masks, diagonal)
        mean, log_std, _ = self.prior(hidden, hidden, masks[0], batch.speaker)
        return best_path(log_likelihood(mean, log_std, target), *masks, diagonal), None


def context_frames(config: ModelConfig) -> int | None:
    """How many frames to either side the sound of a frame depends on; None where a part has no `reach`."""
    with torch.device("meta"):
        parts = [PRIORS[config.prior](config), FLOWS[config.flow](config), DECODERS[config.decoder](config)]
    reaches: list[Any] = [getattr(part, "reach", None) for part in parts]
    return None if None in reaches else sum(reaches)


def _aligns_by_a_head(config: ModelConfig) -> bool:
    """A prior that is computed for frames can say nothing of tokens before it knows their frames."""
    by_its_prior = config.prior == "tokens" and config.alignment == "latent"
    return config.alignment != "flat_start" and not by_its_prior


def _speaker_table(config: ModelConfig) -> nn.Embedding:
    """What is learned of each known speaker on top of their vector, (n_speakers + 1, S); row 0 stays zero."""
    table = nn.Embedding(config.n_speakers + 1, config.speaker_size, padding_idx=0)
    nn.init.zeros_(table.weight)
    return table
