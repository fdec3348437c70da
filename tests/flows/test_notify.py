"""Who is told of what: failures, promotions, refusals; and logs for machines."""

import contextlib
import io
import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from flows import notify
from flows.logs import JsonLines, stage_output
from flows.retrain import retrain
from tasks.register.promotions import Promotion

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def verdict(root, passed):
    path = root / "reports" / "gate.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"passed": passed, "reasons": ["word error rate 0.9 is above 0.35"], "checks": []}))


def log_of(monkeypatch, action, seconds=0):
    time = (NOW + timedelta(seconds=seconds)).isoformat()
    last = Promotion(4, time, action, 3, 2, "x", "passed")
    monkeypatch.setattr("flows.notify.last_promotion", lambda root, name: last)


def test_a_refusal_tells_the_numbers(tmp_path):
    verdict(tmp_path, passed=False)
    message = notify.decision(tmp_path, ["gate", "register"], "eva", NOW)
    assert (message.event, message.body) == ("refused", "word error rate 0.9 is above 0.35")
    assert message.subject.endswith("the gate refused a new version of eva")


def test_a_promotion_tells_who_reigns_instead_of_whom(tmp_path, monkeypatch):
    verdict(tmp_path, passed=True)
    log_of(monkeypatch, "promoted")
    message = notify.decision(tmp_path, ["register"], "eva", NOW + timedelta(microseconds=5))
    assert message.event == "promoted"
    assert message.subject.endswith("version 3 of eva is champion instead of version 2")


@pytest.mark.parametrize(
    ("action", "seconds", "ran"), [("held", 0, True), ("promoted", -9, True), ("promoted", 0, False)]
)
def test_nothing_decided_is_nothing_told(tmp_path, monkeypatch, action, seconds, ran):
    verdict(tmp_path, passed=True)
    log_of(monkeypatch, action, seconds)
    assert notify.decision(tmp_path, ["register"] if ran else ["train"], "eva", NOW) is None


def test_only_events_that_are_wanted_are_told(tmp_path, monkeypatch):
    sent = []
    monkeypatch.setattr("flows.notify._send", lambda name, message: sent.append((name, message.event)))
    (tmp_path / "schedule.yaml").write_text(yaml.safe_dump({"notify": {"blocks": ["a/b", "c/d"], "on": ["refused"]}}))
    for event in ("failed", "promoted", "refused"):
        notify.tell(tmp_path, notify.Message(event, "", ""))
    assert sent == [("a/b", "refused"), ("c/d", "refused")]


@contextlib.contextmanager
def webhook():
    """A server that hears what is posted to it."""
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", heard
    server.shutdown()


def test_a_failing_stage_is_told_through_a_real_block_and_a_missing_one_harms_nothing(project, prefect_server, caplog):
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    with webhook() as (address, heard):
        block = CustomWebhookNotificationBlock(
            name="team", url=address, json_data={"title": "{{subject}}", "text": "{{body}}"}
        )
        block.save("team", overwrite=True)
        names = ["custom-webhook/nobody", "custom-webhook/team"]
        (project.root / "schedule.yaml").write_text(yaml.safe_dump({"notify": {"blocks": names}}))
        project.write("source", "wrong")
        with pytest.raises(RuntimeError, match="the text is wrong"):
            retrain(project.root)
    (said,) = heard
    assert said["title"].startswith("Voiceloom project: run ") and said["title"].endswith(" failed")
    assert "zeta: the text is wrong" in said["text"]
    assert "custom-webhook/nobody" in caplog.text


def test_a_log_line_is_an_object(caplog):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("voiceloom.test")
    logger.addHandler(handler)
    try:
        logger.warning("two\nlines %s", "é", extra={"stage": "train"})
    finally:
        logger.removeHandler(handler)
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert (found["body"], found["severity_text"], found["severity_number"]) == ("two\nlines é", "WARNING", 13)
    assert found["attributes"] == {"logger": "voiceloom.test", "voiceloom.stage": "train"}


def test_what_a_stage_prints_is_logged_with_its_run(project, prefect_server, monkeypatch, capfd):
    monkeypatch.setenv("VOICELOOM_LOG", "json")
    project.write("source", "says")
    try:
        retrain(project.root)
    finally:
        for name in ("voiceloom", "prefect.flow_runs", "prefect.task_runs"):
            logger = logging.getLogger(name)
            logger.propagate = True
            logger.handlers = [known for known in logger.handlers if not isinstance(known.formatter, JsonLines)]
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    (said,) = [line for line in lines if line["body"].startswith("zeta says")]
    assert said["attributes"]["voiceloom.stage"] == "zeta"
    assert said["body"] == f"zeta says 00-{said['trace_id']}-{said['span_id']}-01"
    assert (len(said["trace_id"]), len(said["span_id"])) == (32, 16)


def test_without_the_wish_output_goes_where_it_went(capfd):
    with stage_output("zeta"):
        print("plain")
        os.write(2, b"and here\n")
        sys.stdout.flush()
    captured = capfd.readouterr()
    assert captured.out == "plain\n" and captured.err == "and here\n"
