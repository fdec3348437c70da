"""The quarantine: what a stage could not use, by id, with the reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa

from tasks.records import QUARANTINE, write_table
from tasks.rowstore import Failure, writing
from tasks.stage import Metrics


class Quarantine:
    """The failures of one run of one stage."""

    def __init__(self, stage: str):
        self.stage = stage
        self._rows: list[dict] = []

    def add(self, row_id: str, source: str, failure: Failure) -> None:
        """Note that a row could not be used; `source` says where it came from."""
        self._rows.append(
            {
                "id": row_id,
                "stage": self.stage,
                "source": source,
                "reason": failure.reason,
                "message": failure.message,
                "retryable": failure.retryable,
            }
        )

    def close(self, path: Path, kept: int, max_error_rate: float) -> None:
        """Write the table to `path`, or raise when too much is in it for the `kept` rest.

        The table of a failed run goes to `runs/quarantine/`, for the outputs of a failed stage are dropped.
        """
        failed = len(self._rows)
        if kept and failed <= max_error_rate * (kept + failed):
            self._write(path)
            return
        left = Path("runs/quarantine") / f"{self.stage}.parquet"
        self._write(left)
        if not failed:
            raise ValueError(f"stage {self.stage}: there is nothing to work on, its input is empty")
        share = f"{failed} of {kept + failed} items could not be used"
        limit = f"; at most {max_error_rate:.0%} may fail" if kept else ""
        raise ValueError(f"stage {self.stage}: {share} ({self._reasons()}{limit}); each is named in {left}")

    def metrics(self) -> Metrics:
        """How many there are, in all and by reason."""
        reasons = Counter(row["reason"] for row in self._rows)
        metrics: Metrics = {"quarantined": len(self._rows)}
        for reason, count in sorted(reasons.items()):
            metrics[f"quarantined_{reason}"] = count
        return metrics

    def _reasons(self) -> str:
        counts = Counter(row["reason"] for row in self._rows)
        return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))

    def _write(self, path: Path) -> None:
        rows = sorted(self._rows, key=lambda row: (row["id"], row["source"], row["reason"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path):
            write_table(pa.Table.from_pylist(rows, schema=QUARANTINE), path)
