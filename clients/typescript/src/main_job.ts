// The main job against a running `zen-agent dev --state-dir DIR`: an event becomes a remediation, which succeeds.
//
// usage: npm run main-job -- DIR https://127.0.0.1:8443

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { connect, type Schemas } from "./client.js";
import { Credentials } from "./signing.js";

const [folder, origin] = process.argv.slice(2);
if (folder === undefined || origin === undefined) throw new Error("usage: main_job DIR https://HOST:PORT");
const agent = connect(new Credentials(join(folder, "client")), origin);

/** What an answer holds, or an error that says why it was refused. */
function expect<T>({ data, error }: { data?: T; error?: Schemas["Problem"] }): NonNullable<T> {
  if (data === undefined || data === null) throw new Error(`${error?.code}: ${error?.detail}`);
  return data;
}

// The id of the request is that of the event: sent again, after a crash too, it has effect once.
const requestId = randomUUID();
const report = () =>
  agent.POST("/v0/events", {
    params: { header: { "X-Request-Id": requestId } },
    body: {
      cluster_id: "dev-cluster",
      events: [
        {
          source: "falco",
          rule: "Terminal shell in container",
          severity: "high",
          time: "2026-07-01T12:00:00Z",
          target: { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "web-6d4cf56db6-x2x7p" },
          facts: { "proc.cmdline": "bash", "proc.pid": 4711, privileged: false },
        },
      ],
    },
  });
const [first] = expect(await report()).results;
assert.equal(first?.outcome, "created");
const id = first?.remediation ?? "";
const [again] = expect(await report()).results;
assert.deepEqual([again?.outcome, again?.remediation], ["replayed", id]);

const get = async () => expect(await agent.GET("/v0/remediations/{id}", { params: { path: { id } } }));
const end = Date.now() + 60_000;
let remediation = await get();
while (["pending", "in_progress"].includes(remediation.status)) {
  assert(Date.now() < end, `${id} does not end: ${remediation.reason}`);
  await sleep(100);
  remediation = await get();
}
assert.equal(remediation.status, "succeeded", remediation.message);
assert.equal(remediation.request_id, requestId);

const seen: string[] = [];
let page: string | undefined;
do {
  const query = { status: "succeeded" as const, namespace: "shop", limit: 1, ...(page && { continue: page }) };
  const list = expect(await agent.GET("/v0/remediations", { params: { query } }));
  seen.push(...list.items.map((item) => item.id));
  page = list.continue;
} while (page !== undefined);
assert(seen.includes(id), "it is listed");

const { error: problem } = await agent.GET("/v0/remediations/{id}", { params: { path: { id: "zar-none" } } });
assert.deepEqual([problem?.status, problem?.code], [404, "not_found"]);

console.log(`${id} ${remediation.status}: ${remediation.message}`);
await agent.close();
