"""The window moves: calendar, maintenance and messages move with it, and the change is carried out in the new one."""

import json

from conftest import stop, wait_until
from test_hotfix import exactly_once
from test_notice import step


def worlds(box):
    return json.loads((box.state / "yard.json").read_text())["worlds"]


def test_what_was_set_up_for_the_old_window_follows_and_is_agreed_to_again(box):
    process = box.start("drill", "--state", box.state, "--speed", "20")
    common = ["--config", box.state / "signalbox.yaml", "--state", box.state]
    wait_until(lambda: (box.state / "signalbox.sock").exists(), 60)
    wait_until(lambda: step(box, "staffing").get("status") in ("asking", "skipped"), 60)
    if step(box, "staffing")["status"] == "asking":  # whatever the hour at which this test runs
        box.run("answer", "HF-1", "staffing", "keep", "--reason", "a test", *common)
    wait_until(lambda: step(box, "approve").get("status") == "asking", 60)
    before = step(box, "maintenance")["args"]["from"]
    moved = box.run("move", "HF-1", "--window", "in 8h for 60m", "--reason", "the client asked for it", *common)
    assert "has moved" in moved.stdout
    wait_until(lambda: step(box, "move-tell").get("status") == "done" and step(box, "move-maintenance").get("status") == "done", 60)
    assert step(box, "move-maintenance")["args"]["from"] > before
    wait_until(lambda: step(box, "staffing").get("status") in ("asking", "skipped"), 60)
    wait_until(lambda: step(box, "approve").get("status") in ("asking", "waiting") and step(box, "approve").get("run") == 2, 60)
    stop(process)
    slack = json.dumps(worlds(box)["slack"]["messages"])
    assert "The window has moved" in slack and "the client asked for it" in slack
    incident = next(iter(worlds(box)["statuspage"]["incidents"]))
    assert incident["scheduled_for"][11:13] != incident["created_at"][11:13]
    done = box.drill()
    assert "HF-1: carried out" in done.stdout
    log = box.log()
    new = next(e for e in log if e["type"] == "change.moved")["data"]["facts"]["window"]
    deploy = next(e for e in log if e["type"] == "step.intended" and e["step"] == "deploy")
    assert new["from"] <= deploy["at"] < new["to"]
    assert exactly_once(box.book()) == {}
