"""docs/first-hotfix.md is followed to the letter: every command it shows, in order, in one shell; every line it shows must come."""

import getpass
import os
import re
import shutil
import socket
import subprocess
import time

import pytest
from conftest import RELEASE, ROOT

PAGE = ROOT / "docs" / "first-hotfix.md"
PORT = "8619"
ANY = "…"  # on a page: any text; alone in a line: any lines


def blocks(text):
    """The page's console blocks, as lists of (command, lines shown)."""
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
        steps = []
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                assert steps, f"output before a command: {line}"
                steps[-1][1].append(line)
        yield from steps


def settled(line):
    """A line without what differs from run to run: moments, counts, and who is at the keyboard."""
    line = re.sub(r"\b[A-Z][a-z]{2} \d{1,2} [A-Z][a-z]{2}( \d{4})? \d\d:\d\d(:\d\d|-\d\d:\d\d)?", "<date>", line.rstrip())
    line = re.sub(r"\b\d\d:\d\d:\d\d\b", "<time>", line)
    line = re.sub(r"\b\d+ answers", "<n> answers", line)
    return re.sub(rf"(?<![\w.-]){re.escape(getpass.getuser())}(?![\w.-])", "ann", line)


def same(shown, line):
    parts = [re.escape(p) for p in settled(shown).split(ANY)]
    return re.fullmatch(".*".join(parts), settled(line)) is not None


def missing(shown, got):
    """The first line shown that did not come where it should; None when all did."""
    at = 0
    gap = False
    for line in shown:
        if line.strip() == ANY:
            gap = True
            continue
        if gap:
            while at < len(got) and not same(line, got[at]):
                at += 1
        if at == len(got) or not same(line, got[at]):
            return line
        at += 1
        gap = False
    return None if gap or at == len(got) else f"(the end; there is more: {got[at]!r})"


class Shell:
    """One bash, told one command after another, as somebody at the keyboard would."""

    MARK = "--- that was it ---"

    def __init__(self, cwd, env):
        self.process = subprocess.Popen(["bash", "--noprofile", "--norc"], cwd=cwd, env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def run(self, command, seconds=90):
        self.process.stdin.write(f"{command}\necho; echo '{self.MARK}'\n")
        self.process.stdin.flush()
        lines, end = [], time.monotonic() + seconds
        for line in self.process.stdout:
            if line.rstrip("\n") == self.MARK:
                break
            lines.append(line.rstrip("\n"))
            assert time.monotonic() < end, f"{command}: takes too long:\n" + "\n".join(lines)
        if lines and lines[-1] == "":
            lines.pop()
        return lines

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


@pytest.fixture
def checkout(tmp_path):
    """A checkout of one's own, with the example and the page at another port: 8619 may be somebody's."""
    port = free_port()
    (tmp_path / "build").symlink_to(RELEASE.parent)
    example = tmp_path / "examples" / "first-hotfix"
    shutil.copytree(ROOT / "examples" / "first-hotfix", example, ignore=shutil.ignore_patterns("state", "run", "releases"))
    for file in example.iterdir():
        file.write_text(file.read_text().replace(PORT, port))
    yield tmp_path, PAGE.read_text().replace(PORT, port)
    for script in ("knock", "service"):
        subprocess.run([example / script, "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)


def test_the_page_of_the_first_hotfix_does_what_it_says(checkout):
    folder, page = checkout
    env = {k: v for k, v in os.environ.items() if not k.startswith("SIGNALBOX")}
    env.update(HOME=str(folder), NO_COLOR="1", LC_ALL="C.UTF-8")
    shell = Shell(folder, env)
    followed = []
    for command, shown in blocks(page):
        got = shell.run(command)
        followed.append(f"$ {command}\n" + "\n".join(got))
        line = missing(shown, got)
        assert line is None, f"$ {command}\ndid not show: {line}\n--- it showed\n" + "\n".join(got)
    shell.close()
    assert len(followed) >= 20
    assert "0 requests without an answer" in "\n".join(followed)


def test_a_page_that_promises_what_does_not_come_is_found_out():
    assert missing(["a", ANY, "c"], ["a", "b", "c"]) is None
    assert missing(["a", ANY], ["a", "b", "c"]) is None
    assert missing(["a … c"], ["a b c"]) is None
    assert missing(["14:02:51  ended: done"], ["01:02:03  ended: done"]) is None
    assert missing(["a", "c"], ["a", "b", "c"]) == "c"
    assert missing([ANY, "d"], ["a", "b"]) == "d"
    assert missing(["a"], ["a", "b"]) is not None
    assert missing(["a"], []) == "a"
    assert missing(["14:02:51  ended: done"], ["14:02:51  ended: rolled-back"]) is not None
