"""Our driver against Prometheus and Alertmanager themselves: what it measures, and the silences that it makes, moves and lifts."""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "build" / "signalbox"

PAGE = """---
title: Silence
signalbox:
  inputs:
    - {name: services, type: services, required: true, says: services}
    - {name: window, type: window, required: true, says: window}
    - {name: risk, type: choice, choices: [low, high], required: true, says: risk}
---

1. Measure.

   ```step
   id: measure
   do: health.snapshot
   with: {services: ["prometheus"], client: "{{ client.id }}", env: "{{ env.name }}"}
   ```

2. Keep quiet.

   ```step
   id: silence
   do: health.silence
   when: systems.silences
   with: {services: ["prometheus"], client: "{{ client.id }}", to: "{{ window.to }}", text: Hotfix}
   ```

3. Keep quiet for longer: the same silence, with another end.

   ```step
   id: longer
   do: health.silence
   with: {services: ["prometheus"], client: "{{ client.id }}", to: "{{ window.to + minutes(30) }}"}
   ```

4. Look before it is lifted.

   ```step
   id: look
   ask:
     question: Quiet?
     choices: [{id: yes, label: "Yes"}]
   ```

5. Be loud again.

   ```step
   id: unsilence
   do: health.unsilence
   with: {services: ["prometheus"], client: "{{ client.id }}"}
   ```
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ready(url):
    for _ in range(200):
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    pytest.fail(f"{url} does not become ready")


@pytest.fixture
def servers(tmp_path):
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    prometheus_at, alertmanager_at = (f"127.0.0.1:{free_port()}" for _ in range(2))
    (tmp_path / "am.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    (tmp_path / "p.yml").write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: prometheus\n"
        f"  static_configs: [{{targets: ['{prometheus_at}']}}]\n")
    words = [
        [alertmanager, f"--config.file={tmp_path}/am.yml", f"--storage.path={tmp_path}/am", f"--web.listen-address={alertmanager_at}",
         "--cluster.listen-address="],
        ["prometheus", f"--config.file={tmp_path}/p.yml", f"--storage.tsdb.path={tmp_path}/p", f"--web.listen-address={prometheus_at}"],
    ]
    running = [subprocess.Popen(w, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for w in words]
    try:
        ready(f"http://{alertmanager_at}/-/ready")
        ready(f"http://{prometheus_at}/-/ready")
        query = f"http://{prometheus_at}/api/v1/query?query=up"  # it has looked at itself once
        wait_until(lambda: requests.get(query, timeout=5).json()["data"]["result"])
        yield f"http://{prometheus_at}", f"http://{alertmanager_at}"
    finally:
        for process in running:
            process.terminate()
            process.wait(timeout=20)


def events(box):
    return [json.loads(line) for line in box("log", "HF-1", "--json").stdout.splitlines() if line.startswith("{")]


def wait_until(what, seconds=30):
    for _ in range(seconds * 5):
        got = what()
        if got:
            return got
        time.sleep(0.2)
    pytest.fail("waited too long")


def silences(alertmanager):
    return requests.get(f"{alertmanager}/api/v2/silences", timeout=5).json()


def test_silences_are_made_moved_and_lifted_in_a_real_alertmanager(servers, tmp_path):
    prometheus, alertmanager = servers
    config, page, state = tmp_path / "signalbox.yaml", tmp_path / "silence.md", tmp_path / "state"
    page.write_text(PAGE)
    config.write_text(f"""
systems:
  health:
    driver: prometheus
    url: {prometheus}
    measures: [{{name: up, query: 'min(up{{job="{{service}}"}})', min: 1}}]
    silences:
      url: {alertmanager}
      match: {{service: "{{services}}", client: "{{client}}"}}
clients:
  tangerine: {{name: Tangerine, zone: UTC, envs: {{qa: {{}}}}}}
services:
  prometheus: {{}}
""")
    common = ["--config", config, "--state", state]

    def box(*words):
        done = subprocess.run([BINARY, *map(str, words), *map(str, common)], capture_output=True, text=True, timeout=60)
        return done

    doctor = box("doctor", "prometheus")
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert re.search(r"ok\s+may read silences", doctor.stdout)
    start = subprocess.Popen([BINARY, "start", "--sop", page, "--client", "tangerine", "--env", "qa", "--service", "prometheus=24-02-05.1",
                              "--window", "now for 90m", "--risk", "low", *common], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        asked = wait_until(lambda: [e for e in events(box) if e["type"] == "step.asked" and e["step"] == "look"])
        assert asked
        quiet = [s for s in silences(alertmanager) if s["status"]["state"] == "active"]
        assert [s["comment"] for s in quiet] == ["Hotfix [signalbox:HF-1/silence/1]"]
        assert len(silences(alertmanager)) == 1  # the second step moved the first one's end
        assert {m["name"]: m["value"] for m in quiet[0]["matchers"]} == {"service": "prometheus", "client": "tangerine"}
        done = {e["step"]: e["data"].get("result", {}) for e in events(box) if e["type"] == "step.done"}
        assert done["measure"]["healthy"] is True, done["measure"]
        assert done["longer"]["until"] - done["silence"]["until"] == 30 * 60 * 1000
        answered = box("answer", "HF-1", "look", "yes")
        assert answered.returncode == 0, answered.stderr
        out, _ = start.communicate(timeout=30)
        assert [s["status"]["state"] for s in silences(alertmanager)] == ["expired"], out
    finally:
        start.kill()
        start.communicate()
