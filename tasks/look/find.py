"""From what a person types to one utterance's id."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from tasks.records import UTTERANCES, read_shards

_SHOWN = 5


def find_id(root: Path, wanted: str) -> str:
    """The id that is `wanted`, ends in it after a slash, or alone holds it.

    Raises `ValueError` with the candidates when there are several, with the reason when it was dropped, and with
    the nearest ids when nobody has it.
    """
    utterances = root / "data" / "utterances"
    ids = [row_id for table in read_shards(utterances, UTTERANCES, ["id"]) for row_id in table["id"].to_pylist()]
    found = _matching(ids, wanted)
    if len(found) == 1:
        return found[0]
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise ValueError(f"{len(found)} utterances have {wanted!r} in their id: {', '.join(found[:_SHOWN])}{more}")
    raise ValueError(_dropped(root, wanted) or _nearest(ids, wanted))


def _matching(ids: list[str], wanted: str) -> list[str]:
    """The best kind of match that any id gives, sorted."""
    for matches in (wanted.__eq__, lambda row_id: row_id.endswith(f"/{wanted}"), lambda row_id: wanted in row_id):
        found = sorted(filter(matches, ids))
        if found:
            return found
    return []


def _dropped(root: Path, wanted: str) -> str | None:
    """Why a stage dropped it, if one did."""
    for path in sorted((root / "data" / "quarantine").glob("*.parquet")):
        table = pq.read_table(path, columns=["id", "stage", "reason", "message"])
        rows = {row["id"]: row for row in table.to_pylist()}
        found = _matching(list(rows), wanted)
        if len(found) == 1:
            row = rows[found[0]]
            return f"{row['id']} was dropped by stage {row['stage']} ({row['reason']}): {row['message']}"
    return None


def _nearest(ids: list[str], wanted: str) -> str:
    from rapidfuzz import process

    near = ", ".join(row_id for row_id, _, _ in process.extract(wanted, ids, limit=3))
    return f"no utterance has {wanted!r} in its id; the nearest are: {near}"
