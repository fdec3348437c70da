"""The picture of a text said in training: the recording's mel and the voice's, each with its tokens' bounds."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from voiceloom_model.features import MelConfig
    from voiceloom_model.training.listening import Spoken


def draw(text: str, spoken: Spoken, config: MelConfig) -> bytes:
    """PNG: above the recording as the network aligns it, below what the voice makes of the text."""
    from matplotlib.figure import Figure

    from voiceloom_model.features import log_mel, pad_to_frames

    made = log_mel(pad_to_frames(spoken.wave, config), config)
    figure = Figure(figsize=(9, 4.2), dpi=80, layout="constrained")
    figure.suptitle(text, fontsize=9, parse_math=False)
    panels = (
        ("recording", np.asarray(spoken.utterance.mel, np.float32).T, spoken.aligned),
        ("voice", made, spoken.durations),
    )
    for row, (label, mel, durations) in enumerate(panels, start=1):
        axes = figure.add_subplot(2, 1, row, ylabel=label, yticks=[])
        axes.imshow(mel, origin="lower", aspect="auto", cmap="magma", vmin=-11, vmax=2)
        _tokens(axes, spoken.utterance.tokens, durations, len(mel))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _tokens(axes: Axes, tokens: np.ndarray, durations: np.ndarray, height: int) -> None:
    """A line where a token begins, and its symbol."""
    from voiceloom_model.text import SYMBOLS

    names = {index: symbol for symbol, index in SYMBOLS.items()}
    ends = np.cumsum(durations)
    for number, (token, start, end) in enumerate(zip(tokens.tolist(), ends - durations, ends, strict=True)):
        axes.axvline(start - 0.5, color="white", linewidth=0.4, alpha=0.6)
        line = height * (0.98 - 0.09 * (number % 2))  # two lines, so that short neighbours do not touch
        style = {"color": "white", "ha": "center", "va": "top", "fontsize": 7, "parse_math": False}
        axes.text((start + end) / 2, line, names.get(token, "?"), **style)
