"""Encoding and decoding at lengths that are rounded up: what is padded is masked, and is not heard.

Letters: N tokens, F frames, both padded; H hidden, L latent, S speaker channels, T = F × hop samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from voiceloom_model.nn.decoder import Decoder
from voiceloom_model.nn.frames import expand
from voiceloom_model.nn.sound import Excitation, Sound
from voiceloom_model.nn.source import SourceDecoder
from voiceloom_model.nn.synthesizer import Synthesizer, length_mask


class Padded:
    """What `Synthesizer.encode` and `sound` compute, with the true lengths as inputs. One text at a time."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        self.synthesizer = synthesizer

    @property
    def can_sound(self) -> bool:
        """Whether padding can be silenced: a HiFi-GAN hears what its biases make of nothing."""
        return isinstance(self.synthesizer.decoder, (SourceDecoder, Decoder))

    def encode(
        self,
        tokens: Tensor,
        stress: Tensor,
        language: Tensor,
        speaker: Tensor,
        n_tokens: Tensor,
        noise: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """tokens, stress (1, N), language (1,), speaker (1, S), n_tokens (1,) → hidden (1, N, H), log frames (1, N).

        Stochastic durations want noise (1, N, 2). Past n_tokens both outputs are zero.
        """
        mask = length_mask(n_tokens, tokens.shape[1])
        hidden = self.synthesizer.text(tokens, stress, language, speaker, mask)
        return hidden, self.synthesizer.durations(hidden, mask, speaker, noise)

    def sound(
        self,
        encoded: Tensor,
        durations: Tensor,
        noise: Tensor,
        speaker: Tensor,
        start: Tensor,
        n_frames: Tensor,
        **excitation: Tensor,
    ) -> Sound:
        """encoded (1, N, H), durations (1, N), noise (1, F, L), speaker (1, S), start (), n_frames (1,) → sound.

        Padded tokens last zero frames. What is of the first n_frames frames is that of n_frames frames alone.
        """
        voice = self.synthesizer
        frames, positions = expand(encoded, durations, noise.shape[1], start)
        mask = length_mask(n_frames, noise.shape[1])
        mean, log_std, _ = voice.prior(frames, positions, mask, speaker)
        latent = voice.flow.reverse(mean + noise * log_std.exp(), mask, speaker)
        if isinstance(voice.decoder, SourceDecoder):
            filters, octaves = voice.decoder.controls(latent, mask, speaker)
            wave, f0, cycles = voice.decoder.head(filters, octaves, Excitation(**excitation), mask)
            return Sound(wave, octaves, f0, cycles)
        assert isinstance(voice.decoder, Decoder), "ask can_sound first"
        log_magnitude, phase = voice.decoder.stack(latent, mask, speaker).chunk(2, dim=-1)
        # A padded frame's magnitude would be exp(0), and the windows of the last frames overlap it.
        return Sound(voice.decoder.head(log_magnitude.masked_fill(mask == 0, -torch.inf), phase))
