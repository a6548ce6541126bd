"""The built-in change calendar: invitations through a real mail server, and a feed that others' calendar libraries read."""

import re

import icalendar
import pytest
import requests
import vobject
from smtp_server import PASSWORD, USER, Server

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
  title: "Hotfix; {{ client.name }}, prod: Grüße und noch ein sehr langer Titel, der umgebrochen werden muss"
  description: "eins\\nzwei, drei; vier"
  from: "{{ window.from }}"
  to: "{{ window.to }}"
  zone: America/New_York
  attendees: [tom@example.com, nobody@example.com]
  meeting: https://meet.example.com/1
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
    driver: builtin
    url: https://box.example.com
    invitations:
      url: {url}
      user: {user}
      token: file:{secret}
      from: signalbox@example.com
      ca_file: {ca}
"""


@pytest.fixture
def carried(box, tmp_path):
    """A change that is through, and what the mail server took."""
    server = Server(tmp_path)
    (tmp_path / "secret").write_text(PASSWORD)
    (tmp_path / "page.md").write_text(PAGE)
    box.state.mkdir(mode=0o700)
    (box.state / "signalbox.yaml").write_text(
        CONFIG.format(url=server.url, user=USER, secret=tmp_path / "secret", ca=server.cert))
    box.common = ["--config", box.state / "signalbox.yaml", "--state", box.state]
    box.run("start", *box.common, "--sop", tmp_path / "page.md", "--client", "tangerine", "--service",
            "cart=24-02-05.619-hotfix.627", "--window", "now for 1h", "--severity", "2", "--risk", "low",
            "--reason", "x", "--yes")
    box.mails = server.mails
    yield box
    server.stop()


def events(text):
    """By UID, as python3-icalendar reads them; vobject must read the same text."""
    other = {e.uid.value: e for e in vobject.readOne(text).contents["vevent"]}
    found = {str(e["UID"]): e for e in icalendar.Calendar.from_ical(text).walk("VEVENT")}
    assert {uid: e.summary.value for uid, e in other.items()} == {uid: str(e["SUMMARY"]) for uid, e in found.items()}
    return found


def test_an_invitation_and_its_change_arrive_as_calendars_want_them(carried):
    assert [to for _, to, _ in carried.mails] == [["tom@example.com"]] * 2  # nobody@ was refused, and kept nobody else out
    parsed = []
    for _, _, mail in carried.mails:
        assert mail.get_content_type() == "multipart/alternative" and not mail.defects
        plain, calendar = mail.iter_parts()
        assert "meet.example.com" in plain.get_content()
        assert calendar.get_content_type() == "text/calendar" and calendar.get_param("method") == "REQUEST"
        text = calendar.get_payload(decode=True)
        assert max(map(len, text.split(b"\r\n"))) <= 75
        whole = icalendar.Calendar.from_ical(text)
        assert whole["METHOD"] == "REQUEST"
        parsed.append(whole.walk("VEVENT")[0])
    first, second = parsed
    assert first["UID"] == second["UID"]
    assert (first["SEQUENCE"], second["SEQUENCE"]) == (0, 1)
    assert str(first["SUMMARY"]).startswith("Hotfix; Tangerine, prod: Grüße")
    assert first["ORGANIZER"] == "mailto:signalbox@example.com"
    assert first["ATTENDEE"][0] == "mailto:tom@example.com"
    assert (second["DTEND"].dt - first["DTEND"].dt).total_seconds() == 1800
    log = [event for event in carried.log() if event["type"] == "step.done"]
    assert "nobody@example.com" in str(log[0])


def test_the_feed_is_read_by_calendars_that_nobody_here_wrote(carried):
    served = carried.start("serve", "--listen", "127.0.0.1:0", *carried.common)
    try:
        url = None
        while not url:
            line = served.stdout.readline()
            assert line, served.stderr.read()
            url = re.search(r"http://127\.0\.0\.1:\d+", line)
        feed = requests.get(url.group() + "/calendar.ics", timeout=10)
        assert feed.status_code == 200
        assert feed.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert all(len(line) <= 75 for line in feed.content.split(b"\r\n"))
        found = sorted(events(feed.content.decode()).values(), key=lambda e: str(e["SUMMARY"]))
        hotfix, other = found
        assert str(hotfix["DESCRIPTION"]) == "eins\nzwei, drei; vier"
        assert hotfix["SEQUENCE"] == 1 and hotfix["STATUS"] == "CONFIRMED" and "DTSTAMP" in hotfix
        assert other["STATUS"] == "CANCELLED"
        assert b"tom@example.com" not in feed.content
        assert requests.get(url.group() + "/calendar.ics", timeout=10).content == feed.content
    finally:
        served.terminate()
        served.wait(20)
