// Charts of tables that are on the page anyway: a table is what a screen reader reads, and what is left without this.
import "./chart.min.js";

const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function number(cell) {
  return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
}

function read(table) {
  const heads = [...table.querySelectorAll("thead th")].slice(1).map((th) => th.textContent);
  const rows = [...table.querySelectorAll("tbody tr")].reverse(); // the newest stands first in the table
  return {
    labels: rows.map((r) => r.querySelector("th").textContent),
    series: heads.map((label, i) => ({ label, data: rows.map((r) => number(r.querySelectorAll("td")[i])) })),
  };
}

function draw(table) {
  const { labels, series } = read(table);
  const colours = ["--run", "--ask", "--done", "--doubt", "--skip"].map(colour);
  const stacked = table.dataset.chart === "stacked", ink = colour("--muted"), line = colour("--line");
  const box = document.createElement("div"), canvas = document.createElement("canvas");
  box.className = "chart";
  canvas.setAttribute("aria-hidden", "true"); // the table says the same
  box.append(canvas);
  table.before(box);
  const axis = { stacked, grid: { color: line }, ticks: { color: ink } };
  const chart = new globalThis.Chart(canvas, {
    type: "bar",
    data: { labels, datasets: series.map((s, i) => ({ ...s, backgroundColor: colours[i % colours.length], borderRadius: 3, maxBarThickness: 28 })) },
    options: {
      animation: still ? false : { duration: 300 },
      maintainAspectRatio: false,
      scales: { x: { ...axis, grid: { display: false } }, y: { ...axis, title: { display: true, text: table.dataset.unit, color: ink } } },
      plugins: { legend: { labels: { color: ink, boxWidth: 12 } } },
    },
  });
  return () => { chart.destroy(); box.remove(); };
}

const tables = [...document.querySelectorAll("table[data-chart]")];
let drawn = tables.map(draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  drawn.forEach((undo) => undo());
  drawn = tables.map(draw);
});
