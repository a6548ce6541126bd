// Kubernetes' client and kubectl itself read what runs, watch it, and may not change it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { AppsV1Api, AuthorizationV1Api, CoreV1Api, KubeConfig, Watch } from "@kubernetes/client-node";
import { openYard } from "./yard.js";

let yard, config;
const namespace = "prod";
before(async () => {
  yard = await openYard();
  config = new KubeConfig();
  config.loadFromFile(yard.path("kubeconfig"));
  config.setCurrentContext("gke_tangerine_prod");
});
after(() => yard.close());

const ns = () => config.getContextObject("gke_tangerine_prod").namespace ?? namespace;

test("pods, deployments and releases are listed page by page", async () => {
  const core = config.makeApiClient(CoreV1Api), apps = config.makeApiClient(AppsV1Api);
  const whole = (await core.listNamespacedPod({ namespace: ns() })).items;
  assert.ok(whole.length >= 20);
  assert.ok(whole.every((p) => p.status.conditions.some((c) => c.type === "Ready" && c.status === "True")));
  const names = [];
  let _continue;
  do {
    const page = await core.listNamespacedPod({ namespace: ns(), limit: 7, _continue });
    names.push(...page.items.map((p) => p.metadata.name));
    _continue = page.metadata._continue;
  } while (_continue);
  assert.deepEqual(names.sort(), whole.map((p) => p.metadata.name).sort());
  const deployment = await apps.readNamespacedDeployment({ namespace: ns(), name: "decanting-service" });
  assert.match(deployment.spec.template.spec.containers[0].image, /:24-02-05\.619$/);
  const secrets = await core.listNamespacedSecret({ namespace: ns(), labelSelector: "owner=helm,status=deployed" });
  assert.ok(secrets.items.length >= 8);
});

test("a watch tells what changes", async () => {
  const seen = new Promise((resolve, reject) => {
    const watch = new Watch(config);
    watch.watch(`/api/v1/namespaces/${ns()}/pods`, {}, (type, pod) => {
      if (type === "MODIFIED" || (pod.status?.containerStatuses ?? []).some((c) => c.restartCount > 0)) resolve(pod.metadata.name);
    }, (error) => error && reject(error)).then((request) => after(() => request.abort?.()), reject);
  });
  await yard.patch("kubernetes", { crash_loop: { service: "order-service", target: "tangerine/prod" } });
  await yard.leap(30);
  assert.match(await seen, /order-service/);
  await yard.patch("kubernetes", { crash_loop: null });
});

test("rights are asked for, and nothing may be changed", async () => {
  const review = await config.makeApiClient(AuthorizationV1Api).createSelfSubjectAccessReview({
    body: { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { resourceAttributes: { namespace: ns(), verb: "list", resource: "pods" } } },
  });
  assert.equal(review.status.allowed, true);
  await assert.rejects(config.makeApiClient(CoreV1Api).deleteNamespacedPod({ namespace: ns(), name: "any" }), (e) => e.code === 403 || e.code === 405);
});

let kubectl = true;
try {
  execFileSync("kubectl", ["version", "--client"], { stdio: "ignore" });
} catch {
  kubectl = false;
}

test("kubectl lists versions as the process does", { skip: !kubectl && "kubectl is not installed" }, () => {
  const run = (...words) =>
    execFileSync("kubectl", ["--kubeconfig", yard.path("kubeconfig"), "--context", "gke_tangerine_prod", ...words], { encoding: "utf8" });
  const images = run("get", "pods", "-o", "jsonpath={.items[*].spec.containers[*].image}").trim().split(/\s+/);
  assert.equal(images.filter((i) => i.endsWith("/decanting-service:24-02-05.619")).length, 4);
  assert.match(run("rollout", "status", "deployment/decanting-service", "--timeout=20s"), /successfully rolled out/);
  assert.match(run("get", "deployments"), /decanting-service\s+4\/4/);
});
