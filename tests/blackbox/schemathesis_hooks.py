"""Signs what schemathesis sends, and keeps it from making up what is signed.

Used as SCHEMATHESIS_HOOKS, with ZEN_CLIENT, the folder of a client's credentials (STATE_DIR/client), and ZEN_OPAQUE, where what
is opaque is made up, too.
"""

import os
import time
import urllib.parse
import uuid

import requests
import schemathesis

from zen import Credentials, sign

CREDENTIALS = Credentials(os.environ["ZEN_CLIENT"])
# What verification is about, which main_job.py tests: one that is missing or malformed would be signed, and so be valid again.
SIGNED = {"x-zen-contract-version", "x-request-id", "x-tenant-id", "x-signature"}
# Taken from an answer, and opaque: none that is made up is any. Where it is tried all the same, any documented answer is right.
OPAQUE = set() if "ZEN_OPAQUE" in os.environ else {"continue"}
# What the contract says of these in words alone.
IN_WORDS = {"statuses": {"pattern": "^(succeeded|failed|rolled_back)(,(succeeded|failed|rolled_back))*$"}}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    def resolved(part, kind):
        return raw_schema["components"][kind][part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part

    def is_made_up(parameter):
        name = parameter["name"].lower()
        return not (name in OPAQUE or (parameter["in"] == "header" and name in SIGNED))

    for operation in (operation for item in raw_schema["paths"].values() for operation in item.values()):
        operation.pop("security", None)
        parameters = [resolved(parameter, "parameters") for parameter in operation.get("parameters", [])]
        operation["parameters"] = [parameter for parameter in parameters if is_made_up(parameter)]
        for parameter in operation["parameters"]:
            parameter["schema"].update(IN_WORDS.get(parameter["name"], {}))


class Signature(requests.auth.AuthBase):
    def __call__(self, request):
        parts = urllib.parse.urlsplit(request.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        version, request_id, timestamp = ("v1alpha1" if target.startswith("/v1alpha1/") else "v0"), str(uuid.uuid4()), int(time.time())
        request.headers.update({
            "Authorization": f"Bearer {CREDENTIALS.token}",
            "X-Zen-Contract-Version": version,
            "X-Request-Id": request_id,
            "X-Tenant-Id": CREDENTIALS.tenant,
            "X-Signature": sign(CREDENTIALS.secret, CREDENTIALS.kid, timestamp, request.method, target, version, CREDENTIALS.tenant, request_id, body),
        })
        return request


schemathesis.auth.set_from_requests(Signature())


@schemathesis.hook
def before_call(context, case, kwargs):
    """A stream that would go on for minutes ends after a second, as its caller may ask."""
    if case.operation.definition.raw.get("operationId") == "watchRemediations":
        asked = str((case.query or {}).get("timeout_seconds", 300))
        if asked.isascii() and asked.isdecimal() and 1 <= int(asked) <= 300:
            case.query = {**(case.query or {}), "timeout_seconds": 1}
