// The practice yard in a process of its own, for one test file; and what is asked of the yard itself.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const program = process.env.SIGNALBOX ?? join(root, "build", "signalbox");

export async function openYard(...words) {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-clients-"));
  const child = spawn(program, ["yard", "--dir", dir, "--speed", "20", ...words], { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise((resolve, reject) => {
    let text = "";
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the yard ended with ${code}`)));
    child.stdout.on("data", (bytes) => {
      text += bytes;
      if (text.includes("\n")) resolve(text);
    });
  });
  const urls = JSON.parse(line);

  async function control(method, path, body) {
    const answer = await fetch(urls.control + path, {
      method,
      headers: body ? { "content-type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  return {
    urls,
    secrets: urls.secrets,
    file: (name) => readFileSync(join(dir, "secrets", name), "utf8"),
    path: (name) => join(dir, "secrets", name),
    leap: (seconds) => control("POST", "/clock", { leap: seconds * 1000 }),
    patch: (system, body) => control("PATCH", `/world/${system}`, body),
    deeds: async (system) => (await control("GET", "/book")).deeds.filter((d) => d.system === system).map((d) => d.what),
    async close() {
      child.removeAllListeners("exit");
      const gone = new Promise((resolve) => child.on("exit", resolve));
      child.kill("SIGTERM");
      await gone;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

// Asks again until it is true; a client sees what happens by itself only by looking.
export async function until(what, ask, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    const got = await ask();
    if (got) return got;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited ${seconds} s for ${what}`);
}
