"""The main job and the refusals, black-box, against a running `zen-agent dev`.

usage: main_job.py STATE_DIR HOST:PORT [ADMIN_HOST:PORT]

STATE_DIR/samples, where there is one, holds the samples that name a uid as they were recorded on that server.
"""

import http.client
import json
import pathlib
import ssl
import sys
import tempfile
import time
import uuid

from zen import Client, Credentials, Issuer, sign

SAMPLES = pathlib.Path(__file__).parent.parent / "samples"


def sample(file):
    own = pathlib.Path(sys.argv[1]) / "samples" / file
    return (own if own.exists() else SAMPLES / file).read_bytes()


passed, failed = 0, 0


def check(name, holds, seen=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print(f"FAIL {name}: {str(seen)[:600]}")


def results(answer):
    return [(r["outcome"], r.get("reason")) for r in answer.json["results"]]


def wait_for(client, name, statuses, seconds=120):
    end = time.monotonic() + seconds
    while True:
        item = client.call("GET", f"/v0/remediations/{name}").json
        if item.get("status") in statuses or time.monotonic() > end:
            return item
        time.sleep(0.1)  # pacing of a poll with a deadline


def at_once(ask):
    """What is answered to something that was made for this moment: made anew where the moment had passed by then."""
    for _ in range(20):
        begun = time.monotonic()
        answer = ask()
        if time.monotonic() - begun < 5:
            break
    return answer


EXPECTED = [
    ("falco", "falco-internal-drop.json", [("ignored", "no_target")]),
    ("falco", "falco-minimal.json", [("ignored", "no_target")]),
    ("falco", "falco-k8s-audit.json", [("created", None)]),
    ("falco", "falco-outbound-c2.json", [("created", None)]),
    ("falco", "falco-shell-in-container.json", [("created", None)]),
    ("falco", "falcosidekick-event.json", [("created", None)]),
    ("trivy", "trivy-cli-image.json", [("ignored", "no_target")]),
    ("trivy", "trivy-cli-config.json", [("ignored", "no_target")]),
    ("trivy", "trivy-operator-vulnerabilityreport.json", [("created", None)]),
    ("trivy", "trivy-operator-update-envelope.json", [("created", None)]),
    ("trivy", "trivy-operator-configauditreport.json", [("ignored", "below_threshold")]),
    ("kyverno", "policy-reporter-result.json", [("created", None)]),
    ("kyverno", "policy-reporter-heartbeat.json", [("ignored", "heartbeat")]),
    ("kyverno", "kyverno-policyreport.json", [("ignored", "pass"), ("created", None)]),
]


def samples(client, version):
    names = {}
    for tool, file, expected in EXPECTED:
        body, request_id = sample(file), str(uuid.uuid4())
        target = f"/{version}/events/{tool}"
        answer = client.call("POST", target, body, request_id=request_id, version=version)
        check(f"{version} {file} is accepted", answer.status == 202, (answer.status, answer.raw))
        if answer.status != 202:
            continue
        check(f"{version} {file} has the right receipt", results(answer) == expected, answer.raw)
        check(f"{version} {file} echoes", answer.headers["X-Request-Id"] == request_id and answer.headers["X-Zen-Contract-Version"] == version)
        names[file] = [r.get("remediation") for r in answer.json["results"]]
        again = client.call("POST", target, body, request_id=request_id, version=version)
        replay = [("replayed", None) if outcome == "created" else (outcome, reason) for outcome, reason in expected]
        check(f"{version} {file} is replayed", again.status == 202 and results(again) == replay, again.raw)
        if ("replayed", None) in replay:
            check(f"{version} {file} replays with the header", again.headers["Idempotent-Replayed"] == "true", again.headers)
            check(f"{version} {file} replays the names", [r.get("remediation") for r in again.json["results"]] == names[file])
            other = client.call("POST", target, body + b" ", request_id=request_id, version=version)
            check(f"{version} {file} conflicts with other bytes", other.status == 409 and other.json["code"] == "request_id_conflict", other.raw)
            falco = client.call("POST", f"/{version}/events/falco", sample("falco-shell-in-container.json") + b"\n", request_id=request_id, version=version)
            check(f"{version} {file} conflicts with another event", falco.status == 409, falco.raw)
    return names


def main_job(client):
    names = samples(client, "v0")
    c2 = wait_for(client, names["falco-outbound-c2.json"][0], {"succeeded", "failed", "rolled_back"})
    check("the C2 event ends succeeded", c2["status"] == "succeeded" and c2["action"] == "network-quarantine", c2)
    shell = wait_for(client, names["falco-shell-in-container.json"][0], {"succeeded", "failed", "rolled_back"})
    check("the shell event ends succeeded", shell["status"] == "succeeded" and shell["action"] == "label", shell)
    for file in ["falco-k8s-audit.json", "falcosidekick-event.json"]:
        gone = wait_for(client, names[file][0], {"succeeded", "failed", "rolled_back"})
        check(f"{file} ends with TargetNotFound", gone["status"] == "failed" and gone["reason"] == "TargetNotFound", gone)
    scale = names["trivy-operator-vulnerabilityreport.json"][0]
    item = client.call("GET", f"/v0/remediations/{scale}").json
    check("the proposal waits", item["status"] == "pending" and item["action"] == "scale", item)
    approved = client.call("POST", f"/v0/remediations/{scale}/approve", {"reason": "confirmed"})
    check("it can be approved", approved.status == 200, approved.raw)
    again = client.call("POST", f"/v0/remediations/{scale}/approve", {"reason": "confirmed"})
    item = wait_for(client, scale, {"succeeded", "failed", "rolled_back"})
    check("the approved scale ends succeeded", item["status"] == "succeeded", item)
    other = names["policy-reporter-result.json"][0]
    rejected = client.call("POST", f"/v0/remediations/{other}/reject", {"reason": "false alarm"})
    check("a proposal can be rejected", rejected.status == 200, rejected.raw)
    item = wait_for(client, other, {"succeeded", "failed", "rolled_back"})
    check("a rejected one ends failed with Rejected", (item["status"], item["reason"]) == ("failed", "Rejected"), item)
    late = client.call("POST", f"/v0/remediations/{other}/approve", {"reason": "changed my mind"})
    check("a rejected one cannot be approved", late.status == 409, late.raw)
    check("an unknown one is 404", client.call("GET", "/v0/remediations/zar-none").status == 404)


def tasks(client):
    cluster, execution = "dev-cluster", f"exec-{uuid.uuid4()}"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"}
    task = {"execution_id": execution, "tenant_id": client.credentials.tenant, "cluster_id": cluster, "remediation_id": "rem-1",
            "action": "annotate", "params": {"annotations": {"example.com/seen": "yes"}}, "target": target}
    apply, cancel = "/api/v1/remediations/apply", "/api/v1/remediations/cancel"
    sent = client.call("POST", apply, task)
    check("a task is taken", sent.status == 202 and sent.json["outcome"] == "created" and sent.json["execution_id"] == execution, sent.raw)
    again = client.call("POST", apply, task, version="v1alpha1")
    check("a task has effect once, whatever the request's id", again.status == 202 and again.json["outcome"] == "replayed"
          and again.json["remediation"] == sent.json["remediation"] and again.headers["Idempotent-Replayed"] == "true", again.raw)
    other = client.call("POST", apply, task | {"remediation_id": "rem-2"})
    check("another task of the same id is 409", other.status == 409 and other.json["code"] == "execution_conflict", other.raw)
    item = wait_for(client, sent.json["remediation"], {"succeeded", "failed", "rolled_back"})
    check("a task is carried out without another approval", item["status"] == "succeeded" and item["approval"]["state"] == "approved"
          and (item["execution_id"], item["remediation_id"]) == (execution, "rem-1"), item)
    which = {name: task[name] for name in ["execution_id", "tenant_id", "cluster_id"]}
    late = client.call("POST", cancel, which)
    check("what has ended is not cancelled", late.status == 409 and late.json["code"] == "state_conflict", late.raw)
    later = task | {"execution_id": f"{execution}-2", "scheduled_time": "2099-01-01T00:00:00Z"}
    sent = client.call("POST", apply, later)
    check("a task may be for later", sent.status == 202, sent.raw)
    for _ in range(2):
        taken_back = client.call("POST", cancel, which | {"execution_id": later["execution_id"], "reason": "superseded"})
        check("what has not begun is cancelled", taken_back.status == 200 and (taken_back.json["status"], taken_back.json["reason"])
              == ("failed", "Cancelled"), taken_back.raw)
    unknown = client.call("POST", cancel, which | {"execution_id": "nobody-knows"})
    check("an unknown task is 404", unknown.status == 404, unknown.raw)
    for name, code in [("tenant_id", "tenant_mismatch"), ("cluster_id", "cluster_mismatch")]:
        for path, body in [(apply, task), (cancel, which)]:
            answer = client.call("POST", path, body | {name: "elsewhere"})
            check(f"{path} of another {name} is 403", answer.status == 403 and answer.json["code"] == code, answer.raw)
    for pointer, change in [("/params", {"params": {"replicas": 1}}), ("/action", {"action": "explode"}), ("/params", {"action": "scale", "params": {}}),
                            ("/target", {"target": target | {"name": "../x"}})]:
        answer = client.call("POST", apply, task | {"execution_id": "refused"} | change)
        check(f"a task with a wrong {pointer} is 422", answer.status == 422 and answer.json["violations"][0]["pointer"].startswith(pointer), answer.raw)


def batch(client):
    cluster = "dev-cluster"
    event = lambda **more: {"source": "falco", "rule": "r", "severity": "low", "time": "2026-11-23T10:00:00Z",
                            "target": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-6d4cf56db6-x2x7p"}} | more
    good = client.call("POST", "/v0/events", {"cluster_id": cluster, "events": [event(), {k: v for k, v in event().items() if k != "target"}, event()]})
    check("a batch has a result per event", good.status == 202 and results(good) == [("created", None), ("ignored", "no_target"), ("created", None)], good.raw)
    check("indexes count", good.status == 202 and [r["index"] for r in good.json["results"]] == [0, 1, 2], good.raw)
    foreign = client.call("POST", "/v0/events", {"cluster_id": "elsewhere", "events": [event()]})
    check("another cluster is 403", foreign.status == 403 and foreign.json["code"] == "cluster_mismatch", foreign.raw)
    empty = client.call("POST", "/v0/events", {"cluster_id": cluster, "events": []})
    check("an empty batch is 422", empty.status == 422 and empty.json["violations"][0]["pointer"] == "/events", empty.raw)
    long = client.call("POST", "/v0/events", {"cluster_id": cluster, "events": [event()] * 101})
    check("a batch of 101 is 422", long.status == 422, long.raw)
    bad = client.call("POST", "/v0/events", {"cluster_id": cluster, "events": [event(), event(severity="awful")]})
    check("a bad severity is 422 with its pointer", bad.status == 422 and bad.json["violations"][0]["pointer"] == "/events/1/severity", bad.raw)
    # The same in Protocol Buffers, written by hand.
    field = lambda number, content: bytes([number << 3 | 2, len(content)]) + content
    target = b"".join(field(number, value) for number, value in enumerate([b"v1", b"Pod", b"shop", b"web-6d4cf56db6-x2x7p"], 1))
    event = field(1, b"falco") + field(2, b"r") + bytes([3 << 3, 4]) + field(4, b"2026-11-23T10:00:00Z") + field(5, target)
    message, protobuf = field(1, cluster.encode()) + field(2, event), "application/x-protobuf"
    request_id = str(uuid.uuid4())
    for outcome in ["created", "replayed"]:
        sent = client.call("POST", "/v0/events", message, request_id=request_id, content_type=protobuf)
        check(f"a batch in Protocol Buffers is {outcome}", sent.status == 202 and results(sent) == [(outcome, None)], sent.raw)
    cut = client.call("POST", "/v0/events", message[:-1], content_type=protobuf)
    check("what is no message is 400", cut.status == 400 and cut.json["code"] == "invalid_json", cut.raw)
    unknown = client.call("POST", "/v0/events", field(1, cluster.encode()) + field(2, event + field(15, b"x")), content_type=protobuf)
    check("an unknown field is 422", unknown.status == 422 and unknown.json["violations"][0]["pointer"] == "/events/0/15", unknown.raw)


def listing(client):
    page = client.call("GET", "/v0/remediations?limit=2")
    # A page may hold fewer: what is being deleted, since an earlier cleanup, is not shown.
    check("a page has its limit", page.status == 200 and len(page.json["items"]) <= 2 and "continue" in page.json, page.raw)
    seen, token = [i["id"] for i in page.json["items"]], page.json.get("continue")
    while token:
        page = client.call("GET", f"/v0/remediations?limit=2&continue={token}")
        if page.status != 200:
            check("every page is answered", False, page.raw)
            break
        seen += [i["id"] for i in page.json["items"]]
        token = page.json.get("continue")
    check("each is listed once", len(seen) == len(set(seen)) and len(seen) >= 8, seen)
    failed_ones = client.call("GET", "/v0/remediations?status=failed").json["items"]
    check("the status filter holds", failed_ones and all(i["status"] == "failed" for i in failed_ones), failed_ones)
    shop = client.call("GET", "/v0/remediations?namespace=shop&source=falco").json["items"]
    check("filters add up", shop and all(i["target"]["namespace"] == "shop" and i["source"] == "falco" for i in shop), shop)
    for query in ["limit=0", "limit=501", "limit=x", "status=nope", "severity=nope", "nope=1", "limit=1&limit=2"]:
        answer = client.call("GET", f"/v0/remediations?{query}")
        check(f"?{query} is 400", answer.status == 400, answer.raw)


def cleanup(client):
    dry = client.call("DELETE", "/api/v1/remediations/cleanup?older_than=0s&dry_run=true")
    check("cleanup can be tried", dry.status == 200 and dry.json["matched"] > 0 and dry.json["deleted"] == 0, dry.raw)
    alpha = client.call("DELETE", "/api/v1/remediations/cleanup?dry_run=true", version="v1alpha1")
    check("cleanup takes either version", alpha.status == 200, alpha.raw)
    for query in ["statuses=pending", "statuses=nope", "older_than=7", "older_than=-1s", "dry_run=maybe"]:
        answer = client.call("DELETE", f"/api/v1/remediations/cleanup?{query}")
        check(f"cleanup ?{query} is 400", answer.status == 400, answer.raw)
    real = client.call("DELETE", "/api/v1/remediations/cleanup?older_than=0s&statuses=failed")
    check("cleanup deletes", real.status == 200 and real.json["deleted"] > 0, real.raw)
    check("nothing is left of them", client.call("GET", "/v0/remediations?status=failed").json["items"] == [])


def refusals(client):
    body, path = sample("falco-shell-in-container.json"), "/v0/events/falco"
    count = lambda: len(client.call("GET", "/v0/remediations?limit=500").json["items"])
    before = count()
    credentials = client.credentials

    def refused(name, status, code, headers, target=path, data=body, method="POST"):
        ask = lambda made: client.send(method, target, made, data)
        answer = at_once(lambda: ask(headers())) if callable(headers) else ask(headers)
        kind = answer.headers["Content-Type"]
        holds = answer.status == status and answer.json["code"] == code and kind == "application/problem+json" and answer.json["status"] == status
        check(name, holds, (answer.status, kind, answer.raw))

    good = lambda **how: client.prepare("POST", path, body, **how)
    without = lambda name: {k: v for k, v in good().items() if k != name}
    for name, status, code in [
        ("X-Zen-Contract-Version", 400, "missing_header"), ("X-Request-Id", 400, "missing_header"), ("X-Tenant-Id", 400, "missing_header"),
        ("X-Signature", 401, "invalid_signature"), ("Authorization", 401, "invalid_token"), ("Content-Type", 415, "unsupported_media_type"),
    ]:
        refused(f"without {name}", status, code, without(name))
    for name, value, status, code in [
        ("X-Zen-Contract-Version", "v9", 400, "unsupported_version"), ("X-Zen-Contract-Version", "v1alpha1", 400, "version_mismatch"),
        ("X-Request-Id", "1", 400, "malformed_header"), ("X-Request-Id", "not-a-uuid-but-36-characters-long-xxx", 400, "malformed_header"),
        ("X-Tenant-Id", "-bad-", 400, "malformed_header"), ("X-Tenant-Id", "other", 403, "tenant_mismatch"),
        ("Authorization", "Bearer x", 401, "invalid_token"), ("Authorization", "Basic eDp5", 401, "invalid_token"),
        ("X-Signature", "nonsense", 401, "invalid_signature"), ("Content-Type", "text/plain", 415, "unsupported_media_type"),
    ]:
        refused(f"{name}: {value}", status, code, good() | {name: value})
    header, claims, _ = credentials.token.split(".")
    refused("a token without signature", 401, "invalid_token", good() | {"Authorization": f"Bearer eyJhbGciOiJub25lIn0.{claims}."})
    refused("another body", 401, "invalid_signature", good(), data=body + b" ")
    refused("another path", 401, "invalid_signature", good(), target="/v0/events/trivy")
    refused("another query", 401, "invalid_signature", good(), target=path + "?a=b")
    for offset, name in [(-130, "stale"), (130, "future")]:
        refused(f"a {name} timestamp", 401, "invalid_signature", lambda: good(timestamp=int(time.time()) + offset))
    for offset in [-110, 110]:
        answer = at_once(lambda: client.call("GET", "/v0/remediations", timestamp=int(time.time()) + offset))
        check(f"a timestamp off by {offset} s holds", answer.status == 200, answer.raw)
    refused("another request id", 401, "invalid_signature", good() | {"X-Request-Id": str(uuid.uuid4())})
    headers, now = good(), int(time.time())
    headers["X-Signature"] = sign(credentials.secret, "unknown", now, "POST", path, "v0", credentials.tenant, headers["X-Request-Id"], body)
    refused("an unknown key id", 401, "invalid_signature", headers)
    headers = good(timestamp=now)
    headers["X-Signature"] = headers["X-Signature"].replace(f"t={now},", f"t={now - 1},")
    refused("another timestamp", 401, "invalid_signature", headers)
    for data, status, code in [(b"{", 400, "invalid_json"), (b"[]", 422, "schema_violation"), (b"{}", 422, "schema_violation"), (b"\xff\xfe", 400, "invalid_json")]:
        refused(f"body {data!r}", status, code, client.prepare("POST", path, data), data=data)
    event = json.loads(body)
    for pointer, change in [("/rule", {"rule": 7}), ("/priority", {"priority": "Awful"}), ("/time", {"time": "yesterday"}), ("/tags", {"tags": "shell"}), ("/output_fields", {"output_fields": []})]:
        data = json.dumps(event | change).encode()
        answer = client.send("POST", path, client.prepare("POST", path, data), data)
        pointers = [v["pointer"] for v in answer.json.get("violations", [])] if answer.status == 422 else []
        check(f"a wrong {pointer} is named", answer.status == 422 and any(p.startswith(pointer) for p in pointers), answer.raw)
    big = json.dumps(event | {"output": "x" * (10 * 1024 * 1024)}).encode()
    refused("a body above the limit", 413, "body_too_large", client.prepare("POST", path, big), data=big)
    answer = client.call("GET", "/v0/nope")
    check("an unknown route is 404", answer.status == 404 and answer.headers["Content-Type"] == "application/problem+json", answer.raw)
    answer = client.call("PUT", path, body)
    check("a wrong method is 405", answer.status == 405 and "POST" in (answer.headers["Allow"] or ""), (answer.status, dict(answer.headers), answer.raw))
    check("nothing refused was stored", count() == before)


def handshakes(client, issuer):
    subject = "/O=dev/CN=dev-cluster"
    contexts = [
        ("no certificate", ssl.create_default_context(cafile=issuer.folder / "ca.crt")),
        ("a foreign certificate", issuer.context("stranger", subject, foreign=True)),
        ("an expired certificate", issuer.context("expired", subject, ends="20200102000000Z")),
    ]
    for name, context in contexts:
        try:
            answer = client.send("GET", "/v0/remediations", client.prepare("GET", "/v0/remediations"), tls=context)
            check(f"{name}: no HTTP answer", False, answer.status)
        except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
            check(f"{name}: no HTTP answer", True)
    fresh = issuer.context("fresh", subject)
    answer = client.send("GET", "/v0/remediations", client.prepare("GET", "/v0/remediations"), tls=fresh)
    check("another certificate of the CA is taken", answer.status == 200, answer.raw)
    for name, other, code in [("tenant", "/O=other/CN=dev-cluster", "tenant_mismatch"), ("cluster", "/O=dev/CN=elsewhere", "cluster_mismatch")]:
        answer = client.send("GET", "/v0/remediations", client.prepare("GET", "/v0/remediations"), tls=issuer.context(name, other))
        check(f"a certificate of another {name} is 403", answer.status == 403 and answer.json["code"] == code, answer.raw)


def tokens(client, issuer):
    target = "/v0/remediations"

    def answered(token, method="GET", target=target, body=b""):
        return client.send(method, target, client.prepare(method, target, body) | {"Authorization": f"Bearer {token}"}, body)

    def off_by(claim, seconds):
        return lambda: issuer.token(**{claim: int(time.time()) + seconds})

    for name, token in [("of now", issuer.token), ("that ended 100 s ago", off_by("exp", -100)), ("that begins in 100 s", off_by("nbf", 100)),
                        ("of a viewer", lambda: issuer.token(role="viewer"))]:
        answer = at_once(lambda: answered(token()))
        check(f"a token {name} holds", answer.status == 200, answer.raw)
    confused = {"alg": "HS256", "typ": "JWT"}
    for name, token in [
        ("that ended", off_by("exp", -130)), ("that begins later", off_by("nbf", 130)),
        ("without an end", issuer.token(exp=None)), ("for another audience", issuer.token(aud="elsewhere")),
        ("of another issuer", issuer.token(iss="elsewhere")), ("without a tenant", issuer.token(tenant_id=None)),
        ("of an unknown role", issuer.token(role="root")), ("of an unknown key", issuer.token(key=issuer.key("other-jwt"))),
        ("that claims another algorithm", issuer.token(header=confused)), ("that claims none", issuer.token(header={"alg": "none"})),
    ]:
        answer = at_once(lambda: answered(token())) if callable(token) else answered(token)
        check(f"a token {name} is 401", answer.status == 401 and answer.json["code"] == "invalid_token", (answer.status, answer.raw))
    for name, token, code in [("tenant", issuer.token(tenant_id="other"), "tenant_mismatch"), ("cluster", issuer.token(cluster_id="elsewhere"), "cluster_mismatch")]:
        answer = answered(token)
        check(f"a token of another {name} is 403", answer.status == 403 and answer.json["code"] == code, answer.raw)
    reason = json.dumps({"reason": "x"}).encode()
    task = json.dumps({"execution_id": "x", "tenant_id": "dev", "cluster_id": "dev-cluster"}).encode()
    for role, method, target, body in [("viewer", "POST", "/api/v1/remediations/apply", task), ("viewer", "POST", "/api/v1/remediations/cancel", task), ("viewer", "POST", "/v0/remediations/zar-none/approve", reason), ("viewer", "POST", "/v0/remediations/zar-none/reject", reason),
                                       ("approver", "DELETE", "/api/v1/remediations/cleanup", b"")]:
        answer = answered(issuer.token(role=role), method, target, body)
        check(f"a {role} may not {method} {target}", answer.status == 403 and answer.json["code"] == "insufficient_role", answer.raw)


def watch(client):
    path = "/v1alpha1/watch/remediations?timeout_seconds="
    there = {item["id"] for item in client.call("GET", "/v0/remediations?limit=500").json["items"]}
    headers = client.prepare("GET", f"{path}120", version="v1alpha1")
    connection = http.client.HTTPSConnection(client.host, client.port, timeout=60, context=client.credentials.tls)
    connection.request("GET", f"{path}120", headers=headers)
    answer = connection.getresponse()
    kind = answer.headers["Content-Type"]
    check("a watch is a stream of events", answer.status == 200 and kind.startswith("text/event-stream"), (answer.status, kind))
    events, event, seen = [], {}, set()
    for line in answer:
        line = line.decode().rstrip("\r\n")
        if line:
            event |= dict([line.split(": ", 1)] if ": " in line else [])
            continue
        events.append(event)
        if event.get("event") in ("added", "changed", "deleted"):
            seen.add(json.loads(event["data"])["remediation"]["id"])
        event = {}
        # It would go on for two minutes, with nothing but comments that keep it alive.
        if seen >= there or len(events) > 2 * len(there) + 100:
            break
    connection.close()
    check("a watch from no position begins with a reset", events and events[0].get("event") == "reset", events)
    check("a watch begins with what there is", seen == there, events)
    check("a watch ends when it is to end", client.call("GET", f"{path}3", version="v1alpha1").status == 200)


def admin(address):
    connection = http.client.HTTPConnection(address, timeout=60)

    def get(path):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()

    check("livez", get("/livez")[0] == 200)
    check("readyz", get("/readyz")[0] == 200)
    status, body = get("/health")
    health = json.loads(body)
    check("health", status == 200 and health["contract_version"] == "v0" and health["supported_versions"] == ["v0", "v1alpha1"], body)
    for version in ["v0", "v1alpha1"]:
        status, body = get(f"/{version}/openapi.json")
        check(f"{version} document", status == 200 and json.loads(body)["openapi"] == "3.0.3")
    status, body = get("/docs")
    check("docs", status == 200 and b"<html" in body.lower(), body[:100])
    text = get("/metrics")[1].decode()
    for metric in ["crd_count", "crd_memory_bytes", "crd_age_seconds", "crd_processing_duration_seconds", "worker_pool_queue_depth",
                   "worker_pool_workers_active", "worker_pool_work_processed_total", "worker_pool_work_duration_seconds"]:
        check(f"metric {metric}", f"# TYPE zen_agent_{metric} " in text)


def main():
    state, address = sys.argv[1:3]
    host, port = address.rsplit(":", 1)
    client = Client(Credentials(pathlib.Path(state) / "client"), host, int(port))
    main_job(client)
    samples(client, "v1alpha1")
    batch(client)
    tasks(client)
    listing(client)
    refusals(client)
    with tempfile.TemporaryDirectory() as scratch:
        issuer = Issuer(pathlib.Path(state) / "server", scratch)
        handshakes(client, issuer)
        tokens(client, issuer)
    watch(client)
    if len(sys.argv) > 3:
        admin(sys.argv[3])
    cleanup(client)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
