"""A fake kubelet and metrics API for a kube-apiserver: serves pod logs from a folder, and constant resource usage.

kubectl reaches it only through the real API server, which validates every option first.
Usage: kubelet.py PORT CERTIFICATE KEY FOLDER. The folder contains POD.log and POD.previous.log (or any.log and
any.previous.log for all pods) with a timestamp before every line. A file POD.cut breaks the followed stream of this pod
in the middle of a line, and is then removed.
"""

import datetime
import http.server
import json
import os
import ssl
import sys
import time
import urllib.parse

PORT, CERTIFICATE, KEY, FOLDER = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
GROUP = "/apis/metrics.k8s.io/v1beta1"


def nanoseconds(text):
    whole, _, rest = text.rstrip("Z").partition(".")
    seconds = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc).timestamp()
    return int(seconds) * 10**9 + int((rest + "000000000")[:9])


class Kubelet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, kind="application/json"):
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        parts = url.path.strip("/").split("/")
        options = {k: v[0] for k, v in urllib.parse.parse_qs(url.query).items()}
        if parts[0] == "containerLogs" and len(parts) == 4:
            return self.logs(parts[2], options)
        if url.path.startswith(GROUP):
            return self.metrics(parts[3:])
        return self.answer("{}", 200 if url.path in ("/", "/apis") else 404)

    def metrics(self, parts):
        if not parts:
            verbs = ["get", "list"]
            kinds = [
                {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": verbs},
                {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": verbs},
            ]
            lists = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1", "resources": kinds}
            return self.answer(json.dumps(lists))
        usage = {"cpu": "250m", "memory": "96Mi"}
        meta = {"name": parts[-1], "namespace": parts[1] if parts[0] == "namespaces" else ""}
        item = {"metadata": meta, "timestamp": "2026-01-01T00:00:00Z", "window": "30s", "apiVersion": "metrics.k8s.io/v1beta1"}
        if parts[0] == "nodes":
            return self.answer(json.dumps({**item, "kind": "NodeMetrics", "usage": usage}))
        return self.answer(json.dumps({**item, "kind": "PodMetrics", "containers": [{"name": "payment", "usage": usage}]}))

    def chunk(self, data):
        self.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n")
        self.wfile.flush()

    def logs(self, pod, options):
        yes = lambda name: options.get(name) in ("true", "1")
        file = os.path.join(FOLDER, pod + (".previous.log" if yes("previous") else ".log"))
        if not os.path.exists(file):
            file = os.path.join(FOLDER, "any" + (".previous.log" if yes("previous") else ".log"))
        if not os.path.exists(file):
            return self.answer("previous terminated container not found" if yes("previous") else "", 400 if yes("previous") else 200, "text/plain")
        since = nanoseconds(options["sinceTime"]) if "sinceTime" in options else 0
        if "sinceSeconds" in options:
            since = int((time.time() - int(options["sinceSeconds"])) * 1e9)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        cut = os.path.join(FOLDER, pod + ".cut")
        try:
            with open(file, "rb") as lines:
                if "tailLines" in options:
                    tail = lines.readlines()[-int(options["tailLines"]) :]
                    lines = iter(tail)
                while True:
                    line = lines.readline() if hasattr(lines, "readline") else next(lines, b"")
                    if not line:
                        if not yes("follow"):
                            break
                        time.sleep(0.05)
                        continue
                    stamp, _, text = line.partition(b" ")
                    if nanoseconds(stamp.decode()) < since:
                        continue
                    line = line if yes("timestamps") else text
                    if yes("follow") and os.path.exists(cut):
                        os.remove(cut)
                        self.chunk(line[: len(line) // 2])
                        self.close_connection = True
                        return self.connection.close()
                    self.chunk(line)
            self.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Kubelet)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
