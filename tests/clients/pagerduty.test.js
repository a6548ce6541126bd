// PagerDuty's client sends the alert, sees it answered by who is on call, and closes it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api } from "@pagerduty/pdjs";
import { openYard, until } from "./yard.js";

let yard, pagerduty;
before(async () => {
  yard = await openYard();
  pagerduty = (method, path, data, headers) => api({ url: yard.urls.pagerduty + path, token: yard.secrets.pagerduty, method, data, headers });
});
after(() => yard.close());

const enqueue = (body) => pagerduty("post", "/v2/enqueue", { routing_key: yard.file("pagerduty-production"), ...body });

test("an event becomes one incident, is answered and resolved", async () => {
  const payload = { summary: "Hotfix in trouble", source: "signalbox", severity: "critical" };
  for (let i = 0; i < 2; i++) {
    const event = await enqueue({ event_action: "trigger", dedup_key: "HF-7/page/1", payload });
    assert.equal(event.status, 202);
    assert.equal(event.data.dedup_key, "HF-7/page/1");
  }
  const answered = await until("somebody to answer", async () => {
    const { data } = await pagerduty("get", "/incidents?incident_key=HF-7/page/1");
    assert.ok(data.incidents.length <= 1);
    return data.incidents.find((i) => i.status === "acknowledged");
  });
  assert.equal(answered.acknowledgements[0].acknowledger.summary, "Production on call");
  const { data } = await pagerduty("put", `/incidents/${answered.id}`, { incident: { type: "incident_reference", status: "resolved" } }, { From: "release.engineer@example.com" });
  assert.equal(data.incident.status, "resolved");
  const again = await pagerduty("put", `/incidents/${answered.id}`, { incident: { type: "incident_reference", status: "resolved" } }, { From: "release.engineer@example.com" });
  assert.equal(again.status, 400);
});

test("who is on call is read from the schedule", async () => {
  const { data } = await pagerduty("get", "/schedules?query=production");
  const on = await pagerduty("get", `/oncalls?schedule_ids[]=${data.schedules[0].id}&include[]=users&earliest=true`);
  assert.equal(on.data.oncalls[0].user.email, "on-call.production@example.com");
});

test("a routing key of nobody's is refused", async () => {
  const wrong = await pagerduty("post", "/v2/enqueue", { routing_key: "0".repeat(32), event_action: "trigger", payload: { summary: "x", source: "y", severity: "info" } });
  assert.equal(wrong.status, 400);
  assert.equal(wrong.data.status, "invalid event");
});
