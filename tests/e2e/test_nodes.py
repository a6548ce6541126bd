"""Several nodes on one PostgreSQL database: they die, stand still, are restarted and lose the database; the yard
counts, and every effect takes place exactly once."""

import contextlib
import glob
import http.client
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from conftest import TESTING, Box, stop, wait_until

POSTS = 24

PAGE = """---
title: Many posts
signalbox:
  inputs: [{name: reason, type: text, says: why}]
  branches: {trouble: trouble, stop: stopping}
  redo_from: post-1
---

## Telling

""" + "\n".join(f"""{n}. Post {n}.

   ```step
   id: post-{n}
   do: chat.post
   with: {{channels: [change-control], text: "This is {n}"}}
   ```
""" for n in range(1, POSTS + 1)) + """
## Trouble

1. Decide.

   ```step
   id: decide
   after: []
   ask:
     question: What now?
     decision: true
     choices:
       - {id: retry, label: Try again}
       - {id: stop, label: Stop}
   ```

### Stopping

1. Hand over.

   ```step
   id: handover
   do: change.report
   after: []
   ```
"""


class Database:
    """A server of the distribution's package, on a Unix socket alone."""

    def __init__(self):
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.folder = tempfile.mkdtemp(prefix="test-pg-")
        self.user = pwd.getpwnam("nobody") if os.getuid() == 0 else None
        if self.user:  # the server refuses to run as root
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.process = None
        self.tool("initdb", "-D", "data", "-U", "signalbox", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8")
        self.start()

    def spawn(self, program, *words, **more):
        who = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        return subprocess.Popen([f"{self.bin}/{program}", *words], cwd=self.folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **who, **more)

    def tool(self, program, *words):
        process = self.spawn(program, *words)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, out
        return out

    def start(self):
        log = open(f"{self.folder}/server.log", "a")
        who = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        self.process = subprocess.Popen(
            [f"{self.bin}/postgres", "-D", "data", "-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}",
             "-c", "fsync=off", "-c", "max_connections=60"], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **who)
        wait_until(lambda: subprocess.run([f"{self.bin}/pg_isready", "-q", "-h", self.folder]).returncode == 0, 60)

    def stop(self, how=signal.SIGINT):
        self.process.send_signal(how)
        self.process.wait(timeout=60)

    def ask(self, sql, schema="public"):
        return self.tool("psql", "-h", self.folder, "-U", "signalbox", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-qAt",
                         "-c", f"SET search_path = {schema}; {sql}").strip()


@pytest.fixture(scope="module")
def database():
    server = Database()
    yield server
    if server.process.poll() is None:
        server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


class OverUnix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Node:
    def __init__(self, box, config, state):
        self.box, self.config, self.state = box, config, state
        self.log = open(f"{state}.log", "a")
        self.process = subprocess.Popen(
            [box.binary, "serve", "--listen", "127.0.0.1:0", "--config", str(config), "--state", str(state)],
            env=box.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True)
        said = self.process.stdout.readline()
        assert said.startswith("Serving"), open(f"{state}.log").read()

    def call(self, method, path, body=None):
        c = OverUnix(self.state / "signalbox.sock")
        c.request(method, f"/api/v1{path}", json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        answer = c.getresponse()
        text = answer.read()
        c.close()
        return answer.status, json.loads(text) if text else None

    def do(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        assert status < 300, (status, answer)
        return answer

    def change(self, change):
        return self.do("GET", f"/changes/{change}")

    def has_ended(self, change):
        return self.change(change)["status"] == "ended"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def end(self):
        """In good order; a sanitizer's finding fails the test."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=60)
        self.log.close()
        assert self.process.returncode == 0, open(f"{self.state}.log").read()[-4000:]


class Town:
    """A yard, a store, and nodes."""

    def __init__(self, folder, database):
        self.folder, self.database = folder, database
        self.box = Box(TESTING, folder)
        self.schema = f"s{random.getrandbits(40):x}"
        database.ask(f"CREATE SCHEMA {self.schema}")
        self.url = f"postgresql:///postgres?host={database.folder}&user=signalbox&options=-csearch_path%3D{self.schema}"
        self.yard = self.box.start("yard", "--dir", folder / "yard", "--speed", "20")
        assert self.yard.stdout.readline().startswith("{")
        self.config = folder / "signalbox.yaml"
        made = (folder / "yard" / "signalbox.yaml").read_text()
        self.config.write_text(f"store: {{url: \"{self.url}\", lease: 2s}}\npoll: 200ms\n{made}")
        self.page = folder / "posts.md"
        self.page.write_text(PAGE)
        self.nodes, self.made = [], 0

    def node(self):
        self.made += 1
        node = Node(self.box, self.config, self.folder / f"n{self.made}")
        self.nodes.append(node)
        return node

    def plan(self, node, client="tangerine"):
        return node.do("POST", "/changes", {
            "sop": str(self.page), "client": client, "env": "prod", "reason": f"plan {random.random()}"})["id"]

    def posts(self):
        book = json.loads((self.folder / "yard" / "yard.json").read_text())["book"]
        return [d["key"] for d in book if d["system"] == "slack" and "/post-" in (d["key"] or "")]

    def count_once(self, *changes):
        """Each post of each change has taken place once, and the record is whole."""
        keys = self.posts()
        for change in changes:
            mine = [k for k in keys if k.startswith(f"{change}/")]
            assert len(mine) == len(set(mine)), sorted(mine)
            assert len(mine) == POSTS
        done = self.box.run("audit", "verify", "--store", self.url, "--json")
        assert json.loads(done.stdout)["good"], done.stdout

    def close(self):
        for node in self.nodes:
            if node.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    node.process.send_signal(signal.SIGCONT)
                node.kill()
        stop(self.yard)


@pytest.fixture
def town(tmp_path, database):
    t = Town(tmp_path, database)
    yield t
    t.close()


def wait_for_posts(town, change, n):
    wait_until(lambda: len([k for k in town.posts() if k.startswith(f"{change}/")]) >= n, 60)


def test_what_a_person_does_at_one_node_is_done_by_the_node_that_carries_the_change(town):
    a, b = town.node(), town.node()
    change = town.plan(a)
    assert b.change(change)["status"] == "planned"
    heard = []

    def listen():
        c = OverUnix(b.state / "signalbox.sock")
        c.request("GET", f"/api/v1/changes/{change}/events", headers={"Accept": "text/event-stream"})
        for line in c.getresponse():
            if line.startswith(b"data: {"):
                heard.append(json.loads(line[6:])["type"])
            if heard and heard[-1] == "change.ended":
                return

    reader = threading.Thread(target=listen, daemon=True)
    reader.start()
    b.do("POST", f"/changes/{change}/start")
    b.do("POST", f"/changes/{change}/note", {"text": "from the other node"})
    status, problem = b.call("POST", f"/changes/{change}/answer", {"step": "decide", "choice": "stop"})
    assert status >= 400 and "asks nothing now" in problem["detail"]
    same = b.do("POST", f"/changes/{change}/start")
    assert same["already"] is True
    wait_until(lambda: a.has_ended(change) and b.has_ended(change), 90)
    reader.join(30)
    assert heard.count("step.done") == POSTS and "change.noted" in heard
    town.count_once(change)
    # An end is an end at both, and a later note is taken by either.
    a.do("POST", f"/changes/{change}/note", {"text": "afterwards"})
    a.end()
    b.end()


def test_when_a_node_is_killed_another_takes_over(town):
    a, b = town.node(), town.node()
    changes = []
    for at in (2, 9, 17):
        change = town.plan(a)
        changes.append(change)
        b.do("POST", f"/changes/{change}/start")
        wait_for_posts(town, change, at)
        a.kill()
        wait_until(lambda: b.has_ended(change), 90)
        a, b = b, town.node()
    town.count_once(*changes)
    a.end()
    b.end()


def test_a_node_that_stood_still_for_longer_than_its_lease_neither_records_nor_acts(town):
    a, b = town.node(), town.node()
    changes = []
    for at in (1, 6, 13, 20):
        change = town.plan(a)
        changes.append(change)
        a.do("POST", f"/changes/{change}/start")
        wait_for_posts(town, change, at)
        a.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: b.has_ended(change), 90)
        a.process.send_signal(signal.SIGCONT)
        wait_until(lambda: a.has_ended(change), 60)
        time.sleep(0.5)
        town.count_once(*changes)
        a, b = b, a
    tokens = town.database.ask("SELECT max(token) FROM leases", town.schema)
    assert int(tokens) >= 4
    a.end()
    b.end()


def test_nodes_are_restarted_one_after_the_other_while_changes_go_on(town):
    a, b = town.node(), town.node()
    changes = [town.plan(a), town.plan(b, "pomelo")]
    for change in changes:
        a.do("POST", f"/changes/{change}/start")
    for _ in range(2):
        wait_for_posts(town, changes[0], 3)
        a.end()
        a = town.node()
        b.end()
        b = town.node()
    wait_until(lambda: all(a.has_ended(c) and b.has_ended(c) for c in changes), 120)
    town.count_once(*changes)
    a.end()
    b.end()


def test_the_database_is_restarted_under_the_nodes(town):
    a, b = town.node(), town.node()
    change = town.plan(a)
    a.do("POST", f"/changes/{change}/start")
    for at, how in ((3, signal.SIGINT), (12, signal.SIGQUIT)):
        wait_for_posts(town, change, at)
        town.database.stop(how)
        time.sleep(1)
        town.database.start()
    wait_until(lambda: b.call("GET", f"/changes/{change}")[1].get("status") == "ended", 120)
    town.count_once(change)
    a.end()
    b.end()


def test_sessions_are_ended_in_the_middle_of_commits(town):
    a, b = town.node(), town.node()
    changes = [town.plan(a), town.plan(b, "pomelo")]
    for change in changes:
        a.do("POST", f"/changes/{change}/start")
    ended = 0

    def over():
        return all(a.call("GET", f"/changes/{c}")[1].get("status") == "ended" for c in changes)

    while not over():
        ended += int(town.database.ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE "
                                       "'signalbox %' AND (state <> 'idle' OR random() < 0.1)"))
        time.sleep(0.05 + random.random() / 4)
    assert ended > 0
    town.count_once(*changes)
    a.end()
    b.end()
