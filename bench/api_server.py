"""api_server.py PODS SERVICES: a cluster's API server for benchmarks: lists whole or in pages, and watches that never rest.

Prints its URL. /bench?rate=N makes it change N pods a second; /bench tells how many it has told of.

Pods are as big as real ones are (managed fields, environment, volumes, conditions), and are rendered once, so that what is
measured is the client."""

import json
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

NAMESPACE = "prod"
RESOURCES = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": [
    {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "shortNames": ["po"], "verbs": ["get", "list", "watch"]}]}


def pod(service, i, tag, version):
    name, labels = f"{service}-6d4cf56db6-{i:05d}", {"app": service, "pod-template-hash": "6d4cf56db6", "release": service}
    env = [{"name": f"SETTING_{n}", "value": f"value-{n}-of-{service}-which-is-about-this-long"} for n in range(24)]
    managed = [{"manager": m, "operation": "Update", "apiVersion": "v1", "time": "2024-02-05T10:00:00Z", "fieldsType": "FieldsV1",
                "fieldsV1": {f"f:{area}": {f"f:{field}-{n}": {} for n in range(14) for field in ("labels", "image", "conditions")}}}
               for m, area in (("kube-controller-manager", "metadata"), ("kubelet", "status"), ("helm", "spec"))]
    status = {"name": service, "ready": True, "restartCount": 0, "started": True, "image": f"registry.example/retail/{service}:{tag}",
              "imageID": f"registry.example/retail/{service}@sha256:{'0123456789abcdef' * 4}", "containerID": f"containerd://{'fedcba9876543210' * 4}",
              "state": {"running": {"startedAt": "2024-02-05T10:00:05Z"}}, "lastState": {}}
    return {
        "metadata": {"name": name, "generateName": f"{service}-6d4cf56db6-", "namespace": NAMESPACE, "uid": f"00000000-0000-4000-8000-{i:012d}",
                     "resourceVersion": str(version), "creationTimestamp": "2024-02-05T10:00:00Z", "labels": labels,
                     "annotations": {"checksum/config": "ab" * 32, "prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
                     "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{service}-6d4cf56db6", "uid": "u", "controller": True,
                                          "blockOwnerDeletion": True}],
                     "managedFields": managed},
        "spec": {"containers": [{"name": service, "image": f"registry.example/retail/{service}:{tag}", "env": env,
                                 "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                                 "resources": {"limits": {"cpu": "2", "memory": "4Gi"}, "requests": {"cpu": "500m", "memory": "2Gi"}},
                                 "volumeMounts": [{"name": "config", "mountPath": "/etc/service"}, {"name": "token", "mountPath": "/var/run/secrets"}],
                                 "imagePullPolicy": "IfNotPresent"}],
                 "volumes": [{"name": "config", "configMap": {"name": f"{service}-config", "defaultMode": 420}}], "restartPolicy": "Always",
                 "nodeName": f"node-{i % 40}", "serviceAccountName": service, "schedulerName": "default-scheduler"},
        "status": {"phase": "Running", "podIP": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", "startTime": "2024-02-05T10:00:00Z", "qosClass": "Burstable",
                   "conditions": [{"type": t, "status": "True", "lastProbeTime": None, "lastTransitionTime": "2024-02-05T10:00:09Z"}
                                  for t in ("Initialized", "Ready", "ContainersReady", "PodScheduled")],
                   "containerStatuses": [status]}}


class ApiServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, pods, services):
        super().__init__(("127.0.0.1", 0), Handler)
        self.services, self.version = services, 1000 + pods
        self.pods = [pod(f"service-{i % services:02d}", i, "24-02-05.619", 1000 + i) for i in range(pods)]
        self.texts = [json.dumps(p).encode() for p in self.pods]
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.rate = 0  # changes a second that a watch is told
        self.sent = 0

    def page(self, start, limit):
        end = len(self.texts) if not limit else min(start + limit, len(self.texts))
        meta = {"resourceVersion": str(self.version)}
        if end < len(self.texts):
            meta["continue"] = str(end)
        head = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": meta})[:-1].encode()
        return head + b', "items": [' + b",".join(self.texts[start:end]) + b"]}"

    def change(self, n, tag):
        """The n-th change: one pod runs the tag."""
        i = n % len(self.pods)
        self.version += 1
        service = f"service-{i % self.services:02d}"
        return json.dumps({"type": "MODIFIED", "object": {"kind": "Pod", "apiVersion": "v1", **pod(service, i, tag, self.version)}}).encode() + b"\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urlparse(self.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        if url.path == f"/api/v1/namespaces/{NAMESPACE}/pods":
            if "watch" in query:
                self.watch()
            else:
                self.answer(self.server.page(int(query.get("continue", 0)), int(query.get("limit", 0))))
        elif url.path == "/api":
            self.answer(json.dumps({"kind": "APIVersions", "versions": ["v1"]}).encode())
        elif url.path == "/apis":
            self.answer(json.dumps({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}).encode())
        elif url.path == "/api/v1":
            self.answer(json.dumps(RESOURCES).encode())
        elif url.path == "/bench":
            self.server.rate = int(query.get("rate", self.server.rate))
            self.answer(json.dumps({"sent": self.server.sent, "bytes": sum(map(len, self.server.texts))}).encode())
        elif url.path == "/version":
            self.answer(b'{"major": "1", "minor": "29", "gitVersion": "v1.29.0"}')
        else:
            self.send_error(404)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def watch(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        server = self.server
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.chunk(json.dumps({"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": str(server.version)}}}).encode() + b"\n")
            last, due = time.monotonic(), 0.0
            while True:
                now = time.monotonic()
                due += (now - last) * server.rate
                last = now
                while due >= 1:
                    self.chunk(server.change(server.sent, f"24-02-05.619-hotfix.{server.sent // 1000 % 10}"))
                    server.sent += 1
                    due -= 1
                time.sleep(0.005)
        except OSError:
            pass


if __name__ == "__main__":
    api = ApiServer(int(sys.argv[1]), int(sys.argv[2]))
    print(api.url, flush=True)
    api.serve_forever()
