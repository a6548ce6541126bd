"""Bad input is refused with its place and a way out, and the store stays as it was."""

import json

import pytest

PLAN = {"--client": "tangerine", "--service": "decanting-service=24-02-05.619-hotfix.627", "--window": "in 5h for 90m",
        "--severity": "2", "--risk": "low", "--reason": "totes stuck"}

CONFIG = """clients:
  tangerine:
    name: Tangerine
    zone: America/New_York
    envs: {prod: {production: true}}
services:
  decanting-service: {team: decanting}
"""


def words(**changed):
    plan = dict(PLAN)
    for key, value in changed.items():
        plan["--" + key] = value
    return [w for key, value in plan.items() if value is not None for w in (key, value)]


@pytest.fixture
def configured(box, tmp_path):
    box.config = tmp_path / "signalbox.yaml"
    box.config.write_text(CONFIG)
    return box


@pytest.mark.parametrize("changed, says, status", [
    ({"client": "tangerin"}, 'did you mean "tangerine"', 5),
    ({"env": "prd"}, "prod", 5),
    ({"service": "decanting-servic=24-02-05.619-hotfix.627"}, "decanting-service", 5),
    ({"service": "decanting-service=latest"}, "24-02-05.619-hotfix.627", 1),
    ({"service": "decanting-service=24-13-05.619"}, "month 13", 1),
    ({"service": "decanting-service"}, "NAME=TAG", 1),
    ({"window": "yesterday-ish"}, "window", 1),
    ({"window": "2024-03-10 02:15 for 30m"}, "window", 1),
    ({"risk": None}, "risk", 1),
    ({"risk": "none"}, "low", 5),
    ({"severity": "7"}, "severity", 5),
    ({"sop": "hotfx"}, "hotfix", 5),
    ({"reason": "x" * 100000}, "reason", 1),
], ids=range(13))
def test_a_plan_that_cannot_be_is_refused_and_nothing_is_kept(configured, changed, says, status):
    done = configured.run("plan", "--keep", "--config", configured.config, "--state", configured.state, *words(**changed), status=None)
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    kept = json.loads(configured.run("list", "--all", "--json", "--config", configured.config, "--state", configured.state).stdout)
    assert kept["changes"] == []


@pytest.mark.parametrize("text, place", [
    ("clients: [\n", "signalbox.yaml:2"),
    ("clientz: {}\n", "signalbox.yaml:1:1"),
    ("clients:\n  tangerine: {zone: America/New_Yorc}\n", "signalbox.yaml:2"),
    ("systems:\n  pipeline: {driver: jenkinz}\n", "signalbox.yaml:2"),
    ("systems:\n  pipeline: {driver: jenkins, url: 'http://x', token: hunter2, job: j}\n", "signalbox.yaml:2"),
    ("a: &x [1]\nb: *x\n", "signalbox.yaml"),
    ("\x00\x01", "signalbox.yaml"),
    ("[" * 5000, "signalbox.yaml"),
], ids=range(8))
def test_a_configuration_that_is_wrong_is_refused_with_its_place(configured, text, place):
    configured.config.write_text(text)
    done = configured.run("list", "--config", configured.config, "--state", configured.state, status=None)
    assert done.returncode not in (0, 99) and place in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("text, place, says", [
    ("```step\nid: a\ndo: chat.pst\n```\n", "page.md:3:5", "chat.post"),
    ("```step\nid: a\ndo: chat.post\nwith: {channels: [c], txt: hi}\n```\n", "page.md:4", "text"),
    ("```step\nid: a\nask: {question: Go?}\nwhen: 1 +\n```\n", "page.md:4", ""),
    ("```step\nid: a\nask: {question: Go?}\nafter: [b]\n```\n", "page.md:4", "b"),
    ("```step\nid: a\nid: b\n```\n", "page.md:3", ""),
    ("---\nsignalbox: {inputz: []}\n---\n", "page.md:2", "inputs"),
    ("```step\n\tid: a\n```\n", "page.md", ""),
])
def test_a_page_that_is_wrong_is_refused_with_its_place(box, tmp_path, text, place, says):
    page = tmp_path / "page.md"
    page.write_text(text)
    done = box.run("sop", "check", page, status=1)
    assert place in done.stderr and says in done.stderr


def test_a_page_without_steps_is_a_valid_handbook_page(box, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# About\n\nNothing to do here.\n")
    box.run("sop", "check", page)


@pytest.mark.parametrize("text", ["", "clusters: 7\n", "apiVersion: v1\nkind: Config\n", "{" * 1000, "\xff\xfe" * 100, "x" * 3000000],
                         ids=["empty", "type", "bare", "braces", "bytes", "huge"])
def test_a_kubeconfig_that_is_wrong_is_named(configured, tmp_path, text):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(text)
    configured.config.write_text(CONFIG + f"""systems:
  cluster:
    driver: kubernetes
    kubeconfig: {kubeconfig}
    targets: {{tangerine/prod: {{context: prod, namespace: prod}}}}
""")
    done = configured.run("versions", "tangerine", "prod", "--config", configured.config, "--state", configured.state, status=None)
    assert done.returncode not in (0, 99)
    assert "kubeconfig" in done.stderr or "context" in done.stderr


def test_a_second_process_is_told_who_holds_the_store(configured):
    holder = configured.start("serve", "--listen", "127.0.0.1:0", "--config", configured.config, "--state", configured.state)
    try:
        assert "Serving on" in holder.stdout.readline()
        done = configured.run("serve", "--listen", "127.0.0.1:0", "--config", configured.config, "--state", configured.state, status=7)
        assert "already" in done.stderr
    finally:
        holder.terminate()
        holder.communicate(timeout=20)


def test_a_mistyped_command_or_option_is_met_with_the_near_one(box):
    assert 'did you mean "start"' in box.run("strat", status=2).stderr
    assert "did you mean --window" in box.run("plan", "--windw", "x", status=2).stderr
