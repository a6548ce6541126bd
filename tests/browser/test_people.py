"""Several people, several screens, and a server that comes and goes."""

import signal

from conftest import wait_until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


def gate(b):
    """Goes on until the approval is asked for."""
    while b.see(".gate[id^=ask-]", 90).get_attribute("id") != "ask-approve":
        b.answer()


def test_a_gate_is_answered_from_a_phone(server, browse):
    server.start()
    b = browse(phone=True)
    b.open("/")
    b.see("#board-asks .ask a")
    b.shot("1-board")
    b.click("#board-asks .ask a")
    gate(b)
    b.play("Production on call")
    wide = b.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"the page is {wide} px wider than the phone"
    small = [e.text for e in b.all(".gate button") if e.size["height"] < 44]
    assert not small, f"too small for a finger: {small}"
    b.shot("2-gate")
    assert b.answer() == "approve"
    b.reads("Agreed by", "#timeline") if b.all("#timeline") else None
    assert b.complaints() == []


def test_whoever_asked_for_a_change_is_not_the_one_to_agree_and_is_told(server, browse):
    server.start()
    b = browse()
    b.open("/changes/HF-1")
    gate(b)
    b.click("#ask-approve button.go")
    b.reads("requested", "#ask-approve .form-problem")
    assert b.all("#ask-approve"), "it is still asked"


def test_two_browsers_see_the_same_without_being_touched(server, browse):
    server.start()
    a, b = browse(), browse(dark=False)
    a.open("/changes/HF-1")
    b.open("/changes/HF-1")
    first = a.see(".gate[id^=ask-]", 90).get_attribute("id")
    b.see(f"#{first}")
    if first == "ask-approve":
        a.play("Production on call")
        a.see(f"#{first}")
    # What the other types stays while the page changes around it.
    b.click(".acts details:nth-of-type(2) summary")
    b.fill("#act-note", "half a sentence")
    a.answer()
    wait_until(lambda: not b.all(f"#{first}"), 20, "the other browser to notice")
    assert b.one("#act-note").get_attribute("value") == "half a sentence"
    assert b.one("#live").text == "live"
    b.shot("noticed")


def test_a_page_survives_that_its_server_is_started_anew(server, browse):
    server.start()
    b = browse()
    b.open("/changes/HF-1")
    b.see(".gate[id^=ask-]", 90)
    wait_until(lambda: b.one("#live").text == "live", 20, "live")
    port = server.port
    server.stop(signal.SIGKILL)
    b.reads("The connection is lost", "#lost")
    b.shot("lost")
    server.start(port=port)
    wait_until(lambda: not b.one("#lost").is_displayed(), 60, "the page to find its server again")
    wait_until(lambda: b.one("#live").text == "live", 20, "live again")


def test_everything_works_without_javascript(server, browse):
    server.start()
    b = browse(script=False)
    b.open("/changes/HF-1")
    wait_until(lambda: b.driver.refresh() or b.all(".gate[id^=ask-]"), 60, "a question")
    step = b.one(".gate[id^=ask-]").get_attribute("id")
    if step == "ask-approve":
        b.choose("#player", "Production on call")
        b.click("form.who button")
    for field in b.all(f"#{step} form > p > textarea"):
        field.send_keys("Without scripts")
    b.click(f"#{step} button.go")
    wait_until(lambda: b.driver.refresh() or not b.all(f"#{step}"), 30, "the answer to be taken")
    b.open("/plan")
    assert b.all("button[value=preview]")
    b.shot("plan")


def test_the_keyboard_reaches_everything_and_shows_where_it_is(server, browse):
    server.start()
    b = browse()
    b.open("/changes/HF-1")
    b.see(".gate[id^=ask-]", 90)
    seen = []
    for _ in range(60):
        b.driver.switch_to.active_element.send_keys(Keys.TAB)
        e = b.driver.switch_to.active_element
        outline = e.value_of_css_property("outline-style")
        seen.append((e.tag_name, e.text or e.get_attribute("name"), outline))
        if e.tag_name == "button" and e.find_elements(By.XPATH, "ancestor::*[contains(@class,'gate')]"):
            break
    assert seen[0][1] == "To the content", seen[:2]
    assert all(outline != "none" for _, _, outline in seen), [s for s in seen if s[2] == "none"]
    assert seen[-1][0] == "button", "the answer's button is reached by Tab"
