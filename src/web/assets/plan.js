// The plan's preview, as one types.
import { morph } from "./live.js";

const form = document.getElementById("plan"), preview = document.getElementById("preview");
let timer = 0, asked = 0;

async function look() {
  const fields = new URLSearchParams(new FormData(form)), mine = ++asked;
  fields.set("action", "preview");
  preview.classList.add("busy");
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body: fields });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.getElementById("preview");
    if (mine === asked && next) morph(preview, next);
  } catch {
    // The banner of live.js tells when the server is away.
  } finally {
    if (mine === asked) preview.classList.remove("busy");
  }
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(look, 400);
}

// Something must be there to preview: an empty form only has complaints.
for (const event of ["input", "change"])
  form?.addEventListener(event, () => { if (new FormData(form).get("target") !== "") soon(); });
