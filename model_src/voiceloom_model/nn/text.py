"""From phoneme tokens to what they sound like on average, and how long they last.

Letters: B batch, N tokens, H hidden channels, M mel bands, S speaker channels.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from voiceloom_model.config import ModelConfig
from voiceloom_model.nn.layers import ConvNextBlock, ConvNextStack, RotaryAttention

N_STRESS = 3


def block_options(config: ModelConfig) -> dict:
    """What every ConvNeXt block of a voice shares."""
    return {
        "speaker_size": config.speaker_size,
        "kernel_size": config.kernel_size,
        "expansion": config.expansion,
    }


class TextEncoder(nn.Module):
    """Tokens (B, N), stress (B, N), language (B,), speaker (B, S), mask (B, N, 1) → hidden (B, N, H)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.symbols = nn.Embedding(config.n_symbols, config.hidden)
        self.stress = nn.Embedding(N_STRESS, config.hidden)
        self.languages = nn.Embedding(config.n_languages, config.hidden)
        for table in (self.symbols, self.stress, self.languages):
            nn.init.normal_(table.weight, std=config.hidden**-0.5)
        options = {**block_options(config), "dropout": config.dropout}
        self.convolutions = nn.ModuleList(ConvNextBlock(config.hidden, **options) for _ in range(config.text_blocks))
        self.attentions = nn.ModuleList(
            RotaryAttention(config.hidden, config.text_heads, config.dropout) for _ in range(config.text_blocks)
        )
        self.norm = nn.LayerNorm(config.hidden)

    def forward(self, tokens: Tensor, stress: Tensor, language: Tensor, speaker: Tensor, mask: Tensor) -> Tensor:
        """Encode every token in its context."""
        x = self.symbols(tokens) + self.stress(stress) + self.languages(language).unsqueeze(1)
        x = x * mask
        for convolution, attention in zip(self.convolutions, self.attentions, strict=True):
            x = attention(convolution(x, mask, speaker), mask)
        return self.norm(x) * mask


class DurationPredictor(nn.Module):
    """Hidden (B, N, H), mask (B, N, 1), speaker (B, S) → natural log of frames per token (B, N).

    Deterministic; trained on log durations by squared error, as in FastSpeech 2 (Ren et al. 2021).
    """

    noise_size: ClassVar[int] = 0

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        options = {**block_options(config), "dropout": 2 * config.dropout}
        self.stack = ConvNextStack(config.hidden, config.hidden, 1, config.duration_blocks, options)

    def forward(self, hidden: Tensor, mask: Tensor, speaker: Tensor, noise: Tensor | None = None) -> Tensor:
        """Predict log durations; there is no noise in it."""
        return self.stack(hidden, mask, speaker).squeeze(-1)

    def loss(self, hidden: Tensor, mask: Tensor, speaker: Tensor, durations: Tensor, noise: Tensor) -> Tensor:
        """Squared error of the log of whole durations (B, N), summed over each row's tokens: (B,)."""
        error = self(hidden, mask, speaker).float() - durations.clamp(min=1).float().log()
        return (error.square() * mask.squeeze(-1)).sum(dim=1)


def whole_durations(log_durations: Tensor, speed: float = 1.0) -> Tensor:
    """Log frames (B, N) → whole frames (B, N) int64, at least one a token."""
    return (log_durations.float().exp() / speed).round().clamp(min=1).long()
