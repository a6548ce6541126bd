"""/metrics, scraped by a real Prometheus: it takes every line, and what happened can be asked for in its own language."""

import json
import socket
import subprocess
import urllib.parse
import urllib.request

import pytest
from conftest import stop
from serving import Server, wait_for

PROMETHEUS = "/usr/bin/prometheus"


@pytest.fixture
def served(box):
    box.state.mkdir(parents=True)
    pages = box.state / "pages"
    pages.mkdir()
    (pages / "small.md").write_text(
        "---\ntitle: Small\nsignalbox: {}\n---\n# Small\n\n## Go\n\n1. Write it up.\n\n"
        "   ```step\n   id: report\n   do: change.report\n   ```\n\n"
        "2. Ask.\n\n   ```step\n   id: go\n   ask: {question: Go on?}\n   ```\n")
    config = box.state / "signalbox.yaml"
    config.write_text("pages: [pages]\n")
    server = Server(box, "--config", config)
    yield server
    server.stop()


def a_change(server):
    box = server.box
    token = json.loads(box.run("token", "create", "--state", box.state, "--name", "t", "--scope", "act", "--json").stdout)["token"]
    head = {"Authorization": f"Bearer {token}"}
    status, _, text = server.request("POST", "/api/v1/changes", {"sop": "small", "client": "acme"}, head)
    assert status == 201, text
    assert server.request("POST", "/api/v1/changes/HF-1/start", {}, head)[0] == 200
    wait_for(lambda: '"asking"' in server.request("GET", "/api/v1/changes/HF-1")[2])


def test_a_real_prometheus_scrapes_what_happened(served, tmp_path):
    if not subprocess.run(["test", "-x", PROMETHEUS], check=False).returncode == 0:
        pytest.skip("prometheus is not installed: apt-get install prometheus")
    a_change(served)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: signalbox\n    static_configs:\n"
        f"      - targets: ['127.0.0.1:{served.port}']\n")
    prometheus = subprocess.Popen(
        [PROMETHEUS, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
         f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def value(query):
        url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            return None
        return float(found[0]["value"][1]) if found else None

    try:
        assert wait_for(lambda: value("up"), 60) == 1
        assert wait_for(lambda: value('signalbox_changes{status="running"}')) == 1
        assert value('signalbox_effects_total{verb="change.report",outcome="done"}') == 1
        assert value('signalbox_step_seconds_count{verb="change.report"}') == 1
        assert value("signalbox_store_commits_total") > 0
        assert value("process_resident_memory_bytes") > 1e6
        assert value("process_open_fds") > 3
        assert value("signalbox_loop_lag_seconds") is not None
        assert value("histogram_quantile(0.5, signalbox_step_seconds_bucket)") > 0
    finally:
        stop(prometheus)


def test_the_metrics_are_for_those_who_may_see(served):
    status, headers, text = served.request("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    # Through a proxy it is anybody who asks.
    assert served.request("GET", "/metrics", headers={"X-Forwarded-For": "192.0.2.1"})[0] == 401
    assert served.request("GET", "/healthz", headers={"X-Forwarded-For": "192.0.2.1"})[0] == 200
