// A Jira client opens the change ticket, finds it by its label, links, comments and moves it to its end.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Version3Client } from "jira.js";
import { openYard } from "./yard.js";

let yard, jira;
before(async () => {
  yard = await openYard();
  jira = new Version3Client({ host: yard.urls.jira, authentication: { basic: { email: "signalbox@example.com", apiToken: yard.secrets.jira } } });
});
after(() => yard.close());

const text = (t) => ({ type: "doc", version: 1, content: [{ type: "paragraph", content: [{ type: "text", text: t }] }] });

test("a ticket goes its way from open to done", async () => {
  const made = await jira.issues.createIssue({
    fields: { project: { key: "OPS" }, issuetype: { name: "Change" }, summary: "Hotfix", description: text("Why"), labels: ["signalbox-hf-7"] },
  });
  assert.match(made.key, /^OPS-\d+$/);
  await yard.leap(3); // the index lags
  const found = await jira.issueSearch.searchForIssuesUsingJqlEnhancedSearch({ jql: 'project = OPS AND labels = "signalbox-hf-7"', fields: ["summary", "status"] });
  assert.deepEqual(found.issues.map((i) => i.key), [made.key]);
  await jira.issueProperties.setIssueProperty({ issueIdOrKey: made.key, propertyKey: "signalbox", propertyValue: { key: "HF-7/ticket/1" } });
  const property = await jira.issueProperties.getIssueProperty({ issueIdOrKey: made.key, propertyKey: "signalbox" });
  assert.equal(property.value.key, "HF-7/ticket/1");
  await jira.issueRemoteLinks.createOrUpdateRemoteIssueLink({ issueIdOrKey: made.key, globalId: "HF-7", object: { url: "https://example.com/1", title: "Incident" } });
  await jira.issueComments.addComment({ issueIdOrKey: made.key, comment: text("Deployed") });
  const comments = await jira.issueComments.getComments({ issueIdOrKey: made.key });
  assert.equal(comments.total, 1);
  for (const [status, fields] of [["In progress"], ["Done", { resolution: { name: "Done" } }]]) {
    const { transitions } = await jira.issues.getTransitions({ issueIdOrKey: made.key });
    const transition = transitions.find((t) => t.to.name === status);
    await jira.issues.doTransition({ issueIdOrKey: made.key, transition: { id: transition.id }, ...(fields && { fields }) });
  }
  const issue = await jira.issues.getIssue({ issueIdOrKey: made.key });
  assert.equal(issue.fields.status.name, "Done");
});

test("a ticket of no known type, and an account that is not known, are refused", async () => {
  await assert.rejects(jira.issues.createIssue({ fields: { project: { key: "OPS" }, issuetype: { name: "Wish" }, summary: "x" } }), (e) => (e.status ?? e.response?.status) === 400);
  const stranger = new Version3Client({ host: yard.urls.jira, authentication: { basic: { email: "signalbox@example.com", apiToken: "wrong" } } });
  await assert.rejects(stranger.myself.getCurrentUser(), (e) => (e.status ?? e.response?.status) === 401);
});
