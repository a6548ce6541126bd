"""People sign in, and do what their roles allow."""

import getpass

from conftest import wait_until

CONFIG = f"""
clients: {{acme: {{name: Acme, zone: UTC, tam: {{name: Tam, mail: tam@example.com}}}}}}
services: {{cart: {{}}}}
questions: {{past: {{blocks: false, overrule: deploy}}}}
people:
  {getpass.getuser()}: {{roles: [administer]}}
  ann@example.com: {{name: Ann, roles: [see, deploy]}}
  eve@example.com: {{name: Eve, roles: [see]}}
"""


def token(server, owner):
    return server.run("token", "create", "--name", owner.split("@")[0], "--scope", "act", "--owner", owner, "--state",
                      server.state, "--config", server.state.parent / "signalbox.yaml").strip().splitlines()[-1]


def sign_in(b, secret):
    b.open("/sign-in?next=%2Fplan")
    b.fill("#token", secret)
    b.click("main button.go")


def test_somebody_signs_in_with_a_token_plans_and_signs_out(server, browse):
    server.serve(CONFIG)
    b = browse()
    b.open("/plan")
    assert b.all("a[href*='/sign-in']"), "who has not signed in is offered to"
    sign_in(b, "no such token")
    b.reads("not known here", "[role=alert]")
    sign_in(b, token(server, "ann@example.com"))
    b.reads("Ann", ".who")
    assert b.driver.current_url.endswith("/plan")
    b.choose("#target", "Acme prod (production)")
    b.fill("#service0", "cart")
    b.fill("#tag0", "24-02-05.619-hotfix.627")
    b.fill("#in-window", "in 5h for 90m")
    b.choose("#in-severity", "2")
    b.choose("#in-risk", "low")
    b.fill("#in-reason", "A cart loses its last line")
    b.reads("What would happen", "#preview")
    b.shot("preview")
    for field in b.all("#preview input[name^=overrule]"):
        field.send_keys("It has to be tonight")
    b.click("button[value=plan]")
    b.reads("Planned, not started", "#now")
    b.reads("ann@example.com", "#facts")
    b.shot("planned")
    b.click("form[action='/sign-out'] button")
    wait_until(lambda: b.all("a[href*='/sign-in']"), 20, "to be signed out")
    assert b.complaints() in ([], [c for c in b.complaints() if "status of 422" in c])


def test_who_may_only_look_is_told_so(server, browse):
    server.serve(CONFIG)
    b = browse()
    sign_in(b, token(server, "eve@example.com"))
    b.reads("Eve", ".who")
    b.choose("#target", "Acme prod (production)")
    b.reads("may not deploy", "#preview")
