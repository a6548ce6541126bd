"""Stopping and starting without losing anybody: the listener stays, watchers are told, TLS is served when it is configured."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess

from conftest import stop
from serving import Server, wait_for


def serve_on(box, listener):
    """signalbox serve with a socket that somebody else holds, as systemd gives it."""
    script = f'exec 3<&{listener.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" serve --state "$1"'
    return subprocess.Popen(["bash", "-c", script, box.binary, str(box.state)], env=box.environment(),
                            pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    return connection.getresponse()


def test_a_restart_loses_no_request_and_tells_who_watches(box):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        port = listener.getsockname()[1]
        first = serve_on(box, listener)
        assert "Serving on" in first.stdout.readline()
        watching = get(port, "/api/v1/events")
        assert watching.status == 200
        first.send_signal(signal.SIGTERM)
        text = watching.read().decode()
        assert text.endswith("event: end\ndata: {}\n\n")
        assert first.wait(timeout=30) == 0, first.communicate()
        # Nobody serves now: who comes waits, and is answered by the next one.
        waiting = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        waiting.request("GET", "/api/v1/version")
        second = serve_on(box, listener)
        answer = waiting.getresponse()
        assert answer.status == 200
        assert json.load(answer)["pid"] == second.pid
        stop(second)
        assert second.returncode == 0


def test_tls_is_served_when_it_is_configured_and_the_cookie_is_then_secure(box):
    box.state.mkdir(parents=True)
    key, certificate = box.state / "key.pem", box.state / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                    "-out", certificate, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    config = box.state / "signalbox.yaml"
    config.write_text("serve: {listen: '127.0.0.1:0', tls: {certificate: certificate.pem, key: key.pem}}\n")
    process = box.start("serve", "--state", box.state, "--config", config)
    line = process.stdout.readline()
    assert "https://127.0.0.1:" in line, line
    port = int(line.split("https://127.0.0.1:")[1].split(",")[0].split()[0])
    token = json.loads(box.run("token", "create", "--state", box.state, "--name", "t", "--scope", "see", "--json").stdout)["token"]
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60,
                                             context=ssl.create_default_context(cafile=str(certificate)))
    connection.request("POST", "/sign-in", json.dumps({"token": token}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-signalbox=") and "; Secure" in cookie and "HttpOnly" in cookie
    stop(process)
    assert process.returncode == 0


def test_the_command_line_speaks_to_a_server_with_a_token_from_a_file(box):
    server = Server(box)
    token = json.loads(box.run("token", "create", "--state", box.state, "--name", "t", "--scope", "act", "--json").stdout)["token"]
    file = box.state / "token"
    file.write_text(token + "\n")
    far = ("--server", server.url, "--token", f"file:{file}")
    assert "No change is open" in box.run("list", *far).stdout
    assert json.loads(box.run("list", "--json", env={"SIGNALBOX_TOKEN": token}, *("--server", server.url)).stdout)["changes"] == []
    box.run("token", "revoke", "t", "--state", box.state)
    refused = box.run("list", *far, status=None)
    assert refused.returncode == 6 or "was revoked" in refused.stderr, refused
    server.stop()
