"""A hotfix carried out in a browser, from plan to report."""

import pathlib

from conftest import wait_until


def plan(b):
    b.open("/plan")
    b.choose("#target", "Tangerine prod (production)")
    b.fill("#service0", "decanting-service")
    b.fill("#tag0", "24-02-05.619-hotfix.627")
    b.fill("#in-window", "in 5h for 90m")
    b.choose("#in-severity", "2")
    b.choose("#in-risk", "low")
    b.fill("#in-reason", "Totes stay in decanting when an order is split")


def carry_to_the_end(b, otherwise=None):
    """Answers whatever is asked, each by somebody who may; `otherwise`: other buttons by step."""
    answered = []
    while True:
        wait_until(lambda: b.all(".gate[id^=ask-]") or b.all(".over"), 90, "a question, or the end")
        if b.all(".over"):
            return answered
        step = b.one(".gate[id^=ask-]").get_attribute("id")[len("ask-"):]
        if step == "approve":
            b.play("Production on call")
        answered.append(b.answer((otherwise or {}).get(step, "button.go")))


def test_a_hotfix_is_planned_and_carried_out_by_clicking_alone(server, browse):
    server.start("--idle")
    b = browse()
    plan(b)
    b.reads("What would happen", "#preview")
    b.reads("Hotfix planned: Tangerine prod", "#preview")
    b.shot("1-plan")
    b.click("button[value=start]")
    b.see("#now")
    assert b.driver.current_url.endswith("/changes/HF-1")
    assert "24-02-05.619-hotfix.627" in b.text("#versions")
    b.shot("2-begun")
    answered = carry_to_the_end(b)
    assert {"approve", "watch.proceed", "others"} <= set(answered)
    b.reads("done", ".over")
    assert "Smoke test" in b.text("#stages")
    assert "4 of 4 pods" in b.text("#versions")
    b.shot("3-done")
    b.click(".over a[href$=report]")
    b.reads("HF-1", "pre.report")
    assert "Production on call" in b.text("pre.report") or "on-call.production" in b.text("pre.report")
    b.open("/changes/HF-1/messages")
    assert "Done: hotfix for Tangerine prod" in b.text("#messages")
    b.shot("4-messages")
    b.open("/changes/HF-1/record")
    b.click("form[action='/record'] button")
    b.reads("Verified", "#verdict")
    b.open("/")
    assert "done" in b.text("#board-ended")
    b.open("/figures")
    b.see(".chart canvas")
    b.shot("5-figures")
    b.open("/versions")
    b.reads("24-02-05.619-hotfix.627", "#versions")
    assert "differs" in b.text("#versions")
    b.shot("6-versions")
    assert b.complaints() == []


def test_what_a_plan_lacks_is_said_beside_the_form_as_one_types(server, browse):
    server.start("--idle")
    b = browse()
    plan(b)
    b.fill("#tag0", "latest")
    b.reads("a build tag looks like", "#preview")
    b.fill("#tag0", "24-02-05.619-hotfix.627")
    b.reads("What would happen", "#preview")
    b.fill("#in-window", "tomorrow 03:00 for 2h")
    b.reads("outside staffed hours", "#preview")
    b.shot("question")
    assert "HF-1" not in server.get("/"), "a preview keeps nothing"


def test_a_finished_change_is_dragged_through_its_time(server, browse):
    server.start("--yes")
    b = browse()
    b.open("/changes/HF-1")
    wait_until(lambda: b.all(".over"), 120, "the end")
    b.open("/changes/HF-1/replay")
    last = int(b.one("#at").get_attribute("max"))
    drag = "const r = document.getElementById('at'); r.value = arguments[0]; r.dispatchEvent(new Event('input'))"
    b.driver.execute_script(drag, 5)
    b.reads("0 of", "#line")
    b.driver.execute_script(drag, last // 2)
    wait_until(lambda: b.all("#line .s-running") or b.all("#line .s-asks") or b.all("#line .s-done"), 20)
    halfway = len(b.all("#line .s-done"))
    b.shot("halfway")
    b.driver.execute_script(drag, last)
    wait_until(lambda: len(b.all("#line .s-done")) > halfway, 20, "more to be done at the end than halfway")
    assert b.complaints() == []
