"""cluster.py versions|watch SIGNALBOX: what runs in a cluster of 5,000 pods and 50 services; see README.md."""

import http.client
import json
import os
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

PODS, SERVICES, ROUNDS, NAMESPACE = 5000, 50, 7, "prod"
SOP = ("kubectl get pods --output=jsonpath='{.items[*].spec.containers[*].image}' | tr -s '[:space:]' '\\n' | sort | uniq -c >/dev/null")


def run(command, env):
    """Seconds, and the most memory that one of its processes had, in MiB."""
    began = time.perf_counter()
    child = subprocess.Popen(["/bin/bash", "-c", command], env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    if status:
        sys.exit(f"bench: {command}: ended with {status}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def middle(rows):
    return statistics.median(r[0] for r in rows), max(r[1] for r in rows)


class ApiServer:
    """In a process of its own: what a child has used counts its parent's memory, up to the exec."""

    def __init__(self):
        program = Path(__file__).with_name("api_server.py")
        self.process = subprocess.Popen([sys.executable, program, str(PODS), str(SERVICES)], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def bench(self, query=""):
        with urlopen(f"{self.url}/bench{query}") as answer:
            return json.load(answer)


def set_up(folder, server):
    cluster = {"name": "bench", "cluster": {"server": server.url}}
    context = {"name": "bench", "context": {"cluster": "bench", "user": "bench", "namespace": NAMESPACE}}
    (folder / "kubeconfig").write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "bench", "clusters": [cluster],
                                                   "users": [{"name": "bench", "user": {}}], "contexts": [context]}))
    (folder / "signalbox.yaml").write_text(
        "clients:\n  tangerine: {name: Tangerine, zone: UTC, envs: {prod: {}}}\nsystems:\n  cluster:\n    driver: kubernetes\n"
        f"    kubeconfig: {folder}/kubeconfig\n    targets: {{tangerine/prod: {{context: bench}}}}\n")
    return {**os.environ, "KUBECONFIG": str(folder / "kubeconfig"), "HOME": str(folder), "SIGNALBOX_STATE": str(folder / "state"),
            "SIGNALBOX_CONFIG": str(folder / "signalbox.yaml")}


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Server:
    """`signalbox serve`, and questions to it over its socket."""

    def __init__(self, signalbox, folder, env):
        self.process = subprocess.Popen([signalbox, "serve", "--listen", "127.0.0.1:0"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.process.stdout.readline()
        self.http = Unix(folder / "state" / "signalbox.sock")

    def ask(self, method, path, body=None):
        self.http.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"bench: {path}: {answer.status} {text[:300]!r}")
        return text

    def versions(self):
        return self.ask("POST", "/api/v1/look", '{"verb": "cluster.versions", "args": {"client": "tangerine", "env": "prod"}}')

    def memory(self):
        """Resident, in MiB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0

    def cpu(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def timed(n, question):
    times = []
    for _ in range(n):
        began = time.perf_counter()
        question()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def bench_versions(signalbox, folder, server, env):
    pods = f"{server.url}/api/v1/namespaces/{NAMESPACE}/pods"
    contenders = {"bare transfer (curl)": f"curl -sS -o /dev/null {shlex.quote(pods)}",
                  "signalbox versions": f"{shlex.quote(signalbox)} versions tangerine prod --json"}
    if shutil.which("kubectl"):
        contenders["kubectl | tr | sort | uniq"] = SOP
    rows = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, command in contenders.items():
            rows[name].append(run(command, env))
    print(f"{PODS} pods of {SERVICES} services, {server.bench()['bytes'] / 1e6:.1f} MB; medians of {ROUNDS} in turns\n")
    print(f"{'':30}{'s':>8}{'ratio':>8}{'most MiB':>10}")
    bare = middle(rows["bare transfer (curl)"])[0]
    for name in contenders:
        seconds, memory = middle(rows[name])
        print(f"{name:30}{seconds:8.3f}{seconds / bare:8.2f}{memory:10.1f}")
    served = Server(signalbox, folder, env)
    served.versions()
    served.versions()
    time.sleep(2)
    plain = timed(200, lambda: served.ask("GET", "/healthz"))
    live = timed(200, served.versions)
    print(f"\nfrom the live watch: {live:.2f} ms a question; one that needs nothing (/healthz): {plain:.2f} ms; ratio {live / plain:.2f}")
    served.stop()


def bench_watch(signalbox, folder, server, env):
    served = Server(signalbox, folder, env)
    served.versions()
    served.versions()
    time.sleep(2)
    before, cpu, first = served.memory(), served.cpu(), server.bench("?rate=1000")["sent"]
    began = time.monotonic()
    seconds = 15
    time.sleep(seconds)
    server.bench("?rate=0")
    took = time.monotonic() - began
    last_one = server.bench()["sent"]
    sent = last_one - first
    used = served.cpu() - cpu
    last = f"hotfix.{(last_one - 1) // 1000 % 10}"
    began = time.perf_counter()
    while last.encode() not in served.versions():
        if time.perf_counter() - began > 30:
            sys.exit("bench: the last change is not seen")
    lag = (time.perf_counter() - began) * 1000
    print(f"{PODS} pods, {sent / took:.0f} changes a second for {seconds} s ({sent} changes); all seen {lag:.0f} ms after the last")
    print(f"memory {before:.1f} MiB before, {served.memory():.1f} MiB after; {100 * used / took:.0f} % of a core")
    served.stop()


def main():
    what, signalbox = sys.argv[1], os.path.abspath(sys.argv[2])
    server = ApiServer()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        {"versions": bench_versions, "watch": bench_watch}[what](signalbox, folder, server, set_up(folder, server))
        server.process.terminate()


main()
