"""The OpenAPI document is true: every answer of every path is held against it, and nothing is in an answer that it does not
describe. A whole hotfix is carried out over HTTP, with a token, against the yard."""

import json
import threading
import http.client

import jsonschema
import pytest
from conftest import stop
from serving import Described, Server, UnixConnection, ask, wait_for
from test_trouble import in_trouble


@pytest.fixture
def yard(box):
    """The yard, and a server configured for it."""
    box.state.mkdir(parents=True)
    process = box.start("yard", "--dir", box.state, "--speed", "20")
    process.stdout.readline()
    with open(box.state / "signalbox.yaml", "a") as config:
        config.write("settings: {soak: 1s}\n")  # the clock is the real one
    server = Server(box, "--config", box.state / "signalbox.yaml")
    yield server
    server.stop()
    stop(process)


def token_of(box, *words):
    done = box.run("token", "create", "--state", box.state, *words, "--json")
    return json.loads(done.stdout)["token"]


def test_the_document_is_valid_and_complete(box):
    server = Server(box)
    assert json.loads(server.request("GET", "/api/v1/alerts")[2]) == {"alerts": []}
    status, _, text = server.request("GET", "/api/v1/openapi.json")
    routes = json.loads(server.request("GET", "/api/v1")[2])["routes"]
    server.stop()
    assert status == 200
    document = json.loads(text)
    assert document["openapi"].startswith("3.1")
    assert {(m.upper(), p) for p, o in document["paths"].items() for m in o} == {(r["method"], r["path"]) for r in routes}
    names = set()
    for path, operations in document["paths"].items():
        for method, o in operations.items():
            assert o["operationId"] not in names
            names.add(o["operationId"])
            assert o["summary"].endswith(".") or o["summary"].endswith("?")
            in_path = {p["name"] for p in o["parameters"] if p["in"] == "path"}
            assert in_path == {piece[1:-1] for piece in path.split("/") if piece.startswith("{")}
            schemas = [p["schema"] for p in o["parameters"]]
            schemas += [c["schema"] for r in o["responses"].values() for c in r.get("content", {}).values()]
            schemas += [c["schema"] for c in o.get("requestBody", {}).get("content", {}).values()]
            for schema in schemas:
                jsonschema.Draft202012Validator.check_schema(schema)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    # No reference leads nowhere, and nothing is described that nobody gives.
    used = {r.split("/")[-1] for r in references(document)}
    assert used == set(document["components"]["schemas"]) | {"Problem"}


def references(node):
    if isinstance(node, list):
        for n in node:
            yield from references(n)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for v in node.values():
            yield from references(v)


PLAN = {"client": "tangerine", "env": "prod", "services": [{"service": "order-service", "tag": "24-02-05.622-hotfix.624"}],
        "window": "now for 90m", "severity": 1, "risk": "low", "reason": "orders fail"}

OTHER = {"service": "fulfillment-service", "tag": "24-02-05.611-hotfix.612"}


def answer_all(call, change, stop_at=("ended", "trouble")):
    """Answers what a change asks until it is where it should be."""

    def over():
        now = call("GET", f"/api/v1/changes/{change}", status=200)
        for step in now["steps"]:
            if step["status"] == "asking" and now["status"] not in stop_at:
                good = next(c for c in step["choices"] if not c.get("fails") and not c.get("ends"))
                call("POST", f"/api/v1/changes/{change}/answer",
                     {"step": step["id"], "choice": good["id"], "reason": "seen", "run": step["run"], "break_glass": True})
        return now["status"] in stop_at and now

    return wait_for(over, 120)


