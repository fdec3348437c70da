"""The voice: text encoder, durations, frame prior, flow, posterior and decoder, put together.

Letters: B batch, N tokens, F frames, H hidden, L latent, M mel bands, S speaker channels, T = F × hop samples.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from voiceloom_model.config import ModelConfig
from voiceloom_model.nn.decoder import Decoder
from voiceloom_model.nn.frames import Flow, FramePrior, PosteriorEncoder, expand
from voiceloom_model.nn.text import DurationPredictor, TextEncoder


class Batch(NamedTuple):
    """Utterances of one training step, zero-padded.

    tokens, stress, durations (B, N) int64; n_tokens, n_frames, language (B,) int64; mel (B, F, M);
    wave (B, F × hop); speaker (B, S). Durations are whole frames per token and sum to n_frames.
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


class Outputs(NamedTuple):
    """What one training pass computes: inputs of the losses. Masks are (B, N, 1) and (B, F, 1), mels normalised."""

    token_mask: Tensor
    frame_mask: Tensor
    mel: Tensor
    log_durations: Tensor
    prior_mean: Tensor
    prior_log_std: Tensor
    prior_mel: Tensor
    posterior_mean: Tensor
    posterior_log_std: Tensor
    latent: Tensor
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
        self.text = TextEncoder(config)
        self.durations = DurationPredictor(config)
        self.prior = FramePrior(config)
        self.posterior = PosteriorEncoder(config)
        self.flow = Flow(config)
        self.decoder = Decoder(config)

    @classmethod
    def from_folder(cls, folder: Path) -> Synthesizer:
        """Load `config.json` and `model.safetensors` of a checkpoint folder, in evaluation mode."""
        from safetensors.torch import load_file

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        model = cls(ModelConfig(**config["model"]))
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model.eval()

    def encode(self, tokens: Tensor, stress: Tensor, language: Tensor, speaker: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and stress (B, N), language (B,), speaker (B, S), unpadded → hidden (B, N, H), log frames (B, N)."""
        mask = torch.ones_like(tokens, dtype=torch.float32).unsqueeze(-1)
        hidden = self.text(tokens, stress, language, speaker, mask)
        return hidden, self.durations(hidden, mask, speaker)

    def decode(self, encoded: Tensor, durations: Tensor, noise: Tensor, speaker: Tensor) -> Tensor:
        """Hidden (B, N, H), whole frames per token (B, N), noise (B, F, L), speaker (B, S) → wave (B, T).

        F must be the sum of the durations; the noise's scale is its temperature.
        """
        frames, positions = expand(encoded, durations, noise.shape[1])
        mask = torch.ones_like(noise[..., :1])
        mean, log_std, _ = self.prior(frames, positions, mask, speaker)
        latent = self.flow.reverse(mean + noise * log_std.exp(), mask, speaker)
        return self.decoder(latent, mask, speaker)

    def forward(self, batch: Batch, noise: Tensor) -> Outputs:
        """One training pass; noise (B, F, L) samples the posterior."""
        token_mask = length_mask(batch.n_tokens, batch.tokens.shape[1])
        frame_mask = length_mask(batch.n_frames, batch.mel.shape[1])
        hidden = self.text(batch.tokens, batch.stress, batch.language, batch.speaker, token_mask)
        mel = self.normalise(batch.mel) * frame_mask
        log_durations = self.durations(hidden.detach(), token_mask, batch.speaker)
        frames, positions = expand(hidden, batch.durations, batch.mel.shape[1])
        prior_mean, prior_log_std, prior_mel = self.prior(
            frames * frame_mask, positions * frame_mask, frame_mask, batch.speaker
        )
        mean, log_std = self.posterior(mel, frame_mask, batch.speaker)
        latent = (mean + noise * log_std.exp()) * frame_mask
        return Outputs(
            token_mask=token_mask,
            frame_mask=frame_mask,
            mel=mel,
            log_durations=log_durations,
            prior_mean=prior_mean,
            prior_log_std=prior_log_std,
            prior_mel=prior_mel,
            posterior_mean=mean,
            posterior_log_std=log_std,
            latent=latent,
            prior_latent=self.flow(latent, frame_mask, batch.speaker),
        )

    def normalise(self, mel: Tensor) -> Tensor:
        """Log mel (B, F, M) → zero mean and unit variance per band over the training data."""
        return (mel - self.mel_mean) / self.mel_std
