"""The change calendar on a real CalDAV server (Radicale)."""

import datetime
import re
import subprocess

import icalendar
import pytest
import requests

PAGE = """---
signalbox:
  inputs:
    - {name: services, type: services, required: true}
    - {name: window, type: window, required: true}
---

```step
id: event
do: calendar.create
with:
  title: "Hotfix {{ client.name }}: Grüße, und mehr; viel mehr als in eine einzige Zeile eines Kalenders passt"
  description: "eins\\nzwei"
  from: "{{ window.from }}"
  to: "{{ window.to }}"
  zone: "{{ client.zone }}"
```

```step
id: conflicts
do: calendar.conflicts
with: {from: "{{ window.from }}", to: "{{ window.to }}", client: "{{ client.name }}", except: "{{ steps.event.id }}"}
```

```step
id: longer
do: calendar.update
with: {event: "{{ steps.event.id }}", to: "{{ window.to + minutes(30) }}"}
```

```step
id: other
do: calendar.create
with: {title: Other, from: "{{ window.from }}", to: "{{ window.to }}"}
```

```step
id: off
do: calendar.cancel
with: {event: "{{ steps.other.id }}"}
```
"""

CONFIG = """clients:
  tangerine: {{name: Tangerine, zone: America/New_York}}
services:
  cart: {{team: shop}}
systems:
  calendar:
    driver: caldav
    url: {url}
    user: ann
    token: file:{secret}
"""

# It begins each day at midnight in New York and lasts the day: whatever the window, it is met.
DAILY = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//test//EN
BEGIN:VEVENT
UID:freeze-1
DTSTAMP:20240101T000000Z
DTSTART;TZID=America/New_York:20240101T000000
DTEND;TZID=America/New_York:20240102T000000
RRULE:FREQ=DAILY
SUMMARY:{title}
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


class Radicale:
    def __init__(self, folder):
        users = folder / "users"
        users.write_text("ann:a secret\n")
        self.process = subprocess.Popen(
            ["/usr/bin/radicale", "--config", "", "--server-hosts", "127.0.0.1:0", "--auth-type", "htpasswd",
             "--auth-htpasswd-filename", users, "--auth-htpasswd-encryption", "plain",
             "--storage-filesystem-folder", folder / "collections", "--logging-level", "info"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.search(r"Listening on '\[127\.0\.0\.1\]:(\d+)'", line)
            if found:
                break
        else:
            pytest.fail("radicale did not start")
        self.url = f"http://127.0.0.1:{found.group(1)}/ann/changes"
        self.ann = ("ann", "a secret")
        made = requests.request("MKCALENDAR", self.url + "/", auth=self.ann, timeout=10)
        assert made.status_code == 201, made.text

    def put(self, name, text):
        assert requests.put(f"{self.url}/{name}.ics", data=text, auth=self.ann, timeout=10).ok

    def events(self):
        whole = icalendar.Calendar.from_ical(requests.get(self.url + "/", auth=self.ann, timeout=10).text)
        return sorted(whole.walk("VEVENT"), key=lambda e: str(e["SUMMARY"]))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def radicale(tmp_path):
    server = Radicale(tmp_path)
    yield server
    server.stop()


def configure(box, tmp_path, radicale, password="a secret", url=None):
    (tmp_path / "secret").write_text(password)
    (tmp_path / "page.md").write_text(PAGE)
    box.state.mkdir(mode=0o700)
    (box.state / "signalbox.yaml").write_text(CONFIG.format(url=url or radicale.url + "/", secret=tmp_path / "secret"))
    box.common = ["--config", box.state / "signalbox.yaml", "--state", box.state]
    box.plan = ["start", *box.common, "--sop", tmp_path / "page.md", "--client", "tangerine", "--service",
                "cart=24-02-05.619-hotfix.627", "--window", "2030-03-08 23:00-23:30", "--severity", "2", "--risk", "low",
                "--reason", "x", "--yes"]


def test_events_are_made_moved_and_cancelled_and_conflicts_found(box, tmp_path, radicale):
    configure(box, tmp_path, radicale)
    radicale.put("daily", DAILY.format(title="Tangerine stocktaking"))
    box.run(*box.plan)
    hotfix, other, daily = radicale.events()
    assert str(hotfix["SUMMARY"]).startswith("Hotfix Tangerine: Grüße, und mehr; viel mehr")
    assert str(hotfix["DESCRIPTION"]) == "eins\nzwei"
    begin = datetime.datetime(2030, 3, 9, 4, 0, tzinfo=datetime.timezone.utc)
    assert hotfix["DTSTART"].dt == begin and hotfix["DTEND"].dt == begin + datetime.timedelta(hours=1)
    assert hotfix["SEQUENCE"] == 1 and hotfix["STATUS"] == "CONFIRMED"
    assert hotfix["X-SIGNALBOX-KEY"] == "HF-1/event/1"
    assert other["STATUS"] == "CANCELLED" and other["SEQUENCE"] == 1
    assert str(daily["SUMMARY"]) == "Tangerine stocktaking"
    found = [e for e in box.log() if e["type"] == "step.done" and e["step"] == "conflicts"][0]["data"]["result"]["conflicts"]
    midnight = datetime.datetime(2030, 3, 8, 5, 0, tzinfo=datetime.timezone.utc)  # in New York
    assert [(c["title"], c["freeze"], c["from"]) for c in found] == [("Tangerine stocktaking", False, midnight.timestamp() * 1000)]


def test_a_plan_that_meets_a_freeze_of_the_calendar_is_questioned(box, tmp_path, radicale):
    configure(box, tmp_path, radicale)
    radicale.put("daily", DAILY.format(title="Deploy freeze"))
    done = box.run(*box.plan, status=7)
    assert "Deploy freeze (Fri 8 Mar 2030 00:00 EST to Sat 9 Mar 2030 00:00 EST)" in done.stderr
    assert len(radicale.events()) == 1


def test_killed_between_perform_and_record_of_each_step_there_is_one_event_each(box, tmp_path, radicale):
    configure(box, tmp_path, radicale)
    for step in ("event", "longer", "other", "off"):
        done = box.run(*box.plan, status=None, env={"SIGNALBOX_CRASH": f"perform:{step}"})
        assert done.returncode == -9, f"{step}: {done.returncode}\n{done.stdout}{done.stderr}"
    box.run(*box.plan)
    hotfix, other = radicale.events()
    assert hotfix["SEQUENCE"] == 1 and other["SEQUENCE"] == 1 and other["STATUS"] == "CANCELLED"
    assert [e["step"] for e in box.log() if e["type"] == "step.found"] == ["event", "other"]


def test_doctor_tells_what_is_wrong(box, tmp_path, radicale):
    configure(box, tmp_path, radicale)
    done = box.run("doctor", "calendar", *box.common)
    assert "calendar" in done.stdout and "clock" in done.stdout
    (tmp_path / "secret").write_text("another")
    done = box.run("doctor", "calendar", *box.common, status=1)
    assert "401" in done.stdout and "another" not in done.stdout
    assert radicale.events() == []


def test_a_collection_that_is_no_calendar_is_found_out(box, tmp_path, radicale):
    configure(box, tmp_path, radicale, url=radicale.url.rsplit("/", 1)[0] + "/")
    done = box.run("doctor", "calendar", *box.common, status=1)
    assert "is no calendar" in done.stdout
