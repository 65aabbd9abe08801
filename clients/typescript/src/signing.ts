// Signs each request just before it leaves, over the bytes that leave, and repeats it where the answer says when.
//
//   "v1" LF timestamp LF METHOD LF path?query LF version LF tenant LF request id LF hex(SHA-256(body))
//   X-Signature: t=<unix seconds>,kid=<key id>,v1=<hex HMAC-SHA256 of that>

import { createHash, createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const VERSION = "v0";
const MIN_SECRET_BYTES = 32;
const TRIES = 4;
const LONGEST_WAIT_SECONDS = 60;

export interface Signed {
  timestamp: number;
  method: string;
  /** Path and query, exactly as they stand on the request line. */
  target: string;
  version: string;
  tenant: string;
  requestId: string;
  body: Uint8Array;
}

export function baseString(it: Signed): string {
  const digest = createHash("sha256").update(it.body).digest("hex");
  return ["v1", it.timestamp, it.method, it.target, it.version, it.tenant, it.requestId, digest].join("\n");
}

export function signature(secret: Uint8Array, kid: string, it: Signed): string {
  const mac = createHmac("sha256", secret).update(baseString(it)).digest("hex");
  return `t=${it.timestamp},kid=${kid},v1=${mac}`;
}

/** Reads a secret as its file holds it: `whsec_` and base64. */
export function readSecret(text: string): Uint8Array {
  const [, encoded] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text.trim()) ?? [];
  const secret = Buffer.from(encoded ?? "", "base64");
  if (secret.length < MIN_SECRET_BYTES) {
    throw new Error(`an HMAC secret is whsec_ and the base64 of ${MIN_SECRET_BYTES} bytes or more`);
  }
  return secret;
}

/** What `zen-agent dev` leaves in DIR/client. What is secret stays out of logs: nothing private is ever printed. */
export class Credentials {
  readonly tenant: string;
  readonly #token: string;
  readonly #kid: string;
  readonly #secret: Uint8Array;
  readonly #tls: { ca: string; cert: string; key: string };

  constructor(folder: string) {
    const read = (name: string) => readFileSync(join(folder, name), "utf8").trim();
    this.tenant = read("tenant");
    this.#token = read("token");
    this.#kid = read("hmac.kid");
    this.#secret = readSecret(read("hmac.key"));
    this.#tls = { ca: read("ca.crt"), cert: read("tls.crt"), key: read("tls.key") };
  }

  /** For the `connect` of an undici Agent, or `node:tls`. */
  tls(): { ca: string; cert: string; key: string } {
    return { ...this.#tls };
  }

  /** The headers of a request that leaves now. */
  headers(method: string, target: string, requestId: string, body: Uint8Array): Record<string, string> {
    const timestamp = Math.floor(Date.now() / 1000);
    const signed = { timestamp, method, target, version: VERSION, tenant: this.tenant, requestId, body };
    return {
      Authorization: `Bearer ${this.#token}`,
      "X-Zen-Contract-Version": VERSION,
      "X-Tenant-Id": this.tenant,
      "X-Request-Id": requestId,
      "X-Signature": signature(this.#secret, this.#kid, signed),
    };
  }
}

export type Send = (
  url: URL,
  method: string,
  headers: Headers,
  body: Uint8Array,
  signal: AbortSignal,
) => Promise<Response>;

/** A `fetch` that signs. A repeat has the same X-Request-Id, by which it has effect once, and a signature of its own. */
export function signing(credentials: Credentials, send: Send): (request: Request) => Promise<Response> {
  return async (request) => {
    const url = new URL(request.url);
    const body = new Uint8Array(await request.arrayBuffer());
    const requestId = request.headers.get("x-request-id") ?? randomUUID();
    for (let tries = 1; ; tries += 1) {
      const headers = new Headers(request.headers);
      const own = credentials.headers(request.method, url.pathname + url.search, requestId, body);
      for (const [name, value] of Object.entries(own)) headers.set(name, value);
      const answer = await send(url, request.method, headers, body, request.signal);
      const wait = retryAfter(answer);
      if (wait === undefined || tries === TRIES) return answer;
      await answer.body?.cancel();
      await sleep(wait * 1000, undefined, { signal: request.signal });
    }
  };
}

/** Seconds until the request may be sent again; none where it is answered for good, or only much later. */
function retryAfter(answer: Response): number | undefined {
  const text = answer.headers.get("retry-after") ?? "";
  const seconds = /^[0-9]+$/.test(text) ? Number(text) : Infinity;
  return [429, 503].includes(answer.status) && seconds <= LONGEST_WAIT_SECONDS ? seconds : undefined;
}
