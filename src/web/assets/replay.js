// A change dragged through its time.
import { takeOver } from "./live.js";

const form = document.getElementById("replay"), range = document.getElementById("at"), play = document.getElementById("play");
let asked = 0, shown = 0, running = false, timer = 0;

async function show() {
  const mine = ++asked, url = new URL(location.href);
  url.searchParams.set("at", range.value);
  document.getElementById("at-number").textContent = range.value;
  const answer = await fetch(url);
  const text = await answer.text();
  if (mine < shown || !answer.ok) return; // an older answer that came late
  shown = mine;
  takeOver(text);
  history.replaceState(null, "", url);
}

function next() {
  if (!running || Number(range.value) >= Number(range.max)) return stop();
  range.value = Number(range.value) + 1;
  show().finally(() => { timer = setTimeout(next, 150); });
}

function stop() {
  running = false;
  clearTimeout(timer);
  play.textContent = "Play";
}

document.documentElement.classList.add("still");
range?.addEventListener("input", show);
if (play) {
  play.hidden = false;
  play.addEventListener("click", () => {
    if (running) return stop();
    running = true;
    play.textContent = "Pause";
    if (Number(range.value) >= Number(range.max)) range.value = range.min;
    next();
  });
}
form?.addEventListener("submit", (e) => { e.preventDefault(); show(); });
