"""Planning: a dry run that asks first, shows all, sends nothing; and says what has changed since the last look."""

import json
import os
import pty
import re
import select
import signal
import time

import pytest

CONFIG = """clients:
  tangerine:
    name: Tangerine
    zone: America/New_York
    hours: 00:00-24:00
    work_week: mon-sun
    tam: {name: Tom, mail: tom@tangerine.example}
    envs: {prod: {production: true}, qa: {}}
  plum: {zone: Asia/Tokyo}
services:
  decanting-service: {team: decanting}
  cart: {team: shop}
freezes:
  - {title: Month end, from: 2099-11-30, to: 2099-11-30, clients: [tangerine]}
"""

WORDS = ["--client", "tangerine", "--service", "decanting-service=24-02-05.619-hotfix.627", "--severity", "2", "--risk", "low",
         "--reason", "totes stuck"]


@pytest.fixture
def configured(box, tmp_path):
    config = tmp_path / "signalbox.yaml"
    config.write_text(CONFIG)
    box.common = ["--config", config, "--state", box.state]
    return box


def changes(box):
    return json.loads(box.run("list", "--all", "--json", *box.common).stdout)["changes"]


def test_a_dry_run_shows_every_message_under_its_readers_and_keeps_nothing(configured):
    out = configured.run("plan", *WORDS, "--window", "2099-12-01 14:00 for 90m", "--zone", "Europe/Berlin", *configured.common).stdout
    assert "begins Tue 1 Dec 2099 14:00 EST (Tue 1 Dec 2099 20:00 CET for you)" in out
    assert re.search(r"to change-control, incident, .*mentions tom@tangerine.example:\n +\| \*\*Hotfix planned: Tangerine prod", out)
    assert "tom@tangerine.example, technical account manager of Tangerine" in out
    assert re.search(r"- notice .*\n +left out: its condition does not hold: change.severity == 1", out)
    assert changes(configured) == []


def test_only_what_has_changed_since_the_last_look_is_shown(configured):
    plan = ["plan", *WORDS, "--window", "2099-12-01 14:00 for 90m", *configured.common]
    assert "not been looked at before" in configured.run(*plan, "--diff").stdout
    assert configured.run(*plan, "--diff").stdout == "Nothing has changed since this plan was looked at last.\n"
    later = [w if w != "2099-12-01 14:00 for 90m" else "2099-12-01 15:00 for 90m" for w in plan]
    out = configured.run(*later, "--diff").stdout
    assert "+ Hotfix: tangerine/prod, window Tue 1 Dec 2099 15:00-16:30 EST (90 min)" in out
    assert "  * ticket " not in out
    changed = json.loads(configured.run(*plan, "--diff", "--json").stdout)["changed"]
    assert {"sign": "+", "text": "Hotfix: tangerine/prod, window Tue 1 Dec 2099 14:00-15:30 EST (90 min)"} in changed


def test_a_window_in_a_freeze_stops_the_plan_until_somebody_overrules_it_with_a_reason(configured):
    plan = ["plan", "--keep", *WORDS, "--window", "2099-11-30 14:00 for 90m", *configured.common]
    stopped = configured.run(*plan, status=7)
    assert "Month end" in stopped.stderr and "freeze=REASON" in stopped.stderr
    assert changes(configured) == []
    configured.run(*plan, "--overrule", "freeze=the client asked for it", "--overrule", "oncall=I am here")
    log = [json.loads(line) for line in configured.run("log", "HF-1", "--json", *configured.common).stdout.splitlines()]
    overruled = {e["data"]["about"]: e["data"]["reason"] for e in log if e["type"] == "change.overruled"}
    assert overruled == {"freeze": "the client asked for it", "oncall": "I am here"}
    assert configured.run(*plan, "--overrule", "freze=x", status=5).stderr.count('did you mean "freeze"') == 1


def test_at_a_terminal_it_asks_and_completes_clients_and_services(configured):
    pid, fd = pty.fork()
    if pid == 0:
        env = dict(configured.environment(TERM="xterm"), LC_ALL="C.UTF-8")
        os.execve(configured.binary, [configured.binary, "plan", *map(str, configured.common)], env)
    answers = [("client", "ta\t\r"), ("environment", "\r"), ("service", "dec\t\r"), ("its build tag", "24-02-05.619-hotfix.627\r"),
               ("another service", "\r"), ("window", "2099-12-01 14:00 for 90m\r"), ("severity", "2\r"), ("risk", "l\t\r"),
               ("reason", "totes stuck\r"), ("incident", "\r"), ("incident_link", "\r"), ("bridge", "\r"), ("predeploy", "\r"),
               ("rollback", "\r"), ("rollout_of", "\r")]
    seen, answered, end = "", 0, time.monotonic() + 60
    while time.monotonic() < end:
        ready, _, _ = select.select([fd], [], [], 0.3)
        if ready:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data.decode(errors="replace")
            continue
        line = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.rsplit("\n", 1)[-1]).split("\r")[-1]
        if answered < len(answers) and line.lstrip().startswith(answers[answered][0]) and line.rstrip().endswith(":"):
            os.write(fd, answers[answered][1].encode())
            answered += 1
    else:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, seen[-2000:]
    assert answered == len(answers), seen[-2000:]
    assert "The same again: signalbox plan --client 'tangerine' --env 'prod' --service 'decanting-service=24-02-05.619-hotfix.627'" in seen
    assert "Hotfix: tangerine/prod, window Tue 1 Dec 2099 14:00-15:30 EST (90 min)" in seen
    assert changes(configured) == []
