// Slack's own client makes the change's channel, opens the thread, posts into it, edits and finds the first message by its metadata.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WebClient } from "@slack/web-api";
import { openYard } from "./yard.js";

let yard, slack;
before(async () => {
  yard = await openYard();
  slack = new WebClient(yard.secrets.slack, { slackApiUrl: yard.urls.slack + "/api/", retryConfig: { retries: 0 } });
});
after(() => yard.close());

test("a thread is opened, followed, edited, and found again by its metadata", async () => {
  assert.equal((await slack.auth.test()).ok, true);
  const { user } = await slack.users.lookupByEmail({ email: "tam.tangerine@example.com" });
  const { channel } = await slack.conversations.create({ name: "change-hf-1" });
  await slack.conversations.invite({ channel: channel.id, users: user.id });
  const members = await slack.conversations.members({ channel: channel.id });
  assert.ok(members.members.includes(user.id));
  await assert.rejects(slack.conversations.create({ name: "change-hf-1" }), /name_taken/);
  const metadata = { event_type: "signalbox_effect", event_payload: { key: "HF-1/announce/1" } };
  const posted = await slack.chat.postMessage({ channel: channel.id, text: `Hotfix planned, <@${user.id}>`, metadata });
  const reply = await slack.chat.postMessage({ channel: channel.id, thread_ts: posted.ts, text: "Deploying now", reply_broadcast: true });
  await slack.chat.update({ channel: channel.id, ts: posted.ts, text: "Hotfix done" });
  const replies = await slack.conversations.replies({ channel: channel.id, ts: posted.ts });
  assert.deepEqual(replies.messages.map((m) => m.ts), [posted.ts, reply.ts]);
  assert.match(replies.messages[0].text, /done/);
  let found;
  for await (const page of slack.paginate("conversations.history", { channel: channel.id, include_all_metadata: true, limit: 1 }))
    found ??= page.messages.find((m) => m.metadata?.event_payload?.key === "HF-1/announce/1");
  assert.equal(found.ts, posted.ts);
  const names = [];
  for await (const page of slack.paginate("conversations.list", { limit: 2, exclude_archived: true })) names.push(...page.channels.map((c) => c.name));
  assert.ok(names.includes("change-control") && names.includes("incident") && names.includes("change-hf-1"));
});

test("what is wrong is told by its name", async () => {
  await assert.rejects(slack.chat.postMessage({ channel: "C0NOWHERE", text: "x" }), /channel_not_found/);
  await assert.rejects(slack.users.lookupByEmail({ email: "nobody@example.com" }), /users_not_found/);
  const stranger = new WebClient("xoxb-wrong", { slackApiUrl: yard.urls.slack + "/api/", retryConfig: { retries: 0 } });
  await assert.rejects(stranger.auth.test(), /invalid_auth/);
});
