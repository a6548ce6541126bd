// GitHub's client reads the release of a tag, its commit, what changed since, and whether its checks have passed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Octokit } from "@octokit/rest";
import { openYard } from "./yard.js";

let yard, github;
const where = { owner: "example", repo: "decanting-service" };
before(async () => {
  yard = await openYard();
  github = new Octokit({ auth: yard.secrets.github, baseUrl: yard.urls.github });
});
after(() => yard.close());

test("a hotfix's tag is looked into from release to checks", async () => {
  const tag = "24-02-05.619-hotfix.627";
  const release = (await github.repos.getReleaseByTag({ ...where, tag })).data;
  assert.equal(release.tag_name, tag);
  let { object } = (await github.git.getRef({ ...where, ref: `tags/${tag}` })).data;
  if (object.type === "tag") object = (await github.git.getTag({ ...where, tag_sha: object.sha })).data.object;
  const commit = (await github.repos.getCommit({ ...where, ref: tag })).data;
  assert.equal(commit.sha, object.sha);
  const compared = (await github.repos.compareCommitsWithBasehead({ ...where, basehead: `24-02-05.619...${tag}` })).data;
  assert.equal(compared.status, "ahead");
  assert.ok(compared.ahead_by >= 1);
  const runs = await github.paginate(github.checks.listForRef, { ...where, ref: commit.sha, per_page: 1 });
  assert.deepEqual(runs.map((r) => r.name).sort(), ["build", "image-scan", "unit-tests"]);
  assert.ok(runs.every((r) => r.status === "completed" && r.conclusion === "success"));
  const status = (await github.repos.getCombinedStatusForRef({ ...where, ref: commit.sha })).data;
  assert.equal(status.total_count, status.statuses.length);
  const tags = await github.paginate(github.repos.listTags, { ...where, per_page: 2 });
  assert.ok(tags.length >= 3);
});

test("what is not there and who is not known are told apart", async () => {
  await assert.rejects(github.repos.getReleaseByTag({ ...where, tag: "24-01-01.1" }), { status: 404 });
  await assert.rejects(new Octokit({ auth: "wrong", baseUrl: yard.urls.github }).repos.get(where), { status: 401 });
});
