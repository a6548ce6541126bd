// What makes a page live. The server says when something happened; the page is fetched anew and the parts marked
// data-live take over what differs. Without this module every page works by links and forms.

document.documentElement.classList.add("js");

const root = document.body;
let offset = Number(root.dataset.now) - Date.now(); // the changes' clock, which in a drill is ahead
let fetching = false, again = false, timer = 0, lost = 0;

// --- time ---------------------------------------------------------------------------------------------------

function duration(ms) {
  let s = Math.max(0, Math.floor(ms / 1000));
  const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  s %= 60;
  if (d) return h ? `${d} d ${h} h` : `${d} d`;
  if (h) return m ? `${h} h ${m} min` : `${h} h`;
  if (m) return s ? `${m} min ${s} s` : `${m} min`;
  return `${s} s`;
}

function tick() {
  const now = Date.now() + offset;
  if (root.hasAttribute("data-still")) return;
  for (const t of document.querySelectorAll("time.since, time.until")) {
    const at = Number(t.dataset.at), text = duration(t.classList.contains("since") ? now - at : at - now);
    if (t.textContent !== text) t.textContent = text;
  }
  for (const p of document.querySelectorAll("progress[data-from]")) p.value = Math.min(now - Number(p.dataset.from), p.max);
}

// --- taking over what differs ----------------------------------------------------------------------------------

const kept = (node) => node.id || (node.getAttribute && node.getAttribute("name")) || "";

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && kept(a) === kept(b);
}

// What a person is typing, or has opened, stays.
function attributes(from, to) {
  for (const { name } of [...from.attributes])
    if (!to.hasAttribute(name) && name !== "open" && name !== "data-opened") from.removeAttribute(name);
  for (const { name, value } of [...to.attributes])
    if (from.getAttribute(name) !== value && !(name === "value" && from === document.activeElement)) from.setAttribute(name, value);
}

export function morph(from, to) {
  if (from.nodeType === Node.TEXT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE || from.isEqualNode(to)) return;
  attributes(from, to);
  if (from.nodeName === "TEXTAREA" || from.hasAttribute("data-keep")) return;
  let at = from.firstChild;
  for (const next of [...to.childNodes]) {
    let match = at;
    while (match && !same(match, next)) match = match.nextSibling;
    if (match) {
      while (at !== match) {
        const gone = at;
        at = at.nextSibling;
        gone.remove();
      }
      morph(at, next);
      at = at.nextSibling;
    } else {
      from.insertBefore(document.importNode(next, true), at);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

export function takeOver(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  offset = Number(page.body.dataset.now || 0) - Date.now();
  for (const part of page.querySelectorAll("[data-live]")) {
    const mine = document.getElementById(part.id);
    if (mine) morph(mine, part);
  }
  tick();
  document.dispatchEvent(new CustomEvent("signalbox:changed", { detail: page }));
  return page;
}

export async function refresh(url = location.href) {
  if (fetching) {
    again = true;
    return;
  }
  fetching = true;
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html" } });
    if (answer.ok) takeOver(await answer.text());
    if (answer.ok) found();
  } catch {
    missing();
  } finally {
    fetching = false;
    if (again) soon();
    again = false;
    repeat();
  }
}

// Many events in a row make one look.
function soon() {
  if (!timer) timer = setTimeout(() => { timer = 0; refresh(); }, 200);
}

// --- the connection ----------------------------------------------------------------------------------------------

const banner = document.getElementById("lost"), lamp = document.getElementById("live");

function missing() {
  if (lost) return;
  lost = Date.now();
  banner.textContent = `The connection is lost. What you see is from ${new Date(lost).toLocaleTimeString()}; trying again …`;
  banner.hidden = false;
  lamp.className = "live";
  lamp.textContent = "not live";
}

function found() {
  if (lost) banner.hidden = true;
  lost = 0;
}

function follow(path) {
  const source = new EventSource(path);
  source.onopen = () => {
    lamp.className = "live on";
    lamp.textContent = "live";
    if (lost) refresh();
    found();
  };
  source.onmessage = soon;
  source.addEventListener("reset", soon);
  source.onerror = () => {
    missing();
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(path), 2000);
  };
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (e) => { if (e.persisted) { follow(path); refresh(); } }, { once: true });
}

// A part that waits for an outside system says when to look again.
function repeat() {
  const part = document.querySelector("[data-again]");
  if (part) setTimeout(() => refresh(), Number(part.dataset.again));
}

// --- forms ---------------------------------------------------------------------------------------------------------

function complain(form, page) {
  const problem = page.querySelector("#problem");
  let p = form.querySelector(".form-problem");
  if (!p) {
    p = document.createElement("p");
    p.className = "notice bad form-problem";
    p.setAttribute("role", "alert");
    form.prepend(p);
  }
  p.textContent = (problem && problem.querySelector("p") ? problem.querySelector("p") : problem || page.body).textContent;
}

async function send(form, button) {
  const fields = new URLSearchParams(new FormData(form));
  if (button && button.name) fields.set(button.name, button.value);
  const buttons = form.querySelectorAll("button");
  buttons.forEach((b) => { b.disabled = true; });
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body: fields });
    const text = await answer.text();
    if (answer.ok) {
      form.closest("details")?.removeAttribute("open");
      form.reset();
      takeOver(text);
    } else {
      complain(form, new DOMParser().parseFromString(text, "text/html"));
    }
  } catch {
    missing();
  } finally {
    buttons.forEach((b) => { b.disabled = false; });
  }
}

document.addEventListener("submit", (e) => {
  if (!e.target.matches("form[data-act]")) return;
  e.preventDefault();
  send(e.target, e.submitter);
});
document.addEventListener("change", (e) => {
  if (e.target.matches("select[data-submit]")) e.target.form.requestSubmit();
});

tick();
setInterval(tick, 1000);
if (root.dataset.events) follow(root.dataset.events);
repeat();
