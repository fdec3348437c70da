"""The picture of an utterance: waveform, mel with phonemes and F0, energy, and its scores beside them."""

from __future__ import annotations

import os
import textwrap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.look.view import Measured, View
from tasks.rowstore import writing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Tried in this order for letters that the font before lacks; matplotlib brings the first itself.
_FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "Hiragino Sans", "Yu Gothic")
_ORIGIN = ("speaker", "language", "corpus", "licence", "consent_id", "split")


def draw(view: View, path: Path) -> None:
    """Write the picture, whole or not at all; its suffix says the format."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import get_font_names

    formats = FigureCanvasAgg.get_supported_filetypes()
    if path.suffix.lower().removeprefix(".") not in formats:
        raise ValueError(f"cannot draw {path}: its suffix must be one of {', '.join(sorted(formats))}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} for {path.name} is not there")
    known = set(get_font_names())
    with matplotlib.rc_context({"font.family": [font for font in _FONTS if font in known], "font.size": 9}):
        figure = Figure(figsize=(13, 7 if view.measured else 3.5), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(_title(view), x=0.01, ha="left", parse_math=False, fontsize=10)
        _fill(figure, view)
        partial = path.with_name(f".{path.stem}.partial{path.suffix}")
        with writing(path), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # a script without a font here
            figure.savefig(partial, dpi=110)
            os.replace(partial, path)


def _title(view: View) -> str:
    lines = [view.id, *textwrap.wrap(view.row["text"], 150)]
    if view.measured is not None:
        lines += textwrap.wrap(view.measured.phonemes, 150)
    return "\n".join([*lines, view.note] if view.note else lines)


def _fill(figure, view: View) -> None:
    """Panels over one axis of time on the left, the scores on the right."""
    heights = (1.2, 3, 1) if view.measured else (1,)
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights, width_ratios=(5, 1))
    panels = [figure.add_subplot(grid[number, 0]) for number in range(len(heights))]
    _waveform(panels[0], view)
    if view.measured is not None:
        _mel(panels[1], view.measured)
        _energy(panels[2], view.measured)
    for axes in panels:
        axes.set_xlim(0, len(view.wave) / view.rate_hz)
        axes.label_outer()
    panels[-1].set_xlabel("s")
    beside = figure.add_subplot(grid[:, 1])
    beside.axis("off")
    text = beside.text(0, 1, _facts(view), va="top", parse_math=False, family="monospace", fontsize=8)
    text.set_in_layout(False)


def _facts(view: View) -> str:
    row = view.row
    facts = {name: row[name] for name in _ORIGIN}
    facts |= {name: f"{row[name]:.3f}" for name in ("start_s", "end_s", "duration_s")} | view.scores()
    return "\n".join(
        textwrap.fill(f"{name} {value}"[:300], 32, subsequent_indent="  ") for name, value in facts.items()
    )


def _waveform(axes: Axes, view: View) -> None:
    seconds = np.arange(len(view.wave)) / view.rate_hz
    axes.plot(seconds, view.wave, linewidth=0.4, color="tab:blue")
    axes.set_ylabel("waveform")
    if view.measured is not None:
        for frame in view.measured.phones.frames[1:-1]:
            axes.axvline(frame * view.measured.frame_s, color="0.8", linewidth=0.5, zorder=0)


def _mel(axes: Axes, measured: Measured) -> None:
    """Log mel with the phonemes' bounds and names on it, and F0 over it on an axis of its own."""
    bands, frames = measured.mel.shape
    extent = (0.0, frames * measured.frame_s, 0.0, float(bands))
    axes.imshow(measured.mel, origin="lower", aspect="auto", extent=extent, cmap="magma", interpolation="nearest")
    axes.set_ylabel("mel band")
    phones = measured.phones
    starts, ends = phones.frames[:-1] * measured.frame_s, phones.frames[1:] * measured.frame_s
    for number, (symbol, start, end) in enumerate(zip(phones.symbols, starts, ends, strict=True)):
        axes.axvline(start, color="white", linewidth=0.4, alpha=0.6)
        height = bands * (0.97 - 0.05 * (number % 2))  # two lines, so that short neighbours do not touch
        axes.text((start + end) / 2, height, symbol, color="white", ha="center", va="top", parse_math=False)
    axes.set_title(f"phonemes {phones.source}", loc="right", fontsize=8, parse_math=False)
    pitch = axes.twinx()
    voiced = np.where(measured.f0_hz > 0, measured.f0_hz, np.nan)
    pitch.plot((np.arange(frames) + 0.5) * measured.frame_s, voiced, color="cyan", linewidth=1.5)
    pitch.set_ylim(0, measured.f0_hz.max() * 1.5 + 1)
    pitch.set_ylabel("F0 (Hz)")


def _energy(axes: Axes, measured: Measured) -> None:
    seconds = (np.arange(len(measured.energy_db)) + 0.5) * measured.frame_s
    axes.plot(seconds, measured.energy_db, color="tab:green", linewidth=1)
    axes.set_ylabel("energy (dB)")
