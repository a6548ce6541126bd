"""Every page: that it can be read by everybody (axe), fits a phone, and has nothing its policy forbids."""

import pathlib
import subprocess

import pytest
from conftest import ROOT, wait_until

PAGES = ["/", "/plan", "/calendar", "/calendar?view=week", "/calendar?view=agenda", "/versions", "/figures", "/pages",
         "/pages/hotfix", "/record", "/drills", "/sign-in", "/changes/HF-1", "/changes/HF-1/page",
         "/changes/HF-1/messages", "/changes/HF-1/record", "/changes/HF-1/replay?at=20"]


@pytest.fixture(scope="session")
def axe():
    """axe-core, as its makers publish it; fetched for the test alone."""
    place = ROOT / "build" / "axe"
    script = place / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        place.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(place), "axe-core@4"],
                                  capture_output=True, text=True, timeout=120)
        except (FileNotFoundError, subprocess.TimeoutExpired) as why:
            pytest.skip(f"axe-core cannot be fetched: {why}")
        if done.returncode != 0:
            pytest.skip(f"axe-core cannot be fetched: {done.stderr[-300:]}")
    return script.read_text()


def findings(b, axe):
    b.driver.execute_script(axe)
    found = b.driver.execute_async_script(
        "axe.run(document, {resultTypes: ['violations']}).then(arguments[arguments.length - 1])")
    return [f"{v['id']} ({v['impact']}): {v['help']}: {v['nodes'][0]['html'][:160]} {v['nodes'][0]['failureSummary'][:300]}"
            for v in found["violations"]]


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_axe_finds_nothing_on_any_page(server, browse, axe, dark):
    server.start()
    b = browse(dark=dark)
    b.open("/changes/HF-1")
    b.see(".gate[id^=ask-]", 90)
    found = {}
    for page in PAGES:
        b.open(page)
        wait_until(lambda: not b.all("[data-again]"), 30, "outside systems to answer")
        problems = findings(b, axe)
        if problems:
            found[page] = problems
    assert not found, "\n".join(f"{page}\n  " + "\n  ".join(p) for page, p in found.items())


def test_every_page_fits_a_phone_and_breaks_no_rule_of_its_policy(server, browse):
    server.start()
    b = browse(phone=True)
    b.open("/changes/HF-1")
    b.see(".gate[id^=ask-]", 90)
    wide = {}
    for page in PAGES:
        b.open(page)
        over = b.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            wide[page] = over
        b.shot((page.strip("/").split("?")[0].replace("/", "-") or "board"))
    assert wide == {}, "pixels wider than the phone"
    assert b.complaints() == []


def test_the_status_page_tells_customers_of_a_maintenance(server, browse, axe):
    server.serve("clients: {acme: {name: Acme, zone: UTC, components: [Shop]}}\n")
    b = browse(dark=False)
    b.open("/status")
    b.reads("Shop", ".components")
    b.reads("All systems are operational", ".overall")
    assert findings(b, axe) == []
    b.shot("status")
    assert b.complaints() == []


def test_what_outsiders_wrote_is_shown_and_never_run(server, browse):
    server.start("--idle")
    b = browse()
    b.open("/plan")
    b.choose("#target", "Tangerine qa")
    b.fill("#service0", "decanting-service")
    b.fill("#tag0", "24-02-05.619-hotfix.627")
    b.fill("#in-window", "in 5h for 90m")
    b.choose("#in-severity", "2")
    b.choose("#in-risk", "low")
    b.fill("#in-reason", "<img src=x onerror=\"document.title='run'\"></textarea><script>document.title='run'</script> ' &amp;")
    b.click("button[value=plan]")
    b.see("#now")
    for page in ("/changes/HF-1", "/changes/HF-1/page", "/changes/HF-1/record", "/"):
        b.open(page)
        assert "<img src=x onerror=" in b.text("body"), page
        assert b.driver.title != "run" and not b.all("main img, main script"), page
    assert b.complaints() == []
