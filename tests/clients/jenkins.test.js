// A Jenkins client starts the deployment, follows it, answers its pause through the page's own address, and reads its log.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Jenkins from "jenkins";
import { openYard, until } from "./yard.js";

let yard, jenkins, base;
const job = "multi_deploy_pipeline";

before(async () => {
  yard = await openYard();
  base = new URL(yard.urls.jenkins);
  base.username = "signalbox";
  base.password = yard.secrets.jenkins;
  jenkins = new Jenkins({ baseUrl: base.href.replace(/\/$/, "") });
});
after(() => yard.close());

test("a build is started, waits at its pause, and ends after somebody proceeds", async () => {
  const info = await jenkins.info();
  assert.ok(info.jobs.some((j) => j.name === job));
  assert.equal((await jenkins.job.get(job)).buildable, true);
  const item = await jenkins.job.build({
    name: job,
    parameters: { CLIENT: "tangerine", ENV: "prod", ORDER_SERVICE_TAG: "24-02-05.622-hotfix.624", SIGNALBOX_KEY: "client/1" },
  });
  const started = await until("the build", async () => (await jenkins.queue.item(item)).executable);
  const number = started.number;
  const authorization = "Basic " + Buffer.from(`signalbox:${yard.secrets.jenkins}`).toString("base64");
  const pending = await until("the pause", async () => {
    const answer = await fetch(`${yard.urls.jenkins}/job/${job}/${number}/wfapi/pendingInputActions`, { headers: { authorization } });
    return (await answer.json())[0];
  });
  assert.equal((await jenkins.build.get(job, number)).building, true);
  const proceeded = await fetch(`${yard.urls.jenkins}${pending.proceedUrl.replace(/^https?:\/\/[^/]+/, "")}`, {
    method: "POST",
    headers: { authorization, "content-type": "application/x-www-form-urlencoded" },
    body: "json=" + encodeURIComponent('{"parameter":[]}'),
  });
  assert.ok(proceeded.ok, `proceed: ${proceeded.status}`);
  const build = await until("the end", async () => {
    const b = await jenkins.build.get(job, number);
    return !b.building && b;
  });
  assert.equal(build.result, "SUCCESS");
  const log = await jenkins.build.log({ name: job, number, start: 0, type: "text", meta: true });
  assert.match(log.text ?? log, /Finished: SUCCESS/);
});

test("wrong credentials are refused", async () => {
  const wrong = new URL(base);
  wrong.password = "wrong";
  await assert.rejects(new Jenkins({ baseUrl: wrong.href.replace(/\/$/, "") }).job.get(job), /401|unauthorized/i);
});
