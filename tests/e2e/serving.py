"""A `signalbox serve` to talk to over HTTP, and the OpenAPI document that its answers are held against."""

import copy
import http.client
import json
import re
import select
import socket
import time
import urllib.parse

import jsonschema
import pytest


class Server:
    """signalbox serve, on any free port, with a state folder of its own."""

    def __init__(self, box, *words, env=None):
        self.box = box
        self.process = box.start("serve", "--state", box.state, "--listen", "127.0.0.1:0", *words, env=env)
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if ready else ""
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if not found:
            self.process.kill()
            pytest.fail(f"serve did not begin: {line!r} {self.process.communicate()}")
        self.port = int(found.group(1))
        self.url = f"http://127.0.0.1:{self.port}"

    def request(self, method, path, body=None, headers=None, raw=None):
        """(status, headers, text)"""
        return ask(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60), method, path, body, headers, raw)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err[-4000:]
        return err


class UnixConnection(http.client.HTTPConnection):
    """As the command line talks to a process on this machine."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def ask(connection, method, path, body=None, headers=None, raw=None):
    headers = dict(headers or {})
    data = raw
    if body is not None:
        data = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    connection.request(method, path, body=data, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


# --- the document ------------------------------------------------------------------------------------


def strict(node):
    """A copy in which objects have no properties but those described: what is not described must not be there."""
    if isinstance(node, list):
        return [strict(n) for n in node]
    if not isinstance(node, dict):
        return node
    out = {k: strict(v) for k, v in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        out.setdefault("additionalProperties", False)
    return out


class Described:
    """Asks like a server, and holds each answer against the document. Notes which operations were asked."""

    def __init__(self, document, ask_it):
        self.document = copy.deepcopy(document)
        self.strict = strict(document)
        self.resolver = jsonschema.RefResolver.from_schema(self.strict)
        self.ask_it = ask_it
        self.seen = set()

    def operation(self, method, path):
        path = urllib.parse.urlsplit(path).path
        for template, operations in self.strict["paths"].items():
            pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in operations:
                return template, operations[method.lower()]
        pytest.fail(f"{method} {path} is not in the document")

    def check(self, method, path, status, headers, text):
        template, operation = self.operation(method, path)
        answers = operation["responses"]
        described = answers.get(str(status), answers["default"])
        if "$ref" in described:
            described = self.resolver.resolve(described["$ref"])[1]
        if status < 400:
            assert str(status) in answers, f"{method} {path}: {status} is not described"
            self.seen.add((method, template))
        if status == 304:
            assert text == ""
            return None
        media = headers["Content-Type"].split(";")[0]
        assert media in described["content"], f"{method} {path}: {status} came as {media}"
        if not media.endswith("json"):
            return text
        value = json.loads(text)
        validator = jsonschema.Draft202012Validator(described["content"][media]["schema"], resolver=self.resolver)
        wrong = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in validator.iter_errors(value)]
        assert not wrong, f"{method} {path}: {status} is not as described:\n" + "\n".join(wrong[:10])
        return value

    def __call__(self, method, path, body=None, status=None, headers=None):
        got, their, text = self.ask_it(method, path, body, headers)
        if status is not None:
            assert got == status, f"{method} {path}: {got}: {text[:2000]}"
        return self.check(method, path, got, their, text)


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(0.1)
    pytest.fail("waited too long")
