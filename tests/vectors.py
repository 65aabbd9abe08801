#!/usr/bin/env python3
"""Reproduces contracts/signature-vectors.json with the standard library alone.

It is a second implementation, for the tests, and a sample for those who write a client.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import re
import sys

HEADER = re.compile(r"t=(0|[1-9][0-9]{0,11}),kid=[A-Za-z0-9._-]{1,64},v1=[0-9a-f]{64}", re.ASCII)


def base_string(vector):
    body = base64.b64decode(vector["body_base64"], validate=True)
    return "\n".join(
        [
            "v1",
            str(vector["timestamp"]),
            vector["method"],
            vector["path"],
            vector["version"],
            vector["tenant"],
            vector["request_id"],
            hashlib.sha256(body).hexdigest(),
        ]
    )


def sign(vector):
    secret = base64.b64decode(vector["secret"].removeprefix("whsec_"), validate=True)
    mac = hmac.new(secret, base_string(vector).encode(), hashlib.sha256).hexdigest()
    return f"t={vector['timestamp']},kid={vector['kid']},v1={mac}"


def main():
    path = pathlib.Path(__file__).parent.parent / "contracts" / "signature-vectors.json"
    vectors = json.loads(path.read_text(encoding="utf-8"))
    failed = 0
    for vector in vectors["valid"]:
        right = (base_string(vector), sign(vector)) == (vector["base_string"], vector["header"])
        if not (right and HEADER.fullmatch(vector["header"])):
            print(f"differs: {vector['name']}")
            failed += 1
    for vector in vectors["refused"]:
        if HEADER.fullmatch(vector["header"]):
            print(f"is well-formed: {vector['name']}")
            failed += 1
    print(f"{len(vectors['valid'])} valid and {len(vectors['refused'])} refused vectors, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
