// Google's client signs in with the service account's key, makes the event under an id of its own, moves it and takes it away.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { auth, calendar } from "@googleapis/calendar";
import { openYard } from "./yard.js";

let yard, google;
const calendarId = "change-calendar@example.com";
before(async () => {
  yard = await openYard();
  const key = JSON.parse(yard.file("google_calendar"));
  // The library signs in at Google's own address; only that one word is turned to the yard.
  const client = auth.fromJSON(key);
  client.scopes = ["https://www.googleapis.com/auth/calendar.events"];
  const { createSign } = await import("node:crypto");
  const claims = { iss: key.client_email, sub: "change.manager@example.com", scope: client.scopes[0], aud: key.token_uri, iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 3600 };
  const part = (o) => Buffer.from(JSON.stringify(o)).toString("base64url");
  const unsigned = `${part({ alg: "RS256", typ: "JWT", kid: key.private_key_id })}.${part(claims)}`;
  const assertion = `${unsigned}.${createSign("RSA-SHA256").update(unsigned).sign(key.private_key, "base64url")}`;
  const answer = await fetch(key.token_uri, {
    method: "POST",
    body: new URLSearchParams({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion }),
  });
  const token = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(token));
  const signedIn = new auth.OAuth2();
  signedIn.setCredentials(token);
  google = calendar({ version: "v3", auth: signedIn, rootUrl: yard.urls.google_calendar + "/" });
});
after(() => yard.close());

test("an event under our own id is made once, moved, listed and cancelled", async () => {
  const requestBody = {
    id: "hf7calendar1",
    summary: "Hotfix Tangerine",
    start: { dateTime: "2030-02-08T14:00:00", timeZone: "America/New_York" },
    end: { dateTime: "2030-02-08T15:30:00", timeZone: "America/New_York" },
    attendees: [{ email: "tam.tangerine@example.com" }],
    extendedProperties: { private: { signalbox: "HF-7" } },
  };
  const made = (await google.events.insert({ calendarId, requestBody, sendUpdates: "all" })).data;
  assert.equal(made.id, requestBody.id);
  assert.equal(made.status, "confirmed");
  await assert.rejects(google.events.insert({ calendarId, requestBody }), { status: 409 });
  const moved = (await google.events.patch({ calendarId, eventId: made.id, requestBody: { end: { dateTime: "2030-02-08T16:00:00", timeZone: "America/New_York" } } })).data;
  assert.equal(new Date(moved.end.dateTime).toISOString(), "2030-02-08T21:00:00.000Z");
  const listed = (await google.events.list({
    calendarId, timeMin: "2030-02-08T00:00:00Z", timeMax: "2030-02-09T00:00:00Z", singleEvents: true, orderBy: "startTime",
    privateExtendedProperty: ["signalbox=HF-7"],
  })).data;
  assert.deepEqual(listed.items.map((e) => e.id), [made.id]);
  const busy = (await google.freebusy.query({ requestBody: { timeMin: "2030-02-08T00:00:00Z", timeMax: "2030-02-09T00:00:00Z", items: [{ id: calendarId }] } })).data;
  assert.equal(busy.calendars[calendarId].busy.length, 1);
  await google.events.delete({ calendarId, eventId: made.id, sendUpdates: "all" });
  await assert.rejects(google.events.delete({ calendarId, eventId: made.id }), { status: 410 });
});
