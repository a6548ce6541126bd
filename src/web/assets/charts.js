// Charts of tables that are on the page anyway: a table is what a screen reader reads, and what is left without this.
import "./chart.min.js";

const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function number(cell) {
  return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
}

function read(table) {
  const heads = [...table.querySelectorAll("thead th")].slice(1).map((th) => th.textContent);
  const rows = [...table.querySelectorAll("tbody tr")];
  if (table.dataset.chart !== "lines") rows.reverse(); // the newest change stands first in its table
  return {
    labels: rows.map((r) => r.querySelector("th").textContent),
    series: heads.map((label, i) => ({ label, data: rows.map((r) => number(r.querySelectorAll("td")[i])) })),
  };
}

function draw(table) {
  const { labels, series } = read(table);
  const colours = ["--run", "--ask", "--done", "--doubt", "--bad", "--skip"].map(colour);
  const lines = table.dataset.chart === "lines", stacked = table.dataset.chart === "stacked";
  const ink = colour("--muted"), line = colour("--line");
  const box = document.createElement("div"), canvas = document.createElement("canvas");
  box.className = "chart";
  canvas.setAttribute("aria-hidden", "true"); // the table says the same
  box.append(canvas);
  (table.closest(table.dataset.before || "table")).before(box);
  const look = (i) => lines
    ? { borderColor: colours[i % colours.length], backgroundColor: colours[i % colours.length], borderWidth: 2, pointRadius: 1.5, tension: 0.25,
        borderDash: i % 2 ? [5, 3] : [] }
    : { backgroundColor: colours[i % colours.length], borderRadius: 3, maxBarThickness: 28 };
  const axis = { stacked, grid: { color: line }, ticks: { color: ink } };
  const chart = new globalThis.Chart(canvas, {
    type: lines ? "line" : "bar",
    data: { labels, datasets: series.map((s, i) => ({ ...s, ...look(i) })) },
    options: {
      animation: still || lines ? false : { duration: 300 },
      maintainAspectRatio: false,
      scales: {
        x: { ...axis, grid: { display: false }, ticks: { color: ink, maxTicksLimit: lines ? 6 : undefined } },
        y: { ...axis, beginAtZero: true, title: { display: true, text: table.dataset.unit, color: ink } },
      },
      plugins: { legend: { position: lines ? "bottom" : "top", labels: { color: ink, boxWidth: 12 } } },
    },
  });
  return () => { chart.destroy(); box.remove(); };
}

let drawn = [];

function all() {
  drawn.forEach((undo) => undo());
  drawn = [...document.querySelectorAll("table[data-chart]")].map(draw);
}

all();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
document.addEventListener("signalbox:changed", (e) => { if (e.detail.querySelector("table[data-chart]")) renew(e.detail); });

// A live page brings newer tables: they are taken over whole, and drawn again.
function renew(page) {
  for (const next of page.querySelectorAll("section:has(table[data-chart])")) {
    const mine = next.id && document.getElementById(next.id);
    if (!mine || mine.querySelectorAll("tbody tr").length === next.querySelectorAll("tbody tr").length) continue;
    const open = mine.querySelector("details")?.open;
    mine.replaceWith(document.importNode(next, true));
    if (open) document.getElementById(next.id).querySelector("details").open = true;
  }
  all();
}
