"""The size of the network. One frozen record; everything else is derived from it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class ModelConfig:
    """Widths and depths of a voice. `latent` must be even: a coupling layer splits it in two."""

    n_symbols: int
    n_languages: int
    n_mels: int = 80
    n_fft: int = 1024
    hop_length: int = 256
    speaker_size: int = 256
    hidden: int = 192
    latent: int = 96
    text_blocks: int = 4
    text_heads: int = 2
    duration_blocks: int = 2
    posterior_blocks: int = 4
    prior_blocks: int = 4
    flow_couplings: int = 4
    flow_blocks: int = 1
    decoder_width: int = 256
    decoder_blocks: int = 8
    kernel_size: int = 7
    expansion: int = 4
    dropout: float = 0.1
    discriminator_width: int = 16

    def __post_init__(self) -> None:
        if self.latent % 2:
            raise ValueError(f"latent {self.latent} must be even")
        if self.hidden % (2 * self.text_heads):
            raise ValueError(f"hidden {self.hidden} must be divisible by twice the {self.text_heads} text heads")
        if self.n_fft % self.hop_length:
            raise ValueError(f"hop_length {self.hop_length} does not divide n_fft {self.n_fft}")

    def to_dict(self) -> dict:
        """Plain values, for `config.json`."""
        return dataclasses.asdict(self)


#: What each named size changes; `small` is the default and speaks with about 10 M parameters.
SIZES: dict[str, dict] = {
    "tiny": {
        "hidden": 64,
        "latent": 32,
        "text_blocks": 2,
        "duration_blocks": 1,
        "posterior_blocks": 2,
        "prior_blocks": 2,
        "flow_couplings": 2,
        "decoder_width": 64,
        "decoder_blocks": 3,
        "discriminator_width": 4,
    },
    "small": {},
    "base": {
        "hidden": 256,
        "latent": 128,
        "text_blocks": 6,
        "text_heads": 4,
        "posterior_blocks": 6,
        "prior_blocks": 6,
        "flow_blocks": 2,
        "decoder_width": 384,
    },
}


def model_config(size: str, **given) -> ModelConfig:
    """The configuration of a named size, with the given fields set."""
    if size not in SIZES:
        raise ValueError(f"there is no model size {size!r}; the sizes are: {', '.join(SIZES)}")
    return ModelConfig(**{**SIZES[size], **given})
