"""Which parts a voice is made of, and their sizes. One frozen record; everything else is derived from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: What each part of a voice may be; the first is the default. All of a kind keep one tensor contract.
PARTS: dict[str, tuple[str, ...]] = {
    "text_encoder": ("rotary", "relative"),
    "duration": ("deterministic", "stochastic", "convolutional"),
    "prior": ("frames", "tokens"),
    "posterior": ("convnext", "wavenet"),
    "flow": ("convnext", "wavenet"),
    "decoder": ("source", "istft", "hifigan"),
    "alignment": ("flat_start", "mel", "latent"),
    "layout": ("compact", "spread"),
}

#: The choices that together are VITS as published (Kim et al. 2021), and as Piper and MMS have it.
VITS_PARTS = {
    "text_encoder": "relative",
    "duration": "stochastic",
    "prior": "tokens",
    "posterior": "wavenet",
    "flow": "wavenet",
    "decoder": "hifigan",
    "alignment": "latent",
    "layout": "spread",
}


@dataclass(frozen=True)
class VitsSizes:
    """Sizes that only the parts of VITS have; the defaults are the paper's (Kim et al. 2021, appendix B)."""

    text_layers: int = 6
    text_window: int = 4
    text_ffn: int = 768
    text_ffn_kernel: int = 3
    posterior_layers: int = 16
    flow_layers: int = 4
    wavenet_kernel: int = 5
    wavenet_dilation_rate: int = 1
    duration_kernel: int = 3
    duration_flows: int = 4
    duration_bins: int = 10
    duration_tail: float = 5.0
    duration_channels: int = 256
    upsample_rates: tuple[int, ...] = (8, 8, 2, 2)
    upsample_kernels: tuple[int, ...] = (16, 16, 4, 4)
    upsample_channels: int = 512
    resblock: int = 1
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    leaky_slope: float = 0.1

    @classmethod
    def from_dict(cls, values: Mapping) -> VitsSizes:
        """From plain values, lists for tuples, as `config.json` holds them."""
        return cls(**{name: _tuples(value) for name, value in values.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, (list, tuple)) else value


@dataclass(frozen=True)
class ModelConfig:
    """The parts of a voice, their widths and depths. `latent` must be even: a coupling layer splits it in two.

    `n_speakers` is the size of the learned table on top of the speaker vectors; 0 for none.
    """

    n_symbols: int
    n_languages: int
    n_mels: int = 80
    n_fft: int = 1024
    hop_length: int = 256
    sample_rate_hz: int = 16000
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
    n_speakers: int = 0
    text_encoder: str = "rotary"
    duration: str = "deterministic"
    prior: str = "frames"
    posterior: str = "convnext"
    flow: str = "convnext"
    decoder: str = "source"
    alignment: str = "flat_start"
    layout: str = "compact"
    vits: VitsSizes = field(default_factory=VitsSizes)

    def __post_init__(self) -> None:
        for part, choices in PARTS.items():
            if getattr(self, part) not in choices:
                raise ValueError(f"there is no {part} {getattr(self, part)!r}; there are: {', '.join(choices)}")
        if self.latent % 2:
            raise ValueError(f"latent {self.latent} must be even")
        if self.hidden % (2 * self.text_heads):
            raise ValueError(f"hidden {self.hidden} must be divisible by twice the {self.text_heads} text heads")
        if self.n_fft % self.hop_length:
            raise ValueError(f"hop_length {self.hop_length} does not divide n_fft {self.n_fft}")
        if self.decoder == "source" and self.hop_length % 4:
            raise ValueError(f"hop_length {self.hop_length} must be a multiple of 4 for the decoder 'source'")

    @classmethod
    def from_dict(cls, values: Mapping) -> ModelConfig:
        """From the plain values of `config.json`."""
        return cls(**{**values, "vits": VitsSizes.from_dict(values.get("vits", {}))})

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
