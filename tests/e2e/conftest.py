"""What the end-to-end tests share: the real binary, a state folder of one's own, and the yard's book."""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASE = ROOT / "build" / "signalbox"
TESTING = ROOT / "build" / "test" / "signalbox"  # with sanitizers and crash points

# A sanitizer's finding must fail the test, whatever the program would have returned.
SANITIZERS = {
    "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99:print_stacktrace=1",
}


class Box:
    """A Signalbox with a state folder of its own."""

    def __init__(self, binary, state):
        self.binary = str(binary)
        self.state = pathlib.Path(state)

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("SIGNALBOX")}
        env.update(SANITIZERS, HOME=str(self.state), NO_COLOR="1", **more)
        return env

    def run(self, *words, status=0, timeout=120, env=None, input=None):
        """Runs a command to its end; fails the test when it ends otherwise than expected."""
        done = subprocess.run(
            [self.binary, *map(str, words)],
            env=self.environment(**(env or {})),
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if status is not None and done.returncode != status:
            pytest.fail(f"signalbox {' '.join(map(str, words))} ended with {done.returncode}, not {status}\n"
                        f"--- out\n{done.stdout[-6000:]}\n--- err\n{done.stderr[-6000:]}")
        return done

    def start(self, *words, env=None, **more):
        return subprocess.Popen(
            [self.binary, *map(str, words)], env=self.environment(**(env or {})),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def drill(self, *words, speed=20, **more):
        return self.run("drill", "--state", self.state, "--yes", "--speed", speed, *words, **more)

    def log(self, change="HF-1"):
        out = self.run("log", change, "--json", "--state", self.state, "--config", self.state / "signalbox.yaml").stdout
        return [json.loads(line) for line in out.splitlines()]

    def book(self):
        """What the yard has counted: every deed that took place in the outside world."""
        return json.loads((self.state / "yard.json").read_text())["book"]


@pytest.fixture
def box(tmp_path):
    return Box(TESTING, tmp_path / "state")


@pytest.fixture
def release(tmp_path):
    return Box(RELEASE, tmp_path / "state")


def wait_until(what, seconds=30):
    """Polls until `what()` gives something true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(0.05)
    pytest.fail("waited too long")


def stop(process, how=signal.SIGTERM, seconds=20):
    process.send_signal(how)
    return process.communicate(timeout=seconds)
