"""The record under seal: what docs/audit.md promises, done as it says there."""

import json
import re
import shutil
import sqlite3
import subprocess

import pytest
from conftest import ROOT

RECIPE = re.search(r"^```sh\n(.*?)^```$", (ROOT / "docs" / "audit.md").read_text(), re.M | re.S).group(1).replace("HF-7", "HF-1")


@pytest.fixture(scope="module")
def carried(tmp_path_factory):
    """A state folder in which a drill was carried out."""
    from conftest import TESTING, Box

    box = Box(TESTING, tmp_path_factory.mktemp("audit") / "state")
    box.drill()
    return box


def audit(box, *words, **more):
    return box.run("audit", *words, "--state", box.state, **more)


def exported(box, folder):
    key = audit(box, "key").stdout
    (folder / "published.pem").write_text(key)
    done = subprocess.run([box.binary, "audit", "export", "HF-1", "--state", str(box.state)],
                          env=box.environment(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (folder / "HF-1.tar").write_bytes(done.stdout)


def follow_recipe(folder):
    return subprocess.run(["sh", "-eu", "-c", RECIPE], cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_recipe_verifies_a_change_with_openssl_and_sha256sum_alone(carried, tmp_path):
    exported(carried, tmp_path)
    done = follow_recipe(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Signature Verified Successfully" in done.stdout
    events = sorted((tmp_path / "HF-1" / "events").iterdir())
    last = json.loads(events[-1].read_text())
    assert last["type"] == "change.ended" or len(events) > 50
    assert f"change HF-1 {len(events)} " in done.stdout


@pytest.mark.parametrize("edit", ["event", "cut", "order", "seal", "signature", "page", "key"])
def test_the_recipe_fails_for_whatever_was_edited(carried, tmp_path, edit):
    exported(carried, tmp_path)
    subprocess.run(["tar", "-xf", "HF-1.tar"], cwd=tmp_path, check=True)
    folder = tmp_path / "HF-1"
    events = sorted((folder / "events").iterdir())
    if edit == "event":
        events[5].write_text(events[5].read_text().replace("1", "2", 1))
    elif edit == "cut":
        events[-1].unlink()
    elif edit == "order":
        first, second = events[7].read_bytes(), events[8].read_bytes()
        events[7].write_bytes(second)
        events[8].write_bytes(first)
    elif edit == "seal":
        (folder / "seal.txt").write_text((folder / "seal.txt").read_text().replace("seal 1", "seal 2"))
    elif edit == "signature":
        data = bytearray((folder / "seal.sig").read_bytes())
        data[10] ^= 1
        (folder / "seal.sig").write_bytes(data)
    elif edit == "page":
        (folder / "page.md").write_text("another page\n")
    elif edit == "key":
        subprocess.run("openssl genpkey -algorithm ed25519 -out k.pem && openssl pkey -in k.pem -pubout -out published.pem",
                       shell=True, cwd=tmp_path, check=True, capture_output=True)
    subprocess.run(["tar", "-cf", "HF-1.tar", "HF-1"], cwd=tmp_path, check=True)
    shutil.rmtree(folder)
    assert follow_recipe(tmp_path).returncode != 0


def test_a_copy_is_verified_against_the_published_key_and_tells_what_was_changed(carried, tmp_path):
    key = tmp_path / "published.pem"
    key.write_text(audit(carried, "key").stdout)
    kept = tmp_path / "kept.txt"
    kept.write_text(audit(carried, "seal").stdout)
    copy = tmp_path / "copy.db"
    shutil.copy(carried.state / "signalbox.db", copy)
    out = carried.run("audit", "verify", copy, "--key", key, "--seal", kept).stdout
    assert "The record is whole" in out and "nothing came after it" in out and str(key) in out
    said = json.loads(carried.run("audit", "verify", copy, "HF-1", "--json").stdout)
    assert said["good"] and not said["trusted"] and said["seals"] >= 1

    store = sqlite3.connect(copy)
    store.execute("update events set body = replace(body, 'note', 'mote') where n = (select max(n) - 3 from events)")
    store.execute("update events set body = body || ' ' where n = (select max(n) - 3 from events)")
    store.commit()
    store.close()
    out = carried.run("audit", "verify", copy, "--key", key, status=1).stdout
    assert re.search(r"The record has been changed: HF-1: event \d+: hash does not follow", out)


def test_a_record_whose_end_was_cut_off_is_found_with_a_seal_that_was_kept(carried, tmp_path):
    kept = tmp_path / "kept.txt"
    kept.write_text(audit(carried, "seal").stdout)
    copy = tmp_path / "copy.db"
    shutil.copy(carried.state / "signalbox.db", copy)
    store = sqlite3.connect(copy)
    store.execute("delete from docs where kind = 'seal'")
    store.commit()
    store.close()
    pub = carried.state / "seal.pub"
    out = carried.run("audit", "verify", copy, "--seal", kept, status=1).stdout
    assert "which was kept, is not there" in out
    out = carried.run("audit", "verify", copy, "--key", pub, status=1).stdout
    assert "has no seal: the seal was removed" in out


def test_what_cannot_be_exported_is_said(carried):
    assert "there is no change" in audit(carried, "export", "HF-99", status=5).stderr
    assert "which change?" in audit(carried, "export", status=1).stderr
    assert 'not "shred"' in audit(carried, "shred", status=5).stderr


def test_the_key_is_its_owners_alone(carried):
    assert (carried.state / "seal.key").stat().st_mode & 0o777 == 0o600
    assert audit(carried, "key").stdout.startswith("-----BEGIN PUBLIC KEY-----\n")
