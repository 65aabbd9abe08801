"""Signs each request just before it leaves, over the bytes that leave, and repeats it where the answer says when.

"v1" LF timestamp LF METHOD LF path?query LF version LF tenant LF request id LF hex(SHA-256(body))
X-Signature: t=<unix seconds>,kid=<key id>,v1=<hex HMAC-SHA256 of that>
"""

import asyncio
import hashlib
import hmac
import pathlib
import ssl
import time
import uuid
from base64 import b64decode
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field

import httpx

from zen_agent_api import Client

VERSION = "v0"
MIN_SECRET_BYTES = 32
TRIES = 4
LONGEST_WAIT_SECONDS = 60
# Of the agent's longest silence, and of a connection.
TIMEOUT = httpx.Timeout(300, connect=10)


@dataclass(frozen=True)
class Signed:
    timestamp: int
    method: str
    # Path and query, exactly as they stand on the request line.
    target: str
    version: str
    tenant: str
    request_id: str
    body: bytes

    def base_string(self) -> str:
        digest = hashlib.sha256(self.body).hexdigest()
        return "\n".join(
            ["v1", str(self.timestamp), self.method, self.target, self.version, self.tenant, self.request_id, digest]
        )

    def signature(self, secret: bytes, kid: str) -> str:
        mac = hmac.new(secret, self.base_string().encode(), hashlib.sha256).hexdigest()
        return f"t={self.timestamp},kid={kid},v1={mac}"


def read_secret(text: str) -> bytes:
    """Reads a secret as its file holds it: `whsec_` and base64."""
    prefix, _, encoded = text.strip().partition("_")
    try:
        secret = b64decode(encoded, validate=True)
    except ValueError:
        secret = b""
    if prefix != "whsec" or len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"an HMAC secret is whsec_ and the base64 of {MIN_SECRET_BYTES} bytes or more")
    return secret


@dataclass(frozen=True)
class Credentials:
    """What `zen-agent dev` leaves in DIR/client. What is secret is never printed."""

    tenant: str
    token: str = field(repr=False)
    kid: str = field(repr=False)
    secret: bytes = field(repr=False)

    @classmethod
    def read(cls, folder: pathlib.Path) -> "Credentials":
        tenant, token, kid, secret = (
            (folder / name).read_text(encoding="ascii").strip() for name in ["tenant", "token", "hmac.kid", "hmac.key"]
        )
        return cls(tenant, token, kid, read_secret(secret))


class Signing(httpx.Auth):
    """Signs the requests of an httpx client. A repeat has the same X-Request-Id, by which it has effect once, and a
    signature of its own."""

    def __init__(self, credentials: Credentials):
        self.credentials = credentials

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.read()
        for tries in range(TRIES):
            answer = yield self._signed(request)
            wait = retry_after(answer)
            if wait is None or tries == TRIES - 1:
                return
            answer.read()
            time.sleep(wait)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await request.aread()
        for tries in range(TRIES):
            answer = yield self._signed(request)
            wait = retry_after(answer)
            if wait is None or tries == TRIES - 1:
                return
            await answer.aread()
            await asyncio.sleep(wait)

    def _signed(self, request: httpx.Request) -> httpx.Request:
        own = self.credentials
        request_id = request.headers.setdefault("X-Request-Id", str(uuid.uuid4()))
        target = request.url.raw_path.decode("ascii")
        signed = Signed(int(time.time()), request.method, target, VERSION, own.tenant, request_id, request.content)
        request.headers["Authorization"] = f"Bearer {own.token}"
        request.headers["X-Zen-Contract-Version"] = VERSION
        request.headers["X-Tenant-Id"] = own.tenant
        request.headers["X-Signature"] = signed.signature(own.secret, own.kid)
        return request


def retry_after(answer: httpx.Response) -> int | None:
    """Seconds until the request may be sent again; none where it is answered for good, or only much later."""
    text = answer.headers.get("Retry-After", "")
    known = answer.status_code in (429, 503) and text.isascii() and text.isdigit()
    return int(text) if known and int(text) <= LONGEST_WAIT_SECONDS else None


def connect(folder: pathlib.Path, origin: str) -> Client:
    """A client of the agent at `origin`, such as https://127.0.0.1:8443, for the operations of `zen_agent_api.api`,
    with the credentials in `folder`."""
    url = httpx.URL(origin)
    if url.scheme != "https" or url.raw_path != b"/":
        raise ValueError("the agent's address is https://HOST:PORT, without a path")
    tls = ssl.create_default_context(cafile=folder / "ca.crt")
    tls.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    return Client(
        base_url=origin.rstrip("/"),
        verify_ssl=tls,
        timeout=TIMEOUT,
        httpx_args={"auth": Signing(Credentials.read(folder)), "trust_env": False},
        raise_on_unexpected_status=True,
    )