def test_every_answer_is_as_the_document_says(yard):
    box = yard.box
    token = token_of(box, "--name", "tests", "--scope", "administer")
    document = json.loads(yard.request("GET", "/api/v1/openapi.json")[2])

    def with_token(method, path, body=None, headers=None):
        return yard.request(method, path, body, {"Authorization": f"Bearer {token}", **(headers or {})})

    call = Described(document, with_token)
    for path in ("/healthz", "/readyz", "/metrics", "/api/v1", "/api/v1/openapi.json", "/api/v1/version", "/api/v1/whoami",
                 "/api/v1/pages", "/api/v1/pages/hotfix", "/api/v1/tokens", "/api/v1/changes", "/api/v1/catalogue",
                 "/api/v1/audit/key", "/api/v1/audit/seal"):
        call("GET", path, status=200)
    call("GET", "/api/v1/pages/nothing", status=404)
    call("GET", "/api/v1/alerts", status=409)  # the yard's pager lists them itself
    call("GET", "/calendar.ics", status=409)  # and its calendar is subscribed to there
    call("GET", "/api/v1/changes/HF-99", status=404)
    call("POST", "/api/v1/preview", PLAN, status=200)
    made = call("POST", "/api/v1/changes", PLAN, status=201)
    assert call("POST", "/api/v1/changes", PLAN, status=200)["already"]
    change = made["id"]
    call("POST", f"/api/v1/changes/{change}/start", {}, status=200)
    call("POST", f"/api/v1/changes/{change}/note", {"text": "by the test"}, status=200)
    call("POST", f"/api/v1/changes/{change}/amend", {"facts": {"window": "now for 2h"}, "reason": "more time"}, status=200)
    call("POST", f"/api/v1/changes/{change}/move", {"window": "now for 3h", "reason": "still more"}, status=200)
    call("GET", "/api/v1/changes?open=1", status=200)
    ended = answer_all(call, change)
    assert (ended["status"], ended["outcome"]) == ("ended", "done")
    call("GET", f"/api/v1/changes/{change}/events?limit=10", status=200)
    for kind in ("md", "html"):
        call("GET", f"/api/v1/changes/{change}/report?format={kind}", status=200)
    call("GET", "/api/v1/figures?days=30", status=200)
    call("POST", f"/api/v1/changes/{change}/resolve", {"step": "deploy", "took_place": True, "reason": "seen"}, status=409)
    for act, body in (("trouble", {"reason": "late"}), ("cancel", {"reason": "late"}), ("skip", {"step": "deploy", "reason": "x"}),
                      ("again", {"step": "deploy"})):
        call("POST", f"/api/v1/changes/{change}/{act}", body, status=409)
    call("POST", "/api/v1/doctor", {}, status=200)
    call("POST", "/api/v1/look", {"verb": "cluster.versions", "args": {"client": "tangerine", "env": "prod"}})
    call("POST", "/api/v1/verify", {}, status=200)
    # A second one, that is cancelled; and tokens.
    other = call("POST", "/api/v1/changes", {**PLAN, "services": [OTHER], "reason": "another"}, status=201)["id"]
    call("POST", f"/api/v1/changes/{other}/cancel", {"reason": "not needed"}, status=200)
    mine = call("POST", "/api/v1/tokens", {"name": "short", "scopes": ["see"], "for": ["tangerine/prod", "tangerine"]}, status=201)
    call("GET", "/api/v1/tokens", status=200)
    call("DELETE", f"/api/v1/tokens/{mine['id']}", status=200)
    # Whatever no test here can bring about is named, so that nothing is left out by mistake.
    all_of_them = {(m.upper(), p) for p, o in document["paths"].items() for m in o}
    elsewhere = {("POST", "/api/v1/changes/{id}/resolve"), ("POST", "/api/v1/changes/{id}/trouble"),
                 ("POST", "/api/v1/changes/{id}/skip"), ("POST", "/api/v1/changes/{id}/again"), ("GET", "/api/v1/events"),
                 ("POST", "/api/v1/look"), ("POST", "/api/v1/alerts/ack"), ("GET", "/api/v1/alerts"),
                 ("GET", "/calendar.ics"), ("GET", "/api/v1/changes/{id}/choices")}
    assert all_of_them - call.seen <= elsewhere, all_of_them - call.seen - elsewhere


def test_a_change_in_trouble_is_as_the_document_says(box):
    document_server = Server(type(box)(box.binary, box.state.parent / "other"))
    document = json.loads(document_server.request("GET", "/api/v1/openapi.json")[2])
    document_server.stop()
    process, _ = in_trouble(box, "failing-stage.json")

    def by_socket(method, path, body=None, headers=None):
        return ask(UnixConnection(box.state / "signalbox.sock"), method, path, body, headers)

    call = Described(document, by_socket)
    now = call("GET", "/api/v1/changes/HF-1", status=200)
    assert now["trouble"]["now"] and "rollback" in now["trouble"]
    call("GET", "/api/v1/changes", status=200)
    assert {c["id"] for c in call("GET", "/api/v1/changes/HF-1/choices", status=200)["choices"]} >= {"retry", "rollback", "stop"}
    call("POST", "/api/v1/changes/HF-1/answer", {"step": "decide", "choice": "stop", "reason": "by day"}, status=200)
    try:
        call("GET", "/api/v1/changes/HF-1", status=200)
    except OSError:
        pass  # the drill has ended with the change
    process.communicate(timeout=60)
