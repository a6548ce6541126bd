"""What the browser tests share: a practice server, Chromium, and what a person does with them."""

import base64
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request

import pytest
from selenium import webdriver
from selenium.common.exceptions import (ElementClickInterceptedException, ElementNotInteractableException,
                                        NoSuchElementException, StaleElementReferenceException)
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIGNALBOX = ROOT / "build" / "test" / "signalbox"  # with sanitizers
RESULTS = ROOT / "build" / "results" / "browser"
SANITIZERS = {
    "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99:print_stacktrace=1",
}


def wait_until(what, seconds=60, why=""):
    """Polls until `what()` gives something true. What is not there yet, or was just replaced, is not true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            got = what()
            if got:
                return got
        except (NoSuchElementException, StaleElementReferenceException, ElementNotInteractableException,
                ElementClickInterceptedException):
            pass
        time.sleep(0.1)
    pytest.fail(f"waited too long{': ' + why if why else ''}")


class Server:
    """A drill whose pages are served."""

    def __init__(self, state):
        self.state = pathlib.Path(state)
        self.process = None
        self.url = None

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("SIGNALBOX")}
        return env | SANITIZERS | {"HOME": str(self.state.parent)}

    def run(self, *words):
        """Another command beside the server; gives what it prints."""
        done = subprocess.run([SIGNALBOX, *map(str, words)], env=self.environment(), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def begin(self, *words):
        self.out = open(self.state.parent / "out", "a+")
        self.before = len(self.said())  # of a process before this one
        self.process = subprocess.Popen([SIGNALBOX, *map(str, words)], env=self.environment(), stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=subprocess.STDOUT, text=True)

    def serve(self, config):
        """A server of its own, with a configuration and no drill."""
        file = self.state.parent / "signalbox.yaml"
        file.write_text(config)
        self.begin("serve", "--state", self.state, "--config", file, "--listen", "127.0.0.1:0")
        self.url = wait_until(self._address, 30, "the address of the pages")
        return self

    def start(self, *words, port=0, speed=20):
        self.begin("drill", "--state", self.state, "--listen", f"127.0.0.1:{port}", "--speed", speed, *words)
        self.url = wait_until(self._address, 30, "the address of the pages")
        if "--idle" not in words:
            wait_until(lambda: '"HF-1"' in self.get("/api/v1/changes"), 60, "the drill's change")
        return self

    def _address(self):
        if self.process.poll() is not None:
            pytest.fail("the server ended: " + self.said())
        found = re.findall(r"(?:The drill's pages:|Serving on) (http://[0-9.:]+)", self.said()[self.before:])
        return found[-1] if found else None

    def said(self):
        return (self.state.parent / "out").read_text()

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode()

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)
        return self.process.returncode


@pytest.fixture
def server(tmp_path):
    s = Server(tmp_path / "state")
    yield s
    s.stop()
    assert "ERROR: AddressSanitizer" not in s.said() and "LeakSanitizer" not in s.said() \
        and "runtime error" not in s.said(), s.said()[-6000:]


class Browser:
    """A person with Chromium."""

    def __init__(self, server, name, width=1400, height=1000, phone=False, dark=True, script=True):
        options = Options()
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en",
                     "--hide-scrollbars", f"--window-size={width},{height}", "--force-device-scale-factor=1"):
            options.add_argument(word)
        if phone:
            options.add_experimental_option("mobileEmulation", {
                "deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 2, "touch": True}})
        if not script:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        self.server, self.name, self.script, self.shots = server, name, script, 0

    def open(self, path):
        self.driver.get(self.server.url + path)
        return self

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def see(self, css, seconds=60):
        return wait_until(lambda: self.one(css), seconds, f"{css} on {self.driver.current_url}")

    def text(self, css="main"):
        return self.one(css).text

    def reads(self, words, css="body", seconds=60):
        wait_until(lambda: words in self.text(css), seconds, f"“{words}” on {self.driver.current_url}")

    def click(self, css):
        wait_until(lambda: self.one(css).click() or True, 20, f"click on {css}")

    def fill(self, css, text):
        field = self.see(css)
        field.clear()
        field.send_keys(text)

    def choose(self, css, text):
        Select(self.see(css)).select_by_visible_text(text)

    def play(self, name):
        """Becomes another of the drill's people."""
        self.choose("#player", name)
        wait_until(lambda: Select(self.one("#player")).first_selected_option.text == name, 20, f"to play {name}")

    def shot(self, what):
        """Keeps a picture of the whole page."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        size = self.driver.execute_script(
            "return [innerWidth, Math.max(document.documentElement.scrollHeight, 300)]") if self.script else [1400, 1000]
        if self.script:
            self.driver.execute_script("scrollTo({top: 0, behavior: 'instant'})")
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": size[0], "height": min(size[1], 3000), "scale": 1}})
        (RESULTS / f"{self.name}-{what}.png").write_bytes(base64.b64decode(picture["data"]))

    def complaints(self):
        """What the browser complains of: blocked scripts, files that are missing, errors of our modules."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]

    def answer(self, css="button.go", reason="It has been looked at"):
        """Answers the question that is asked now with the button; waits until it is gone."""
        gate = self.see(".gate[id^=ask-]")
        name = gate.get_attribute("id")
        for field in gate.find_elements(By.CSS_SELECTOR, "form.answer > p > textarea"):
            field.clear()
            field.send_keys(reason)
        self.click(f"#{name.replace('.', chr(92) + '.')} {css}")
        wait_until(lambda: not self.driver.find_elements(By.ID, name), 30, f"{name} to be answered")
        return name[len("ask-"):]

    def close(self):
        self.driver.quit()


@pytest.fixture
def browse(request, server):
    """Makes browsers; closes them, with a last picture of each when the test failed."""
    open_now = []
    base = request.node.name.replace("test_", "").replace("_", "-")[:48]

    def make(**how):
        name = base if not open_now else f"{base}-{len(open_now) + 1}"
        open_now.append(Browser(server, name, **how))
        return open_now[-1]

    yield make
    for b in open_now:
        try:
            if request.node.rep_call.failed:
                b.shot("FAILED")
                print(b.driver.current_url, b.complaints())
        finally:
            b.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    if outcome.get_result().when == "call":
        item.rep_call = outcome.get_result()
