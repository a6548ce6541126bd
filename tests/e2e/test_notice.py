"""Severity 1: the notice within 24 hours of the incident, as a deadline that outlives the process."""

import json
import os
import signal
import socket

from conftest import stop, wait_until
from test_hotfix import exactly_once

HOUR = 3600 * 1000
PLAN = ("--client", "tangerine", "--service", "decanting-service=24-02-05.619-hotfix.627", "--window", "in 40h for 90m", "--severity", "1",
        "--risk", "low", "--reason", "totes stuck", "--incident", "now", "--overrule", "hours=it is severity 1")


def carry(box):
    process = box.start("drill", "--state", box.state, "--speed", "20", *PLAN, start_new_session=True)
    wait_until(lambda: (box.state / "signalbox.sock").exists(), 60)
    return process


def die_and_leap(box, process, ms):
    """The machine goes down, yard and all, and comes up when so much time has passed."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    (box.state / "signalbox.sock").unlink(missing_ok=True)
    world = json.loads((box.state / "yard.json").read_text())
    world["leapt"] += ms
    (box.state / "yard.json").write_text(json.dumps(world))
    return carry(box)


def ask(box, path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(box.state / "signalbox.sock"))
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        data = b"".join(iter(lambda: s.recv(65536), b""))
    return json.loads(data.split(b"\r\n\r\n", 1)[1])


def step(box, name):
    try:
        change = ask(box, "/api/v1/changes/HF-1")
    except (OSError, ValueError, IndexError):
        return {}
    return next((s for s in change.get("steps", []) if s["id"] == name), {})


def texts(box, piece):
    slack = json.loads((box.state / "yard.json").read_text())["worlds"]["slack"]
    return json.dumps(slack["messages"]).count(piece)


def test_the_notice_nags_escalates_shows_as_late_and_is_sent_once_whatever_dies(box):
    process = carry(box)
    wait_until(lambda: step(box, "notice").get("status") == "asking", 60)
    assert step(box, "channel")["status"] == "skipped"  # severity 1 needs no channel of its own
    assert step(box, "notice")["late"] is False

    process = die_and_leap(box, process, 20 * HOUR + HOUR // 10)
    wait_until(lambda: step(box, "notice.nag").get("status") == "done", 60)
    assert step(box, "notice.escalate")["status"] == "ready"

    process = die_and_leap(box, process, 4 * HOUR)
    wait_until(lambda: step(box, "notice.escalate").get("status") == "done", 60)
    assert step(box, "notice")["late"] is True

    box.run("answer", "HF-1", "notice", "send", "--config", box.state / "signalbox.yaml", "--state", box.state)
    wait_until(lambda: step(box, "notice").get("status") == "done", 60)
    assert step(box, "notice")["late"] is True  # it stays late in the record

    process = die_and_leap(box, process, HOUR)
    wait_until(lambda: step(box, "notice").get("status") == "done", 60)
    second = box.run("answer", "HF-1", "notice", "send", "--config", box.state / "signalbox.yaml", "--state", box.state, status=7)
    assert "answered already" in second.stderr
    stop(process)
    assert texts(box, "**Severity 1 hotfix, Tangerine prod**") + texts(box, "*Severity 1 hotfix, Tangerine prod*") >= 1
    notices = [d for d in box.book() if d["key"] and d["key"].startswith("HF-1/notice/")]
    assert len(notices) == 1
    assert exactly_once(box.book()) == {}
