"""What training is measured against: one step of VITS as published (Kim et al. 2021), with HiFi-GAN's discriminators.

The network is our own classical parts at the paper's sizes. The step is given what ours has too: folded weight norms
where the network speaks, fused AdamW, discriminators that stand still while the generator learns. So it is faster than
the published program, never slower.

Letters: B batch, T samples, P period, C channels.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from voiceloom_model import losses
from voiceloom_model.config import VITS_PARTS, ModelConfig, model_config
from voiceloom_model.features import MelConfig
from voiceloom_model.nn.discriminators import PERIODS, SLOPE, fold
from voiceloom_model.nn.spectral import LogMel
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.training.phases import Micro
from voiceloom_model.training.steps import cut_segments

LATENT = 192
LEARNING_RATE, BETAS = 2e-4, (0.8, 0.99)
MEL_WEIGHT, FEATURE_WEIGHT = 45.0, 2.0
PERIOD_WIDTHS = (1, 32, 128, 512, 1024, 1024)
#: HiFi-GAN's multi-scale discriminator: channels out, kernel, stride, groups; and on how many scales it listens.
HIFIGAN_SCALE = ((128, 15, 1, 1), (128, 41, 2, 4), (256, 41, 2, 16), (512, 41, 4, 16), (1024, 41, 4, 16),
                 (1024, 41, 1, 16), (1024, 5, 1, 1))  # fmt: skip
HIFIGAN_SCALES = 3
#: The slimmer one, on the waveform alone, that the program published with VITS has.
VITS_SCALE = ((16, 15, 1, 1), (64, 41, 4, 4), (256, 41, 4, 16), (1024, 41, 4, 64), (1024, 41, 4, 256), (1024, 5, 1, 1))


class Layers(nn.Module):
    """Convolutions with a score at the end: (B, 1, …) → score, features of every layer."""

    def __init__(self, convs: list[nn.Module]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(convs)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The score counts as a feature, as published."""
        features = []
        for conv in self.convs[:-1]:
            x = F.leaky_relu(conv(x), SLOPE)
            features.append(x)
        x = self.convs[-1](x)
        return x.flatten(1), [*features, x]


def period_layers() -> Layers:
    """One period of HiFi-GAN's multi-period discriminator."""
    strides = [3] * (len(PERIOD_WIDTHS) - 2) + [1]
    convs = [
        nn.Conv2d(a, b, (5, 1), (stride, 1), (2, 0))
        for (a, b), stride in zip(pairwise(PERIOD_WIDTHS), strides, strict=True)
    ]
    return Layers([weight_norm(conv) for conv in [*convs, nn.Conv2d(PERIOD_WIDTHS[-1], 1, (3, 1), 1, (1, 0))]])


def scale_layers(sizes: tuple[tuple[int, int, int, int], ...], first: bool) -> Layers:
    """One scale; the first of several is held by its spectral norm."""
    norm = spectral_norm if first else weight_norm
    widths = [1, *(width for width, *_ in sizes)]
    convs = [
        nn.Conv1d(before, width, kernel, stride, kernel // 2, groups=groups)
        for before, (width, kernel, stride, groups) in zip(widths[:-1], sizes, strict=True)
    ]
    return Layers([norm(conv) for conv in [*convs, nn.Conv1d(widths[-1], 1, 3, 1, 1)]])


class Judges(nn.Module):
    """Waves (B, T) → scores, lists of features, of all periods and scales. `slim`: the scale of VITS, not HiFi-GAN."""

    def __init__(self, slim: bool) -> None:
        super().__init__()
        self.periods = nn.ModuleList(period_layers() for _ in PERIODS)
        sizes, count = (VITS_SCALE, 1) if slim else (HIFIGAN_SCALE, HIFIGAN_SCALES)
        self.scales = nn.ModuleList(scale_layers(sizes, first=not slim and i == 0) for i in range(count))

    def forward(self, wave: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Judge waveforms."""
        judged = [layers(fold(wave, period)) for layers, period in zip(self.periods, PERIODS, strict=True)]
        scaled = wave.unsqueeze(1)
        for layers in self.scales:
            judged.append(layers(scaled))
            scaled = F.avg_pool1d(scaled, 4, 2, 2)
        scores, features = zip(*judged, strict=True)
        return list(scores), list(features)


def vits_config(n_symbols: int, n_languages: int, mel: MelConfig) -> ModelConfig:
    """VITS at the paper's sizes."""
    sizes = {"hidden": 192, "latent": LATENT, "text_heads": 2}
    framing = {"n_mels": mel.n_mels, "n_fft": mel.n_fft, "hop_length": mel.hop_length}
    return model_config("small", n_symbols=n_symbols, n_languages=n_languages, **sizes, **framing, **VITS_PARTS)


class VitsStep:
    """A whole training step: alignment search, all losses, both updates."""

    def __init__(
        self, fabric: Fabric, config: ModelConfig, mel: MelConfig, segment_frames: int, slim: bool = False
    ) -> None:
        self.fabric, self.config, self.segment_frames = fabric, config, segment_frames
        network, judges = Synthesizer(config), Judges(slim)
        self.network, self.optimizer = fabric.setup(network, self._adamw(network))
        self.judges, self.judge_optimizer = fabric.setup(judges, self._adamw(judges))
        self.log_mel = LogMel(mel).to(fabric.device)

    @staticmethod
    def _adamw(module: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, betas=BETAS, weight_decay=0.01, fused=True)

    def advance(self, part: Micro) -> dict[str, Tensor]:
        """One update of the discriminators, one of the generator; the loss terms."""
        batch, draws, counts = part
        outputs = self.network(batch, draws.posterior_noise, draws.duration_noise)
        hop = self.config.hop_length
        real = cut_segments(batch.wave, draws.starts * hop, self.segment_frames * hop)
        latent = cut_segments(outputs.latent, draws.starts, self.segment_frames)
        with self.fabric.autocast():
            made = self.network.decoder(latent, torch.ones_like(latent[..., :1]), outputs.speaker).wave.float()
        judged = self._teach_judges(real, made.detach())
        terms = {**losses.text_losses(outputs, counts), **self._sound_terms(real, made)}
        weights = {"mel": MEL_WEIGHT, "feature_matching": FEATURE_WEIGHT}
        self.fabric.backward(torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum())
        self._update(self.network, self.optimizer)
        return {**terms, "discriminator": judged}

    def _teach_judges(self, real: Tensor, made: Tensor) -> Tensor:
        self.judges.requires_grad_(True)
        scores, _ = self.judges(torch.cat([real, made]))
        of_real, of_made = zip(*(score.chunk(2) for score in scores), strict=True)
        loss = losses.discriminator_loss(of_real, of_made).mean()
        self.fabric.backward(loss)
        self._update(self.judges, self.judge_optimizer)
        return loss.detach()

    def _sound_terms(self, real: Tensor, made: Tensor) -> dict[str, Tensor]:
        self.judges.requires_grad_(False)
        scores, features = self.judges(made)
        with torch.no_grad():
            _, real_features = self.judges(real)
        return {
            "mel": (self.log_mel(made) - self.log_mel(real)).abs().mean(),
            "adversarial": losses.adversarial_loss(scores).mean(),
            "feature_matching": losses.feature_matching_loss(real_features, features).mean(),
        }

    @staticmethod
    def _update(module: nn.Module, optimizer) -> None:
        nn.utils.clip_grad_norm_(module.parameters(), 1e6)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
