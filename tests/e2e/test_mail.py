"""Announcing by mail, through a real SMTP server with STARTTLS and sign-in."""

import json

import pytest
from smtp_server import PASSWORD, USER, Server

PAGE = """---
signalbox:
  inputs:
    - {name: services, type: services, required: true}
    - {name: window, type: window, required: true}
---

```step
id: channel
do: chat.channel
with: {name: "{{ change.id }}", invite: [tom@example.com, ann@example.com]}
```

```step
id: announce
do: chat.post
with:
  channels: "{{ list('change-control', steps.channel.channel) }}"
  text: "**Grüße**: {{ escape('a_b <c>') }} begins\\n\\n.a line with a dot"
```

```step
id: done
do: chat.post
with:
  channels: "{{ pluck(steps.announce.posts, 'channel') }}"
  thread: "{{ steps.announce }}"
  mention: [boss@example.com]
  text: "It is done"
```
"""

CONFIG = """systems:
  chat:
    driver: mail
    url: {url}
    user: {user}
    token: file:{secret}
    from: signalbox@example.com
    ca_file: {ca}
    lists: {{change-control: changes@example.com}}
"""


@pytest.fixture(params=["starttls", "tls"])
def server(request, tmp_path):
    server = Server(tmp_path, implicit=request.param == "tls")
    yield server
    server.stop()


def configure(box, tmp_path, server, password=PASSWORD, ca=None):
    (tmp_path / "secret").write_text(password + "\n")
    (tmp_path / "page.md").write_text(PAGE)
    box.config = tmp_path / "signalbox.yaml"
    box.config.write_text(CONFIG.format(url=server.url, user=USER, secret=tmp_path / "secret", ca=ca or server.cert))
    return ["--config", box.config, "--state", box.state]


def start(box, common, tmp_path, **more):
    return box.run("start", *common, "--sop", tmp_path / "page.md", "--client", "tangerine", "--service",
                   "cart=24-02-05.619-hotfix.627", "--window", "now for 1h", "--severity", "2", "--risk", "low",
                   "--reason", "x", "--yes", **more)


def test_a_change_is_announced_in_one_thread_a_list(box, tmp_path, server):
    common = configure(box, tmp_path, server)
    start(box, common, tmp_path)
    assert [to for _, to, _ in server.mails] == [
        ["changes@example.com"], ["tom@example.com", "ann@example.com"],
        ["changes@example.com", "boss@example.com"], ["tom@example.com", "ann@example.com", "boss@example.com"]]
    assert all(right and tls for _, right, tls in server.signed_in) or server.url.startswith("smtps")
    opening, other, reply, _ = [mail for _, _, mail in server.mails]
    assert opening["Subject"] == "HF-1: Grüße: a_b <c> begins"
    assert opening["From"] == "Signalbox <signalbox@example.com>"
    assert opening["Auto-Submitted"] == "auto-generated"
    assert opening.get_content().splitlines() == ["**Grüße**: a_b <c> begins", "", ".a line with a dot"]
    assert reply["References"] == reply["In-Reply-To"] == opening["Message-ID"] != other["Message-ID"]
    assert reply["Subject"] == "Re: " + opening["Subject"]
    assert reply["Cc"] == "boss@example.com"
    assert not any(mail.defects for _, _, mail in server.mails)


def test_a_wrong_password_is_told_without_being_told(box, tmp_path, server):
    common = configure(box, tmp_path, server, password="not the one")
    done = box.run("doctor", "chat", *common, status=None)
    assert done.returncode not in (0, 99)
    assert "535" in done.stdout
    for text in (done.stdout, done.stderr, "".join(p.read_text(errors="replace") for p in box.state.rglob("*") if p.is_file())):
        assert "not the one" not in text
    assert server.mails == []


def test_a_server_whose_certificate_nobody_vouches_for_gets_no_password(box, tmp_path, server):
    common = configure(box, tmp_path, server, ca="/etc/ssl/certs/ca-certificates.crt")
    done = box.run("doctor", "chat", *common, status=None)
    assert done.returncode not in (0, 99)
    assert "certificate" in done.stdout + done.stderr
    assert server.signed_in == [] and server.mails == []


def test_doctor_signs_in_and_sends_nothing(box, tmp_path, server):
    common = configure(box, tmp_path, server)
    done = box.run("doctor", "chat", *common)
    assert "lets us in" in done.stdout
    assert server.mails == [] and server.signed_in
