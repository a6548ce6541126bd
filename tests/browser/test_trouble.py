"""Trouble: seen, decided, rolled back, in the browser."""

from conftest import ROOT, wait_until
from test_hotfix import carry_to_the_end


def test_a_stage_fails_and_somebody_rolls_back(server, browse):
    server.start("--scenario", ROOT / "examples" / "drills" / "failing-stage.json")
    b = browse()
    b.open("/changes/HF-1")
    while not wait_until(lambda: b.all(".gate.trouble") or b.all(".gate[id^=ask-]"), 90)[0].get_attribute(
            "class").endswith("trouble"):
        if b.one(".gate[id^=ask-]").get_attribute("id") == "ask-approve":
            b.play("Production on call")
        if b.all(".gate.trouble"):
            break
        b.answer()
    b.reads("in trouble", "#head")
    b.reads("A rollback still fits the window for", "#now")
    assert b.text("#log").strip(), "the end of the failing log is shown"
    b.shot("1-decide")
    b.click("#decision-rollback summary")
    b.reads("back to 24-02-05.619", "#decision-rollback")
    b.fill("#why-rollback", "The stage fails for the new tag")
    b.shot("2-rollback")
    b.click("#decision-rollback button")
    wait_until(lambda: not b.all(".gate.trouble"), 30, "the decision to be taken")
    carry_to_the_end(b)
    b.reads("rolled back", "#head")
    b.shot("3-rolled-back")
    assert b.complaints() == []
