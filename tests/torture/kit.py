"""What the tortures share: a Signalbox that serves, the yard that counts, and a judgement at the end."""

import collections
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "tests" / "torture" / "page.md"
STEPS = ["tell", "maintenance", "ticket", "deploy", "comment", "told"]  # of that page: each one effect of its own


class Wrong(Exception):
    """What we promise did not hold."""


def wait_until(what, seconds, why):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(0.05)
    raise Wrong(f"waited {seconds} s for {why}")


class OverSocket(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Yard:
    """The outside world, in a process that nobody kills."""

    def __init__(self, binary, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen([binary, "yard", "--dir", str(self.folder), "--speed", "50", "--with", "tickets=jira"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise Wrong("the yard did not start")
        self.urls = json.loads(line)
        self.control = self.urls["control"].split("//")[1]

    def ask(self, method, path, body=None):
        c = http.client.HTTPConnection(self.control, timeout=20)
        c.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        answer = c.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Wrong(f"the yard: {method} {path}: {answer.status} {text[:300]}")
        return json.loads(text) if text else None

    def deeds(self):
        return self.ask("GET", "/book")["deeds"]

    def fault(self, **what):
        self.ask("POST", "/faults", what)

    def no_faults(self):
        self.ask("DELETE", "/faults")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)


class Box:
    """A Signalbox with a state folder and as many clients as changes are to run side by side."""

    def __init__(self, binary, folder, yard, clients=20, state=None):
        self.binary = str(binary)
        self.folder = pathlib.Path(folder)
        self.state = pathlib.Path(state or self.folder / "state")
        self.config = self.folder / "signalbox.yaml"
        self.clients = [f"c{i:02d}" for i in range(clients)]
        self.folder.mkdir(parents=True, exist_ok=True)
        text = (yard.folder / "signalbox.yaml").read_text()
        # Slack takes a message a second in a channel.
        channels = ["incident", "change-control", "announcements-change-control", "prod-support-tangerine", "prod-support-clementine", "prod-support-pomelo"]
        mine = "clients:\n" + "".join(f"  {c}: {{name: {c}, components: [Tangerine], channels: {{support: {channels[i % len(channels)]}}}, envs: {{prod: {{production: false}}}}}}\n"
                                      for i, c in enumerate(self.clients))
        text = re.sub(r"^clients:\n(  .*\n)+", mine, text, flags=re.M)
        # An effect in doubt is not done again while an earlier request could still be under way: that is this long.
        for driver in ("jenkins", "slack", "statuspage", "jira"):
            text = text.replace(f"    driver: {driver}\n", f"    driver: {driver}\n    timeout: 2s\n")
        self.config.write_text(text + "\n")
        self.errors = self.folder / "errors.log"
        self.process = None

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("SIGNALBOX")}
        env.update({"HOME": str(self.folder), "NO_COLOR": "1", "ASAN_OPTIONS": "exitcode=99:detect_leaks=1",
                    "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99"}, **more)
        return env

    def words(self, *words):
        return [self.binary, *map(str, words), "--state", str(self.state), "--config", str(self.config)]

    def run(self, *words, timeout=120, **more):
        return subprocess.run(self.words(*words), env=self.environment(), capture_output=True, text=True, timeout=timeout, **more)

    def serve(self, limit=None, **env):
        """`limit`: called in the new process before it becomes Signalbox."""
        log = open(self.errors, "a")
        self.process = subprocess.Popen(self.words("serve", "--listen", "127.0.0.1:0"), env=self.environment(**env), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=log, preexec_fn=limit)
        log.close()
        return self.process

    def kill(self):
        self.process.kill()
        return self.process.wait(timeout=20)

    def stop(self, seconds=60):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=seconds)
        if status != 0:
            raise Wrong(f"serve ended with {status}\n{self.said()}")

    def said(self):
        return self.errors.read_text()[-4000:] if self.errors.exists() else ""

    def ask(self, method, path, body=None):
        """None when there is no answer: the process is dead, or does not listen yet."""
        try:
            c = OverSocket(self.state / "signalbox.sock")
            c.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
            answer = c.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError):
            return None

    def plan(self, client, round):
        """The same plan again while it is open is the same change, so whoever gets no answer asks again."""
        made = self.ask("POST", "/api/v1/changes", {"sop": str(PAGE), "client": client, "env": "prod", "window": "in 2h for 1h",
                                                    "reason": f"torture {round}"})
        if not made:
            return None
        if made[0] >= 300:
            raise Wrong(f"plan: {made}")
        started = self.ask("POST", f"/api/v1/changes/{made[1]['id']}/start", {})
        if started and started[0] >= 300:
            raise Wrong(f"start of {made[1]['id']}: {started}")
        return made[1]["id"] if started else None

    def changes(self):
        got = self.ask("GET", "/api/v1/changes")
        return {c["id"]: c for c in got[1]["changes"]} if got and got[0] == 200 else None

    def settle(self, ids, seconds):
        """Runs until all have ended."""
        def all_ended():
            if self.process.poll() is not None:
                raise Wrong(f"serve ended with {self.process.returncode}\n{self.said()}")
            states = {}
            for i in ids:
                got = self.ask("GET", f"/api/v1/changes/{i}")
                if not got or got[0] != 200:
                    return None
                states[i] = got[1]
                if got[1]["status"] != "ended":
                    self.waiting = got[1]
                    return None
            return states
        try:
            return wait_until(all_ended, seconds, "all changes to end")
        except Wrong as e:
            w = getattr(self, "waiting", {})
            steps = [(s["id"], s["status"], s.get("because")) for s in w.get("steps", [])]
            raise Wrong(f"{e}: {w.get('id')} is {w.get('status')}: {steps}\n{self.said()}") from None


def judge(box, yard, ids):
    """Every effect of every change took place exactly once, says the yard; and the record is whole and sealed."""
    counted = collections.Counter()
    for d in yard.deeds():
        if d["key"]:
            counted[(d["system"], d["what"], d["key"])] += 1
    twice = {k: n for k, n in counted.items() if n > 1}
    if twice:
        raise Wrong(f"took place more than once: {twice}")
    keys = collections.defaultdict(set)
    for _, _, key in counted:
        m = re.match(r"(HF-\d+)/([^/]+)/(\d+)", key)
        if m:
            keys[m[1]].add(m[2])
    for i in ids:
        missing = set(STEPS) - keys[i]
        if missing:
            raise Wrong(f"{i}: never took place: {missing}")
    done = box.run("audit", "verify")
    if done.returncode != 0:
        raise Wrong(f"audit verify: {done.stdout}{done.stderr}")
    return sum(counted.values())
