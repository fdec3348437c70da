"""Counters in the text format that Prometheus reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

#: Upper bounds of the first byte's histogram, seconds.
BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PREFIX = "voiceloom"


class Metrics:
    """What a server did since it started; written to from its event loop alone."""

    def __init__(self) -> None:
        self._requests: Counter[str] = Counter()
        self._first_bytes: list[int] = [0] * (len(BUCKETS) + 1)
        self._first_byte_s = self._audio_s = 0.0

    def ended(self, outcome: str) -> None:
        """A request for speech: its HTTP status, or `aborted` or `failed` after the first byte had left."""
        self._requests[outcome] += 1

    def first_byte(self, seconds: float) -> None:
        """How long a client waited for the first byte."""
        self._first_bytes[sum(seconds > bound for bound in BUCKETS)] += 1
        self._first_byte_s += seconds

    def spoke(self, seconds: float) -> None:
        """So much more audio."""
        self._audio_s += seconds

    def text(self, under_way: int) -> str:
        """All of it, with how many requests are under way."""
        return "".join(f"{line}\n" for line in self._lines(under_way))

    def _lines(self, under_way: int) -> Iterator[str]:
        yield f"# TYPE {PREFIX}_requests_under_way gauge"
        yield f"{PREFIX}_requests_under_way {under_way}"
        yield f"# TYPE {PREFIX}_requests_total counter"
        for outcome, count in sorted(self._requests.items()):
            yield f'{PREFIX}_requests_total{{outcome="{outcome}"}} {count}'
        yield f"# TYPE {PREFIX}_audio_seconds_total counter"
        yield f"{PREFIX}_audio_seconds_total {self._audio_s:.3f}"
        yield f"# TYPE {PREFIX}_first_byte_seconds histogram"
        total = 0
        for bound, count in zip((*BUCKETS, "+Inf"), self._first_bytes, strict=True):
            total += count
            yield f'{PREFIX}_first_byte_seconds_bucket{{le="{bound}"}} {total}'
        yield f"{PREFIX}_first_byte_seconds_sum {self._first_byte_s:.6f}"
        yield f"{PREFIX}_first_byte_seconds_count {total}"
