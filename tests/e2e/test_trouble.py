"""When it goes wrong: those who must know are told first, a person decides, and what ran before comes back."""

import json
import pathlib

from conftest import ROOT, wait_until
from test_hotfix import exactly_once

DRILLS = ROOT / "examples" / "drills"


def in_trouble(box, scenario):
    process = box.start("drill", "--state", box.state, "--yes", "--speed", "20", "--scenario", DRILLS / scenario)
    config = box.state / "signalbox.yaml"

    def asks_to_decide():
        assert process.poll() is None, process.communicate()
        if not (box.state / "signalbox.sock").exists():
            return False
        done = box.run("list", "--json", "--config", config, "--state", box.state, status=None)
        if done.returncode != 0:
            return False
        changes = json.loads(done.stdout)["changes"]
        return changes and changes[0]["status"] == "trouble" and any(w["step"] == "decide" for w in changes[0].get("waits", []))

    wait_until(asks_to_decide, 60)
    return process, config


def test_a_crash_looping_hotfix_is_rolled_back_to_what_ran_before(box):
    process, config = in_trouble(box, "crash-loop.json")
    box.run("rollback", "HF-1", "--reason", "pods crash on every order", "--config", config, "--state", box.state)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 4, err
    log = box.log()
    assert log[-1]["data"]["outcome"] == "rolled-back"
    # People were told before anything else was done about it.
    types = [(e["type"], e.get("step")) for e in log]
    failed = next(i for i, t in enumerate(types) if t[0] == "step.failed" and t[1] in ("pods", "health-watch", "watch"))
    intended = [s for t, s in types[failed:] if t == "step.intended"]
    assert intended[0] == "trouble-tell"
    starts = [d for d in box.book() if d["system"] == "jenkins" and d["what"].startswith("start")]
    assert [s["key"] for s in starts] == ["HF-1/deploy/1", "HF-1/deploy/2"]
    assert exactly_once(box.book()) == {}
    report = (box.state / "reports" / "HF-1.md").read_text()
    assert "pods crash on every order" in report


def test_a_failing_stage_is_told_with_the_end_of_its_log_and_the_maintenance_stays_open(box):
    process, config = in_trouble(box, "failing-stage.json")
    completed = [d for d in box.book() if d["system"] == "statuspage" and d["what"].startswith("completed")]
    assert completed == []
    # Nobody can complete it now, by any path.
    refused = box.run("skip", "HF-1", "verified", "--reason", "in a hurry", "--config", config, "--state", box.state, status=None)
    assert [d for d in box.book() if d["system"] == "statuspage" and d["what"].startswith("completed")] == []
    box.run("decide", "HF-1", "stop", "--reason", "to be looked at by day", "--config", config, "--state", box.state)
    process.communicate(timeout=60)
    assert process.returncode == 4
    assert [d for d in box.book() if d["system"] == "statuspage" and d["what"].startswith("completed")] == []
    assert refused.returncode in (0, 7)
    told = json.dumps(json.loads((box.state / "yard.json").read_text())["worlds"]["slack"])
    assert "ERROR" in told or "rror" in told
