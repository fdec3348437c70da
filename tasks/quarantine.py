"""The quarantine: what a stage could not use, by id, with the reason."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa
import soundfile

from tasks.audio import from_flac, to_flac
from tasks.records import QUARANTINE, write_table
from tasks.rowstore import Failure, writing
from tasks.stage import Metrics

#: How many refusals of one reason are kept to be listened to, and how much of each.
FEW = 5
EXCERPT_S = 8.0


def _drawn(row_id: str) -> bytes:
    return hashlib.blake2b(row_id.encode(), digest_size=8).digest()


def excerpt(flac: bytes) -> bytes | None:
    """The first seconds of a clip; None when it cannot be decoded."""
    try:
        wave, rate = from_flac(flac)
    except soundfile.LibsndfileError:
        return None
    return to_flac(wave[: int(EXCERPT_S * rate)], rate)


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
                "audio": None,
            }
        )

    def worth_hearing(self) -> list[str]:
        """The ids of a few rows for each reason, chosen by their ids alone."""
        by_reason: defaultdict[str, set[str]] = defaultdict(set)
        for row in self._rows:
            by_reason[row["reason"]].add(row["id"])
        return sorted(name for names in by_reason.values() for name in sorted(names, key=_drawn)[:FEW])

    def attach(self, row_id: str, flac: bytes | None) -> None:
        """Keep the sound of what was refused, where it has one, beside the reason."""
        for row in self._rows:
            if flac and row["id"] == row_id:
                row["audio"] = {"bytes": flac, "path": f"{row_id}.flac"}

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
