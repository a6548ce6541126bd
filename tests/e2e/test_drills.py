"""Every scenario that ships is rehearsed to its end, and scores itself."""

import json

import pytest

from conftest import ROOT, Box, RELEASE, TESTING

SCENARIOS = sorted(p.stem for p in (ROOT / "examples" / "drills").glob("*.json"))


def test_the_scenarios_that_ship_are_listed_by_name(box):
    listed = json.loads(box.run("drill", "list", "--json").stdout)
    assert [s["name"] for s in listed] == SCENARIOS
    assert all(s["title"] and s["says"] for s in listed)


def test_a_scenario_that_does_not_exist_is_told_with_the_nearest_name(box):
    refused = box.run("drill", "--scenario", "crash-lop", "--state", box.state, status=5)
    assert 'did you mean "crash-loop"?' in refused.stderr


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_drill_goes_as_its_scenario_expects_and_misses_nothing(tmp_path, scenario):
    box = Box(TESTING, tmp_path / "state")
    speed = ("--speed", "60")
    done = box.run("drill", "--state", box.state, "--yes", "--json", *speed, "--scenario", scenario, status=None, timeout=150)
    last = json.loads(done.stdout.splitlines()[-1])
    assert "score" in last, done.stdout[-1500:] + done.stderr[-3000:]
    score = last["score"]
    assert score["missed"] == [], json.dumps(score, indent=1) + done.stderr[-2000:]
    assert score["points"] == score["of"]
    assert done.returncode == (0 if score["outcome"] == "done" else 4)
    if score["rounds"]:
        assert score["tell_ms"] >= 0 and score["decide_ms"] >= 0
        assert score["outcome"] == "stopped" or score["repair_ms"] >= 0  # what is stopped is not repaired
