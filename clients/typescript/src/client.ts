// The client of contract v0: types that are generated from it, mutual TLS, and signing.

import createClient, { type Client } from "openapi-fetch";
import { Agent, fetch } from "undici";

import type { components, paths } from "./api.js";
import { type Credentials, type Send, signing } from "./signing.js";

export type Schemas = components["schemas"];

/** A client of the agent at `origin`, such as https://127.0.0.1:8443, and what ends its connections. */
export function connect(credentials: Credentials, origin: string): Client<paths> & { close(): Promise<void> } {
  const { protocol, pathname, search } = new URL(origin);
  if (protocol !== "https:" || pathname !== "/" || search !== "") {
    throw new Error("the agent's address is https://HOST:PORT, without a path");
  }
  const dispatcher = new Agent({ connect: credentials.tls() });
  const send: Send = async (url, method, headers, body, signal) => {
    const bytes = body.length > 0 ? body : null;
    // A redirected request would be signed for another path.
    const answer = await fetch(url, {
      method,
      headers: [...headers],
      body: bytes,
      signal,
      redirect: "error",
      dispatcher,
    });
    return answer as unknown as Response;
  };
  const client = createClient<paths>({ baseUrl: new URL(origin).origin, fetch: signing(credentials, send) });
  return Object.assign(client, { close: () => dispatcher.close() });
}
