"""A hotfix goes through the whole of sops/hotfix.md, against the yard, over real HTTP."""

import json
import os
import pty
import re
import select
import signal
import time

from conftest import wait_until


def exactly_once(book):
    """Every deed with a key took place once."""
    seen = {}
    for deed in book:
        if deed["key"]:
            seen.setdefault((deed["system"], deed["what"], deed["key"]), []).append(deed["n"])
    return {k: v for k, v in seen.items() if len(v) > 1}


def test_piped_to_a_file_it_prints_plain_lines_and_ends_done(release):
    done = release.drill()
    assert "\033" not in done.stdout
    assert "HF-1: carried out" in done.stdout
    assert "record: verified" in done.stdout
    assert re.search(r"^\d\d:\d\d:\d\d  change\b|^\d\d:\d\d:\d\d  started", done.stdout, re.M)
    report = re.search(r"^report: (.+)$", done.stdout, re.M).group(1)
    text = open(report).read()
    assert "24-02-05.619-hotfix.627" in text and "decanting-service" in text
    assert exactly_once(release.book()) == {}


def test_the_outside_world_is_left_as_the_sop_wants_it(box):
    box.drill()
    world = json.loads((box.state / "yard.json").read_text())["worlds"]
    statuspage = json.dumps(world["statuspage"])
    assert '"status": "completed"' in statuspage and '"under_maintenance"' not in json.dumps(world["statuspage"]["components"])
    slack = json.dumps(world["slack"])
    assert "complete" in slack.lower()
    whats = [d["what"] for d in box.book() if d["system"] == "jenkins"]
    assert len([w for w in whats if w.startswith("start")]) == 1


def test_ctrl_c_then_the_same_command_goes_on_and_repeats_nothing(box):
    rounds = 0
    for pause in (0.4, 1.2, 2.0, 3.1, 4.5):
        process = box.start("drill", "--state", box.state, "--yes", "--speed", "10", start_new_session=True)
        time.sleep(pause)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            rounds += 1
        out, err = process.communicate(timeout=30)
        assert process.returncode in (0, 3, -signal.SIGINT), err  # the last: before it had begun to listen for it
    assert rounds >= 2
    done = box.drill()
    assert "record: verified" in done.stdout
    assert exactly_once(box.book()) == {}


def test_a_second_start_of_the_same_plan_is_a_no_op_that_says_so(box):
    yard = box.start("yard", "--dir", box.state / "yard", "--speed", "20")
    try:
        assert yard.stdout.readline().startswith("{")
        config = box.state / "yard" / "signalbox.yaml"
        words = ("start", "--config", config, "--state", box.state / "s", "--client", "tangerine", "--service",
                 "decanting-service=24-02-05.619-hotfix.627", "--window", "now for 90m", "--severity", "2", "--risk", "low",
                 "--reason", "totes stuck", "--yes")
        first = box.start(*words)
        wait_until(lambda: (box.state / "s" / "signalbox.sock").exists())
        time.sleep(0.5)
        second = box.start(*words)
        said = "".join(second.stderr.readline() for _ in range(2))
        assert "already" in said, said
        for process in (second, first):
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            assert process.returncode == 3
        changes = json.loads(box.run("list", "--all", "--json", "--config", config, "--state", box.state / "s").stdout)["changes"]
        assert len(changes) == 1
    finally:
        yard.terminate()
        yard.communicate(timeout=10)


def test_gates_are_answered_at_the_keyboard_of_a_live_stage_view(release):
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", HOME=str(release.state), LC_ALL="C.UTF-8")
        os.execv(release.binary, [release.binary, "drill", "--state", str(release.state), "--speed", "20"])
    screen, seen, answered, end = "", "", 0, time.monotonic() + 90
    while time.monotonic() < end:
        ready, _, _ = select.select([fd], [], [], 0.3)
        if ready:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            screen += data.decode(errors="replace")
            seen += data.decode(errors="replace")
            continue
        asked = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen).rstrip("\r\n")
        if asked.endswith("your choice: "):
            os.write(fd, b"1\r")
            answered += 1
            screen = ""
        elif asked.endswith("reason: "):
            os.write(fd, b"practice\r")
            screen = ""
    else:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert answered >= 2, seen[-3000:]
    assert os.waitstatus_to_exitcode(status) == 0, seen[-3000:]
    assert "✔" in seen and "record: verified" in seen
