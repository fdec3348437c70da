"""A voice as one graph with the inputs of a Piper voice: espeak-ng's phonemes in, sound out.

Letters: P ids of a Piper client, N tokens, F frames, L latent, S speaker channels, K speakers, T samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from voiceloom_model.export.espeak import Rewriting
from voiceloom_model.nn.sound import Excitation
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.nn.text import whole_durations
from voiceloom_model.text.symbols import PAD_ID, STRESS_MARKS, SYMBOLS

#: What Piper's clients send when nobody asks for another noise; some do so whatever the voice's JSON says.
NOISE_SCALE, DURATION_NOISE_SCALE = 0.667, 0.8

_N_SYMBOLS = len(SYMBOLS)
_SLOTS = 2


@dataclass(frozen=True)
class Manner:
    """Who speaks and how: speaker vectors (K, S), language id, layout, and the noise that Piper's defaults mean."""

    speakers: Tensor
    language: int
    layout: str
    noise_scale: float
    duration_noise_scale: float


class PiperGraph(nn.Module):
    """input (1, P), input_lengths (1,), scales (3,), sid (1,) → output (1, 1, 1, T), frames of every id (1, P).

    `scales` are those of the noise, of all lengths and of the durations' noise; `sid` is a row of the speakers.
    The noise is drawn inside and has no seed, as in Piper's own graphs; a breath sounds as loud at any scale of it.
    """

    symbols: Tensor
    kept: Tensor
    audible: Tensor
    marks: Tensor
    speakers: Tensor

    def __init__(self, synthesizer: Synthesizer, rewriting: Rewriting, manner: Manner) -> None:
        super().__init__()
        self.synthesizer, self.manner = synthesizer, manner
        symbols, kept, audible = _tables(rewriting)
        self.register_buffer("symbols", symbols)
        self.register_buffer("kept", kept)
        self.register_buffer("audible", audible)
        self.register_buffer("marks", _marks())
        self.register_buffer("speakers", manner.speakers.float())

    def forward(
        self, ids: Tensor, lengths: Tensor, scales: Tensor, speaker_id: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Speak."""
        speaker = self.speakers[:1] if speaker_id is None else self.speakers[speaker_id]
        language = torch.full((1,), self.manner.language)
        tokens, stress, places = self.tokens(ids, lengths)
        noise = self._duration_noise(tokens) * scales[2] * (self.manner.duration_noise_scale / DURATION_NOISE_SCALE)
        encoded, log_durations = self.synthesizer.encode(tokens, stress, language, speaker, noise)
        durations = whole_durations(log_durations + scales[1].log())
        drawn, excitation = self._noise(durations)
        noise = drawn * scales[0] * (self.manner.noise_scale / NOISE_SCALE)
        wave = self.synthesizer.decode(encoded, durations, noise, speaker, 0, excitation).clamp(-1, 1)
        frames = torch.zeros_like(ids).scatter_add(1, places, durations)
        return wave[:, None, None], frames.float()

    def tokens(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """ids (1, P), how many of them count (1,) → tokens, stress, the place of each in ids: all (1, N)."""
        row = ids[0]
        places = _where(self.audible[row] & (torch.arange(row.shape[0]) < lengths))
        heard = row[places]
        edge = torch.full((1,), PAD_ID)
        before, after = torch.cat([edge, heard[:-1]]), torch.cat([heard[1:], edge])
        symbols = self.symbols[heard, after].long() * self.kept[before, heard].long().unsqueeze(1)
        symbols, places = symbols.flatten(), places.unsqueeze(1).expand(-1, _SLOTS).flatten()
        written = _where(symbols != PAD_ID)
        tokens, stress, places = self._laid_out(symbols[written], places[written])
        return tokens.unsqueeze(0), stress.unsqueeze(0), places.unsqueeze(0)

    def _laid_out(self, symbols: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `text.layout` lays them out: stress on the token after its mark, or all apart by pads."""
        if self.manner.layout == "spread":
            tokens = torch.stack([symbols, torch.full_like(symbols, PAD_ID)], dim=1).flatten()[:-1]
            return tokens, torch.zeros_like(tokens), places.unsqueeze(1).expand(-1, 2).flatten()[:-1]
        levels = self.marks[symbols]
        stress = torch.cat([torch.zeros_like(levels[:1]), levels[:-1]])
        sounds = _where(levels == 0)
        return symbols[sounds], stress[sounds], places[sounds]

    def _duration_noise(self, tokens: Tensor) -> Tensor:
        """Normal noise (1, N, D), D = 0 for durations that want none."""
        size = self.synthesizer.durations.noise_size
        return torch.randn_like(tokens.unsqueeze(-1).expand(-1, -1, size).float())

    def _noise(self, durations: Tensor) -> tuple[Tensor, Excitation | None]:
        """Normal noise (1, F, L) for whole durations (1, N), and the excitation of a source and filters."""
        config = self.synthesizer.config
        n_frames: Any = durations.sum()  # a tensor: as a number it would be the example's in the graph
        frames = torch.arange(n_frames).view(1, -1, 1).float()
        noise = torch.randn_like(frames.expand(-1, -1, config.latent))
        if config.decoder != "source":
            return noise, None
        breath = torch.randn_like(frames.expand(-1, -1, config.hop_length)).flatten(1)
        return noise, Excitation(breath, torch.zeros(1), torch.tensor(0), torch.zeros_like(frames[..., 0]))


def _where(chosen: Tensor) -> Tensor:
    """The indices at which (M,) is true."""
    return chosen.nonzero().squeeze(1)


def _tables(rewriting: Rewriting) -> tuple[Tensor, Tensor, Tensor]:
    """What a symbol becomes before another (n, n, 2), whether it stays after another (n, n), and whether it is heard.

    One that is not heard, such as a blank, is passed over: its neighbours become each other's.
    """
    symbols = torch.zeros(_N_SYMBOLS, _N_SYMBOLS, _SLOTS, dtype=torch.uint8)
    kept = torch.ones(_N_SYMBOLS, _N_SYMBOLS, dtype=torch.uint8)
    for one, new in rewriting.one.items():
        symbols[SYMBOLS[one]] = _slots(new)
    for (one, after), new in rewriting.two.items():
        symbols[SYMBOLS[one], SYMBOLS[after]] = _slots(new)
        kept[SYMBOLS[one], SYMBOLS[after]] = 0
    in_pairs = [SYMBOLS[symbol] for pair in rewriting.two for symbol in pair]
    audible = (symbols != PAD_ID).flatten(1).any(dim=1)
    audible[in_pairs] = True
    audible[PAD_ID] = False
    return symbols, kept, audible


def _slots(new: str) -> Tensor:
    return torch.tensor([SYMBOLS[symbol] for symbol in new] + [PAD_ID] * (_SLOTS - len(new)), dtype=torch.uint8)


def _marks() -> Tensor:
    """The stress that a symbol puts on the next, (n,); 0 for what is no mark."""
    marks = torch.zeros(_N_SYMBOLS, dtype=torch.long)
    for mark, level in STRESS_MARKS.items():
        marks[SYMBOLS[mark]] = level
    return marks
