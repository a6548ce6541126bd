"""What our drivers send and the yard answers, held against the systems' own machine-readable descriptions.

The descriptions belong to those who wrote the systems, so they are not part of this tree: SIGNALBOX_CONTRACTS names a
folder with SYSTEM/*.json (OpenAPI 3, Swagger 2). jsonschema judges; this file only finds which schema applies.
"""

import json
import os
import pathlib
import re
import urllib.parse

import pytest

FOLDER = pathlib.Path(os.environ.get("SIGNALBOX_CONTRACTS", "/nonexistent"))
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="SIGNALBOX_CONTRACTS names no folder")

# Paths as the yard serves them -> as the description has them.
PREFIX = {"alertmanager": "/api/v2", "prometheus": "/api/v1", "statuspage": "/v1", "slack": "/api"}

# Where a description is older than the system it describes, or mistaken: (system, what the validator says, why).
KNOWN = [
    ("slack", r"token is missing", "the token goes into a header now, and should"),
    ("slack", r"'metadata' were? unexpected|'app_id'", "message metadata is younger than the description"),
    ("grafana", r"'active' is not one of", "the list of states was made one word"),
    ("grafana", r"status 202 is not described", "that is how it answers"),
    ("statuspage", r"None is not", "what is not set is null, which OpenAPI 3.0 has to be told"),
    ("pagerduty", r"'user' is not one of", "include[]=users puts whole users where references stand"),
]


class Description:
    """One OpenAPI or Swagger document."""

    def __init__(self, system, file):
        import jsonschema

        self.system, self.doc = system, json.loads(file.read_text())
        self.resolver = jsonschema.RefResolver(base_uri="", referrer=self.doc)
        self.paths = []
        for path, item in self.doc["paths"].items():
            pattern = re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(path))
            self.paths.append((path.count("{"), re.compile(pattern + "$"), item))
        self.paths.sort(key=lambda p: p[0])

    def deref(self, part):
        while isinstance(part, dict) and "$ref" in part:
            part = self.resolver.resolve(part["$ref"])[1]
        return part

    def operation(self, method, path):
        for _, pattern, item in self.paths:
            if pattern.match(path) and method.lower() in item:
                operation = item[method.lower()]
                parameters = [self.deref(p) for p in item.get("parameters", []) + operation.get("parameters", [])]
                return operation, parameters
        return None, []

    def schema(self, part):
        """A schema as JSON Schema knows it: what OpenAPI adds is put into its words."""
        if isinstance(part, list):
            return [self.schema(p) for p in part]
        if not isinstance(part, dict):
            return part
        out = {k: self.schema(v) for k, v in part.items() if k not in ("example", "discriminator", "xml", "nullable", "x-nullable")}
        if isinstance(out.get("exclusiveMinimum"), bool):
            out.pop("exclusiveMinimum")
        if out.get("format") == "int-or-string":
            out["type"] = ["integer", "string"]
        if isinstance(out.get("type"), str):  # Statuspage's has "Object"
            out["type"] = out["type"].lower()
        if part.get("nullable") or part.get("x-nullable"):
            return {"anyOf": [out, {"type": "null"}]}
        return out

    def faults(self, schema, value, where):
        import jsonschema

        whole = {k: self.schema(v) for k, v in self.doc.items() if k in ("components", "definitions")}
        validator = jsonschema.Draft4Validator({**whole, "allOf": [self.schema(schema)]})
        for error in validator.iter_errors(value):
            worst = min(error.context, key=lambda e: len(e.path), default=error) if error.context else error
            yield f"{where}{''.join(f'/{p}' for p in error.absolute_path)}: {worst.message[:300]}"


def descriptions(system):
    return [Description(system, f) for f in sorted((FOLDER / system).glob("*.json")) if "discovery" not in f.name]


def body_schema(described, operation, parameters, kind):
    content = described.deref(operation.get("requestBody", {})).get("content", {})
    if kind in content:
        return content[kind].get("schema")
    return next((p["schema"] for p in parameters if p.get("in") == "body"), None)


def answer_schema(described, operation, status):
    answers = operation.get("responses", {})
    found = described.deref(answers.get(str(status), answers.get("default")))
    if found is None:
        return None, answers
    content = found.get("content", {})
    return found.get("schema") or next((c.get("schema") for t, c in content.items() if "json" in t), None), answers


def check(described, entry):
    """What is wrong with one request and its answer; None: the description does not have it."""
    path = entry["path"]
    for prefix in filter(None, [PREFIX.get(entry["system"])]):
        path = path.removeprefix(prefix) if f"{prefix}" in path else path
    if entry["system"] == "kubernetes":
        path = re.sub(r"^/clusters/[^/]+", "", path)
    if entry["system"] == "grafana" and described.doc.get("basePath") == "/api":
        path = path.removeprefix("/api")
    operation, parameters = described.operation(entry["method"], path)
    if operation is None:
        return None
    wrong = []
    query = urllib.parse.parse_qs(entry["query"], keep_blank_values=True)
    known = {p["name"] for p in parameters if p.get("in") == "query"}
    required = {p["name"] for p in parameters if p.get("in") == "query" and p.get("required")}
    wrong += [f"query: {name} is not described" for name in query if name not in known and known]
    wrong += [f"query: {name} is missing" for name in required if name not in query and "form" not in entry["type"]]
    kind = entry["type"].split(";")[0]
    if kind == "application/json" and entry["body"]:
        schema = body_schema(described, operation, parameters, kind)
        if schema:
            wrong += described.faults(schema, json.loads(entry["body"]), "request")
    schema, answers = answer_schema(described, operation, entry["status"])
    if schema is None and str(entry["status"]) not in answers and "default" not in answers and entry["status"] < 400:
        wrong.append(f"answer: status {entry['status']} is not described")
    if schema and "json" in entry["answer_type"] and entry["status"] < 400:
        wrong += described.faults(schema, json.loads(entry["answer"]), "answer")
    return wrong


def is_known(system, fault):
    return any(system == s and re.search(pattern, fault) for s, pattern, _ in KNOWN)


@pytest.mark.parametrize("systems", [(), ("health=grafana", "pager=pagerduty")])
def test_all_that_is_sent_and_answered_fits_the_contracts_of_the_systems(box, tmp_path, systems):
    record, scenario = tmp_path / "traffic.jsonl", tmp_path / "scenario.json"
    scenario.write_text(json.dumps({"record": str(record)}))
    chosen = [word for s in systems for word in ("--with", s)]
    box.drill("--scenario", scenario, *chosen, speed=60)
    found, faults, judged = {}, [], {}
    for line in record.read_text().splitlines():
        entry = json.loads(line)
        system = entry["system"]
        found.setdefault(system, descriptions(system))
        for described in found[system]:
            wrong = check(described, entry)
            if wrong is None:
                continue
            judged[system] = judged.get(system, 0) + 1
            at = f"{system}: {entry['method']} {entry['path']} ({entry['status']})"
            faults += [f"{at}: {w}" for w in wrong if not is_known(system, w)]
    assert judged.get("jira", 0) >= 4 and judged.get("statuspage", 0) >= 4 and judged.get("slack", 0) >= 4
    assert not faults, "\n".join(sorted(set(faults)))
