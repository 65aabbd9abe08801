"""A client of the agent's API in plain Python, written from the contract and the signature vectors alone.

It shares no code with the agent, so that it shows what an independent client sees. It needs nothing
but Python and, for the credentials that a client must not have, the openssl command.
"""

import hashlib
import hmac
import http.client
import json
import pathlib
import ssl
import subprocess
import time
import uuid
from base64 import b64decode, urlsafe_b64encode


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


def openssl(*arguments, data=b""):
    """What needs another key than a client has is made by the openssl command."""
    return subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=True, timeout=30).stdout


class Issuer:
    """What only the server's side has: the CA and the key of tokens, in STATE/server."""

    def __init__(self, folder, scratch):
        self.folder, self.scratch = pathlib.Path(folder), pathlib.Path(scratch)

    def token(self, key=None, header=None, **claims):
        """A token as `zen-agent dev` issues it, with other claims; a claim that is None is left out."""
        now = int(time.time())
        usual = {"iss": "zen-agent-dev", "aud": "zen-agent", "sub": "blackbox", "iat": now, "nbf": now, "exp": now + 600,
                 "tenant_id": "dev", "cluster_id": "dev-cluster", "role": "admin"}
        claims = {name: value for name, value in (usual | claims).items() if value is not None}
        encode = lambda data: urlsafe_b64encode(data).rstrip(b"=").decode()
        text = ".".join(encode(json.dumps(part).encode()) for part in (header or {"alg": "ES256", "typ": "JWT"}, claims))
        der = openssl("dgst", "-sha256", "-sign", key or self.folder / "jwt.key", data=text.encode())
        # SEQUENCE { INTEGER r, INTEGER s } to the 64 bytes that JWS has (RFC 7518, section 3.4).
        r, rest = der[4 : 4 + der[3]], der[4 + der[3] :]
        numbers = [int.from_bytes(part, "big").to_bytes(32, "big") for part in (r, rest[2 : 2 + rest[1]])]
        return f"{text}.{encode(b''.join(numbers))}"

    def key(self, name):
        path = self.scratch / f"{name}.key"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
        return path

    def context(self, name, subject, ends="20991231235959Z", foreign=False):
        """A client's side of TLS with a certificate of the CA, or of a CA that the server does not know."""
        key, scratch = self.key(name), self.scratch
        request, certificate = scratch / f"{name}.csr", scratch / f"{name}.crt"
        openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
        ca, ca_key = self.folder / "ca.crt", self.folder / "ca.key"
        if foreign:
            ca, ca_key = scratch / "foreign.crt", self.key("foreign")
            openssl("req", "-x509", "-key", ca_key, "-subj", "/CN=zen-agent dev CA", "-days", "1", "-out", ca)
        (scratch / "index").write_text("")
        (scratch / "ca.cnf").write_text(
            f"[ca]\ndefault_ca=c\n[c]\ndatabase={scratch}/index\nnew_certs_dir={scratch}\nrand_serial=yes\ndefault_md=sha256\n"
            "policy=p\nunique_subject=no\nx509_extensions=x\n[p]\nO=optional\nCN=supplied\n"
            "[x]\nbasicConstraints=CA:false\nextendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n"
        )
        openssl("ca", "-batch", "-notext", "-config", scratch / "ca.cnf", "-cert", ca, "-keyfile", ca_key, "-in", request,
                "-startdate", "20200101000000Z", "-enddate", ends, "-out", certificate)
        context = ssl.create_default_context(cafile=self.folder / "ca.crt")
        context.load_cert_chain(certificate, key)
        return context


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

    def send(self, method, target, headers, body=b"", tls=None):
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=60, context=tls or self.credentials.tls)
        try:
            connection.request(method, target, body=body or None, headers=headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def call(self, method, target, body=b"", **how):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.send(method, target, self.prepare(method, target, body, **how), body)
