import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";

import { baseString, Credentials, readSecret, type Send, signature, signing } from "./signing.js";

interface Vector {
  name: string;
  secret: string;
  kid: string;
  timestamp: number;
  method: string;
  path: string;
  version: string;
  tenant: string;
  request_id: string;
  body_base64: string;
  base_string: string;
  header: string;
}

const vectors = new URL("../../../contracts/signature-vectors.json", import.meta.url);
const { valid } = JSON.parse(readFileSync(vectors, "utf8")) as { valid: Vector[] };
const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

function credentials(): Credentials {
  const folder = mkdtempSync(join(tmpdir(), "zen-agent-"));
  const files = {
    tenant: "acme",
    token: "a.b.c",
    "hmac.kid": "key-1",
    "hmac.key": SECRET,
    "ca.crt": "",
    "tls.crt": "",
    "tls.key": "",
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), `${text}\n`);
  const read = new Credentials(folder);
  rmSync(folder, { recursive: true });
  return read;
}

/** Answers one request after the other as told, and keeps what was sent. */
function answering(answers: Response[]): { sent: Headers[]; send: Send } {
  const sent: Headers[] = [];
  const send: Send = async (_url, method, headers, body) => {
    const it = {
      timestamp: Number(/^t=([0-9]+),/.exec(headers.get("x-signature") ?? "")?.[1]),
      method,
      target: "/v0/events?a=b%20c",
      version: "v0",
      tenant: "acme",
      requestId: headers.get("x-request-id") ?? "",
      body,
    };
    assert.equal(headers.get("x-signature"), signature(readSecret(SECRET), "key-1", it));
    assert.equal(headers.get("authorization"), "Bearer a.b.c");
    sent.push(headers);
    return answers.shift() ?? assert.fail("one request too many");
  };
  return { sent, send };
}

const busy = (status: number, wait: string) => new Response("busy", { status, headers: { "Retry-After": wait } });
const request = (headers = {}) => new Request("https://agent/v0/events?a=b c", { method: "POST", body: "{}", headers });

test("signatures are those of the vectors", () => {
  assert(valid.length >= 9);
  for (const vector of valid) {
    const it = {
      timestamp: vector.timestamp,
      method: vector.method,
      target: vector.path,
      version: vector.version,
      tenant: vector.tenant,
      requestId: vector.request_id,
      body: Buffer.from(vector.body_base64, "base64"),
    };
    assert.equal(baseString(it), vector.base_string, vector.name);
    assert.equal(signature(readSecret(vector.secret), vector.kid, it), vector.header, vector.name);
  }
});

test("a secret has its prefix and 32 bytes", () => {
  assert.equal(readSecret(`${SECRET}\n`).length, 32);
  for (const text of [SECRET.slice(6), "whsec_***", `whsec_${Buffer.alloc(31).toString("base64")}`]) {
    assert.throws(() => readSecret(text), /whsec_/);
  }
});

test("a request that is to be sent again is, with the same id", async () => {
  const { sent, send } = answering([busy(503, "0"), busy(429, "0"), new Response(null, { status: 202 })]);
  assert.equal((await signing(credentials(), send)(request())).status, 202);
  const ids = sent.map((headers) => headers.get("x-request-id"));
  assert.equal(ids.length, 3);
  assert.equal(new Set(ids).size, 1);
  assert.match(ids[0] ?? "", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
});

test("a caller's id is kept", async () => {
  const { sent, send } = answering([new Response(null, { status: 202 })]);
  await signing(credentials(), send)(request({ "X-Request-Id": "mine" }));
  assert.equal(sent[0]?.get("x-request-id"), "mine");
});

test("patience ends: after four tries, a long wait, or an answer for good", async () => {
  const four = answering([0, 0, 0, 0].map(() => busy(503, "0")));
  assert.equal((await signing(credentials(), four.send)(request())).status, 503);
  assert.equal(four.sent.length, 4);
  for (const last of [busy(503, "3600"), busy(503, "soon"), busy(409, "0"), new Response(null, { status: 500 })]) {
    const { sent, send } = answering([last]);
    assert.equal(await signing(credentials(), send)(request()), last);
    assert.equal(sent.length, 1);
  }
});

test("nothing secret is printed", () => {
  const text = inspect(credentials(), { depth: null, showHidden: true }) + JSON.stringify(credentials());
  assert.match(text, /acme/);
  assert.doesNotMatch(text, /a\.b\.c|BwcH|key-1/);
});
