"""Logs for machines: with VOICELOOM_LOG=json every line is a JSON object in OpenTelemetry's data model.

The trace is the flow run (its id has 128 bits, as a trace id), the span is the task run; stages get them as
TRACEPARENT, the W3C's variable, so that what they report joins the same trace.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO

#: OpenTelemetry's numbers of severity.
SEVERITY = {"DEBUG": 5, "INFO": 9, "WARNING": 13, "ERROR": 17, "CRITICAL": 21}


def wanted() -> bool:
    """Whether logs for machines were asked for."""
    return os.environ.get("VOICELOOM_LOG") == "json"


class JsonLines(logging.Formatter):
    """One JSON object a record: time, severity, body, where it comes from, and the run it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        body = record.getMessage()
        attributes: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            attributes["exception.stacktrace"] = self.formatException(record.exc_info)
        if stage := getattr(record, "stage", None):
            attributes["voiceloom.stage"] = stage
        content = {
            "timestamp": int(record.created * 1e9),
            "severity_text": record.levelname,
            "severity_number": SEVERITY.get(record.levelname, 9),
            "body": body,
            **trace(),
            "resource": {"service.name": "voiceloom", "process.pid": record.process},
            "attributes": attributes,
        }
        return json.dumps(content, ensure_ascii=False)


def trace() -> dict[str, str]:
    """`trace_id` of the flow run and `span_id` of the task run that this is called in, if any."""
    from prefect.runtime import flow_run, task_run

    run, task = flow_run.get_id(), task_run.get_id()
    found = {"trace_id": run.replace("-", "")} if run else {}
    return found | ({"span_id": task.replace("-", "")[:16]} if task else {})


def set_up(stream: TextIO | None = None) -> None:
    """Send what Prefect, Voiceloom and warnings log to `stream` (standard error), a JSON object a line."""
    handler = logging.StreamHandler(stream or os.fdopen(os.dup(2), "w", buffering=1))
    handler.setFormatter(JsonLines())
    for name in ("voiceloom", "prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        if not any(isinstance(known.formatter, JsonLines) for known in logger.handlers):
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
    # What is read from a stage's output must not be written there again by a handler further up.
    logging.getLogger("voiceloom").propagate = False


@contextlib.contextmanager
def stage_output(stage: str) -> Iterator[None]:
    """The stages join the run's trace; where logs are for machines, what they print is logged line by line."""
    before = os.environ.get("TRACEPARENT")
    found = trace()
    if before is None and len(found) == 2:
        os.environ["TRACEPARENT"] = f"00-{found['trace_id']}-{found['span_id']}-01"
    try:
        if wanted():
            set_up()
            with _lines_logged(stage):
                yield
        else:
            yield
    finally:
        if before is None:
            os.environ.pop("TRACEPARENT", None)


@contextlib.contextmanager
def _lines_logged(stage: str) -> Iterator[None]:
    """Standard output and error of this process and its children go through a pipe into the log."""
    from contextvars import copy_context

    logger = logging.getLogger("voiceloom.stage")
    read, write = os.pipe()
    kept = [os.dup(number) for number in (1, 2)]

    def pump() -> None:
        with os.fdopen(read, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.strip():
                    logger.info(line.rstrip(), extra={"stage": stage})

    context = copy_context()  # the lines belong to the run that reads them
    thread = threading.Thread(target=lambda: context.run(pump), daemon=True)
    _flush()
    for number in (1, 2):
        os.dup2(write, number)
    os.close(write)
    thread.start()
    try:
        yield
    finally:
        _flush()
        for number, file in zip((1, 2), kept, strict=True):
            os.dup2(file, number)
            os.close(file)
        thread.join(timeout=5)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
