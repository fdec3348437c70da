"""The text encoder of VITS: a transformer that knows how far apart two tokens are, within a window.

Letters: B batch, N tokens, H hidden channels, A attention heads, D = H / A, W window, S speaker channels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voiceloom_model.config import ModelConfig
from voiceloom_model.nn.text import N_STRESS


class RelativeTextEncoder(nn.Module):
    """Tokens (B, N), stress (B, N), language (B,), speaker (B, S), mask (B, N, 1) → hidden (B, N, H).

    Published voices know neither stress nor languages: these tables start at zero. The speaker is not heard here.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.scale = math.sqrt(config.hidden)
        self.symbols = nn.Embedding(config.n_symbols, config.hidden)
        self.stress = nn.Embedding(N_STRESS, config.hidden)
        self.languages = nn.Embedding(config.n_languages, config.hidden)
        nn.init.normal_(self.symbols.weight, std=config.hidden**-0.5)
        nn.init.zeros_(self.stress.weight)
        nn.init.zeros_(self.languages.weight)
        self.layers = nn.ModuleList(RelativeLayer(config) for _ in range(config.vits.text_layers))

    def forward(self, tokens: Tensor, stress: Tensor, language: Tensor, speaker: Tensor, mask: Tensor) -> Tensor:
        """Encode every token in its context."""
        x = self.symbols(tokens) * self.scale + self.stress(stress) + self.languages(language).unsqueeze(1)
        x = x * mask
        for layer in self.layers:
            x = layer(x, mask)
        return x * mask


class RelativeLayer(nn.Module):
    """Attention and a convolutional network, each normalised after its residual: (B, N, H), (B, N, 1) → (B, N, H)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention = RelativeAttention(config.hidden, config.text_heads, config.vits.text_window, config.dropout)
        self.attention_norm = nn.LayerNorm(config.hidden)
        self.feed_forward = ConvFeedForward(config)
        self.feed_forward_norm = nn.LayerNorm(config.hidden)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """One layer of the encoder."""
        x = self.attention_norm(x + self.dropout(self.attention(x, mask)))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x, mask)))


class RelativeAttention(nn.Module):
    """Self-attention with relative positions (Shaw et al. 2018): (B, N, H), (B, N, 1) → (B, N, H)."""

    def __init__(self, channels: int, heads: int, window: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.queries, self.keys, self.values = (nn.Linear(channels, channels) for _ in range(3))
        self.out = nn.Linear(channels, channels)
        for projection in (self.queries, self.keys, self.values):
            nn.init.xavier_uniform_(projection.weight)
        per_head = channels // heads
        self.relative_keys = nn.Parameter(torch.randn(2 * window + 1, per_head) * per_head**-0.5)
        self.relative_values = nn.Parameter(torch.randn(2 * window + 1, per_head) * per_head**-0.5)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attend to all real positions."""
        queries, keys, values = (self._split(part(x)) for part in (self.queries, self.keys, self.values))
        queries = queries * queries.shape[-1] ** -0.5
        scores = queries @ keys.transpose(-1, -2) + by_key(queries @ self.relative_keys.T, self.window)
        scores = scores.masked_fill(mask.transpose(1, 2).unsqueeze(1) == 0, -1e4)
        weights = self.dropout(scores.softmax(dim=-1))  # (B, A, N, N)
        mixed = weights @ values + by_distance(weights, self.window) @ self.relative_values
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        """(B, N, H) → (B, A, N, D)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def by_key(scores: Tensor, window: int) -> Tensor:
    """Scores per distance -W … W (…, N, 2W + 1) → scores per key (…, N, N), zero beyond the window.

    One more zero in each row than its stride has moves row n by n places: the diagonal becomes a band.
    """
    n = scores.shape[-2]
    flat = F.pad(scores, (0, n)).flatten(-2)[..., :-n]
    return flat.reshape(*flat.shape[:-1], n, n + 2 * window)[..., window : window + n]


def by_distance(weights: Tensor, window: int) -> Tensor:
    """Weights per key (…, N, N) → weights per distance -W … W (…, N, 2W + 1): what `by_key` undoes."""
    n = weights.shape[-1]
    flat = F.pad(F.pad(weights, (window, window)).flatten(-2), (0, n))
    return flat.reshape(*flat.shape[:-1], n, n + 2 * window + 1)[..., : 2 * window + 1]


class ConvFeedForward(nn.Module):
    """Two convolutions over tokens with a ReLU between: (B, N, H), (B, N, 1) → (B, N, H)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        kernel, inner = config.vits.text_ffn_kernel, config.vits.text_ffn
        self.margins = ((kernel - 1) // 2, kernel // 2)
        self.enter = nn.Conv1d(config.hidden, inner, kernel)
        self.leave = nn.Conv1d(inner, config.hidden, kernel)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Transform every token with its neighbours."""
        x, mask = x.transpose(1, 2), mask.transpose(1, 2)  # (B, H, N)
        x = self.dropout(self.enter(F.pad(x * mask, self.margins)).relu())
        x = self.leave(F.pad(x * mask, self.margins))
        return (x * mask).transpose(1, 2)
