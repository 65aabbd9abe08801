"""A client of the agent's API in plain Python, written from the contract and the signature vectors alone.

It shares no code with the agent, so that it shows what an independent client sees.
"""

import hashlib
import hmac
import http.client
import json
import pathlib
import ssl
import time
import uuid
from base64 import b64decode


class Credentials:
    """What `zen-agent dev` leaves in STATE/client."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        read = lambda name: (folder / name).read_text().strip()
        self.tenant, self.token, self.kid = read("tenant"), read("token"), read("hmac.kid")
        self.secret = b64decode(read("hmac.key").removeprefix("whsec_"))
        self.tls = ssl.create_default_context(cafile=folder / "ca.crt")
        self.tls.verify_flags |= ssl.VERIFY_X509_STRICT
        self.tls.load_cert_chain(folder / "tls.crt", folder / "tls.key")


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.raw = response.status, response.headers, response.read()

    @property
    def json(self):
        return json.loads(self.raw)


def sign(secret, kid, timestamp, method, target, version, tenant, request_id, body):
    base = "\n".join(["v1", str(timestamp), method, target, version, tenant, request_id, hashlib.sha256(body).hexdigest()])
    mac = hmac.new(secret, base.encode(), hashlib.sha256).hexdigest()
    return f"t={timestamp},kid={kid},v1={mac}"


class Client:
    def __init__(self, credentials, host, port):
        self.credentials, self.host, self.port = credentials, host, port

    def prepare(self, method, target, body=b"", request_id=None, version="v0", timestamp=None, content_type="application/json"):
        """The headers of a valid request, for the caller to spoil."""
        credentials = self.credentials
        request_id = request_id or str(uuid.uuid4())
        timestamp = int(time.time()) if timestamp is None else timestamp
        headers = {
            "Authorization": f"Bearer {credentials.token}",
            "X-Zen-Contract-Version": version,
            "X-Request-Id": request_id,
            "X-Tenant-Id": credentials.tenant,
            "X-Signature": sign(credentials.secret, credentials.kid, timestamp, method, target, version, credentials.tenant, request_id, body),
        }
        if body and content_type:
            headers["Content-Type"] = content_type
        return headers

    def send(self, method, target, headers, body=b""):
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=20, context=self.credentials.tls)
        try:
            connection.request(method, target, body=body or None, headers=headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def call(self, method, target, body=b"", **how):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.send(method, target, self.prepare(method, target, body, **how), body)
