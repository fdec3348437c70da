"""An utterance in a terminal: text, phonemes, times and scores, and its sound in block characters.

Letters: T samples, F frames, M mel bands, W columns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tasks.look.view import Measured, View

_LABEL = 7
_MEL_ROWS = 10
_BARS = " ▁▂▃▄▅▆▇█"
_SHADES = " ░▒▓█"
_ORIGIN = ("recording_id", "speaker", "language", "corpus", "licence", "consent_id", "split")


def sketch(view: View, width: int) -> Group:
    """All that fits in `width` columns."""
    columns = max(20, min(width, 160) - _LABEL)
    lines = [_row("wave", bars(_loudest(np.abs(view.wave), columns)))]
    if view.measured is not None:
        lines += [*_frames(view.measured, columns), Text(view.measured.phones.source, style="dim")]
    else:
        lines.append(Text(view.note, style="yellow"))
    return Group(_facts(view), *lines)


def _facts(view: View) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    row = view.row
    facts = {"id": view.id, "text": row["text"]}
    if view.measured is not None:
        facts["phonemes"] = view.measured.phonemes
    facts["time"] = f"{row['start_s']:.3f} to {row['end_s']:.3f} s of the recording, {row['duration_s']:.3f} s long"
    facts |= {name: row[name] for name in _ORIGIN} | view.scores()
    for name, value in facts.items():
        table.add_row(name, Text(value))
    return table


def _frames(measured: Measured, columns: int) -> Iterator[Text]:
    """Phonemes, mel, F0 and energy on one axis of time."""
    columns = min(columns, measured.mel.shape[1])
    yield _row("", _placed(measured, columns))
    labels = ["mel", *[""] * (_MEL_ROWS - 1)]
    for label, shades in zip(labels, shaded(measured.mel, _MEL_ROWS, columns), strict=True):
        yield _row(label, shades)
    f0 = _loudest(measured.f0_hz, columns)
    voiced = f0[f0 > 0]
    low, high = np.percentile(voiced, [5, 95]) if len(voiced) else (0.0, 1.0)
    yield _row("F0", bars(np.where(f0 > 0, np.clip((f0 - low) / max(high - low, 1.0), 0.1, 1), 0)))
    if len(voiced):
        yield _row("", f"{low:.0f} to {high:.0f} Hz (5th to 95th percentile)")
    yield _row("energy", bars((_loudest(measured.energy_db, columns) + 70) / 70))


def _row(label: str, content: str) -> Text:
    return Text(label.ljust(_LABEL), style="dim") + Text(content.rstrip(), no_wrap=True, style="default")


def _loudest(values: np.ndarray, columns: int) -> np.ndarray:
    """(T,) → the greatest value in each of (W,) columns."""
    return np.array([part.max() for part in np.array_split(values, min(columns, len(values)))])


def bars(values: np.ndarray) -> str:
    """Bars of an eighth of a line each, for values (W,) of which 1, or the greatest, is a full one."""
    full = max(1.0 if values.max() > 0.5 else float(values.max()), 1e-9)
    levels = np.ceil(np.clip(values / full, 0, 1) * (len(_BARS) - 1)).astype(int)
    return "".join(_BARS[level] for level in levels)


def shaded(mel: np.ndarray, rows: int, columns: int) -> list[str]:
    """Log mel (M, F) as `rows` lines of W shades, the highest band first."""
    means = np.array(
        [
            [cell.mean() for cell in np.array_split(band, columns, axis=1)]
            for band in np.array_split(mel[::-1], rows, axis=0)
        ]
    )
    low, high = np.percentile(means, [20, 99])
    levels = np.clip((means - low) / max(high - low, 1e-6), 0, 1) * (len(_SHADES) - 1)
    return ["".join(_SHADES[level] for level in row) for row in np.rint(levels).astype(int)]


def _placed(measured: Measured, columns: int) -> str:
    """Each phoneme above the column where it begins, as far as there is room."""
    line = ""
    frames = measured.mel.shape[1]
    for symbol, start in zip(measured.phones.symbols, measured.phones.frames, strict=False):
        column = int(start * columns / frames)
        if symbol.strip() and column >= len(line):
            line = line.ljust(column) + symbol
    return line[:columns]
