"""Tables of README.md that benchmarks write, each between two markers of its own."""

from __future__ import annotations

from pathlib import Path


def write_table(readme: Path, name: str, table: str) -> None:
    """Replace what stands between the markers of `name`."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    text = readme.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{readme} has no place for the table: it wants one {begin} and one {end}")
    before, after = text.split(begin)[0], text.split(end)[1]
    readme.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")
