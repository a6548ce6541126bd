"""The process is killed at every instant that matters; the yard counts."""

import json
import re
import sqlite3

import pytest
from test_hotfix import exactly_once


def has_ended(box):
    """Was the change's end the last thing it did? (Another start would begin another drill.)"""
    store = sqlite3.connect(f"file:{box.state}/signalbox.db?mode=ro", uri=True)
    try:
        last = store.execute("select body from events order by rowid desc limit 1").fetchone()
    except sqlite3.OperationalError:  # killed before there was anything
        return False
    finally:
        store.close()
    return bool(last) and json.loads(last[0])["type"] == "change.ended"


def carry_to_end(box, crash, most):
    """Starts the drill again and again, killed each time as `crash` says, until it ends. Returns how often it was killed."""
    for killed in range(most):
        done = box.drill(status=None, env={"SIGNALBOX_CRASH": crash}, timeout=60)
        if done.returncode == 0:
            return killed
        if has_ended(box):
            return killed + 1
        assert done.returncode == -9, f"ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    pytest.fail(f"not at its end after {most} kills")


def effects_of(log):
    return [e["step"] for e in log if e["type"] == "step.intended"]


def test_killed_after_every_event_the_hotfix_goes_through_and_nothing_is_done_twice(box):
    killed = carry_to_end(box, "every", 600)
    log = box.log()
    assert killed >= 60
    assert exactly_once(box.book()) == {}
    assert log[-1]["type"] == "change.ended" and log[-1]["data"]["outcome"] == "done"
    # Every effect that was intended is recorded.
    open_effects = set()
    for e in log:
        if e["type"] == "step.intended":
            open_effects.add((e["step"], e["run"]))
        elif e["type"] in ("step.done", "step.found", "step.failed", "step.resolved"):
            open_effects.discard((e["step"], e["run"]))
    assert open_effects == set()


def test_killed_between_perform_and_record_of_each_effect_it_is_done_once(box, tmp_path):
    # A first run tells which effects there are, in which order; those of the change itself are no driver's.
    page = box.run("sop", "show", "hotfix").stdout
    local = {line.split()[0] for line in page.splitlines() if len(line.split()) > 1 and line.split()[1].startswith("change.")}
    box.drill(speed=60)
    steps = [s for s in dict.fromkeys(effects_of(box.log())) if s not in local]
    assert len(steps) >= 15

    # Without the time of the window, which another night has otherwise; once each, because what may be repeated
    # without a second effect (an edit, a status that is set) may have been.
    def deeds(night):
        return {(d["system"], re.sub(r"\d\d:\d\d", "TIME", d["what"])) for d in night.book()}

    calm = deeds(box)

    def another(n):
        return type(box)(box.binary, tmp_path / f"crashing-{n}")

    # Effects run beside each other: one may have been recovered while another was waited for. Then the change has
    # gone through, and the next kill needs another change; a few of them are enough to meet most steps.
    nights, kills, unmet = [another(0)], 0, steps
    while unmet and len(nights) <= 4:
        night, still = nights[-1], []
        for i, step in enumerate(unmet):
            done = night.drill(speed=60, status=None, env={"SIGNALBOX_CRASH": f"perform:{step}"}, timeout=90)
            assert done.returncode in (0, -9), done.stderr[-3000:]
            kills += done.returncode == -9
            if done.returncode == 0:
                still = unmet[i + 1:]
                break
        unmet = still
        if done.returncode != 0:
            night.drill(speed=60)
        nights.append(another(len(nights)))
    assert kills >= 3
    for night in nights[:-1]:
        assert exactly_once(night.book()) == {}
        assert deeds(night) == calm
