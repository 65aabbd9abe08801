#!/usr/bin/env python3
"""Shows that each of the project's Spectral rules fails on a document that breaks it.

A rule that was never seen to fail is no rule. Each sample is two operations of generated/v0.openapi.json with one
change; all are linted in one run. The argument is the spectral command.
"""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
GET = ("paths", "/v0/remediations/{id}", "get")
POST = ("paths", "/v0/events", "post")


def at(document, *path):
    for key in path:
        document = document[key]
    return document


def put(*path, value):
    return lambda d: at(d, *path[:-1]).__setitem__(path[-1], value)


def drop(*path):
    return lambda d: at(d, *path[:-1]).pop(path[-1])


def own_response(status, change):
    """Changes one operation's response only, not the one that all share."""

    def apply(document):
        responses = at(document, *GET, "responses")
        name = responses[status]["$ref"].rsplit("/", 1)[1] if "$ref" in responses[status] else None
        own = copy.deepcopy(document["components"]["responses"][name] if name else responses[status])
        change(own)
        responses[status] = own

    return apply


def without_header(name):
    def apply(document):
        operation = at(document, *GET)
        operation["parameters"] = [p for p in operation["parameters"] if not p["$ref"].endswith("/" + name)]

    return apply


def rename_path(document):
    document["paths"]["/events"] = document["paths"].pop("/v0/events")


def property_of(name, key, value):
    return put("components", "schemas", name, "properties", key, value=value)


SAMPLES = {
    "zen-mutual-tls": [put("x-mutual-tls", value="optional")],
    "zen-mutual-tls-present": [drop("x-mutual-tls")],
    "zen-no-servers": [put("servers", value=[{"url": "https://example.com"}])],
    "zen-openapi-version": [put("openapi", value="3.0.2")],
    "zen-bearer-scheme": [
        put("components", "securitySchemes", "bearerJwt", "scheme", value="basic"),
        drop("components", "securitySchemes", "bearerJwt"),
    ],
    "zen-signature-scheme": [
        put("components", "securitySchemes", "hmacSignature", "name", value="X-Sig"),
        drop("components", "securitySchemes", "hmacSignature"),
    ],
    "zen-security": [
        drop(*GET, "security"),
        put(*GET, "security", value=[{"bearerJwt": []}, {"hmacSignature": []}]),
        put(*GET, "security", value=[{"bearerJwt": []}]),
        put(*GET, "security", value=[]),
    ],
    "zen-operation-id": [drop(*GET, "operationId"), put(*GET, "operationId", value="get_remediation")],
    "zen-required-role": [drop(*GET, "x-required-role"), put(*GET, "x-required-role", value="root")],
    "zen-path": [rename_path],
    "zen-header-contract-version": [without_header("ContractVersion"), put("components", "parameters", "ContractVersion", "required", value=False)],
    "zen-header-request-id": [without_header("RequestId"), put("components", "parameters", "RequestId", "in", value="query")],
    "zen-header-tenant-id": [without_header("TenantId")],
    "zen-header-signature": [without_header("Signature")],
    "zen-parameter-example": [drop("components", "parameters", "TenantId", "example")],
    "zen-parameter-bounded": [drop("components", "parameters", "TenantId", "schema", "maxLength")],
    "zen-problems": [drop(*GET, "responses", status) for status in ("400", "401", "403", "413", "429", "500", "503")],
    "zen-body-problems": [drop(*POST, "responses", status) for status in ("415", "422")],
    "zen-id-problems": [drop(*GET, "responses", "404")],
    "zen-problem-document": [
        own_response("404", lambda r: r.update(content={"application/json": r["content"]["application/problem+json"]})),
        own_response("404", lambda r: r.pop("content")),
    ],
    "zen-echoes": [own_response("200", lambda r: r["headers"].pop("X-Request-Id")), own_response("404", lambda r: r.pop("headers"))],
    "zen-retry-after": [own_response("429", lambda r: r["headers"].pop("Retry-After")), own_response("503", lambda r: r["headers"].pop("Retry-After"))],
    "zen-examples": [
        drop(*POST, "requestBody", "content", "application/json", "example"),
        own_response("200", lambda r: r["content"]["application/json"].pop("example")),
    ],
    "zen-closed-requests": [drop("components", "schemas", "EventBatch", "additionalProperties")],
    "zen-bounded-arrays": [drop("components", "schemas", "Remediation", "properties", "steps", "maxItems")],
    "zen-bounded-strings": [property_of("Remediation", "extra", {"type": "string", "description": "Extra."})],
    "zen-inline-descriptions": [drop("components", "schemas", "Step", "description")],
    # Spectral's own: examples follow their schemas.
    "oas3-valid-media-example": [put(*POST, "requestBody", "content", "application/json", "example", value={})],
}


def references(value):
    if isinstance(value, dict):
        yield from [value["$ref"].rsplit("/", 1)[1]] if isinstance(value.get("$ref"), str) else []
        value = list(value.values())
    for part in value if isinstance(value, list) else []:
        yield from references(part)


def two_operations(document):
    """What is linted so often is small."""
    document["paths"] = {path: {method: at(document, "paths", path, method)} for _, path, method in (GET, POST)}
    components, schemas = document["components"], document["components"]["schemas"]
    kept, left = set(), {*references(document["paths"]), *references({**components, "schemas": {}})}
    while left:
        kept |= left
        left = {name for known in left if known in schemas for name in references(schemas[known])} - kept
    components["schemas"] = {name: schema for name, schema in schemas.items() if name in kept}
    return document


def main():
    document = two_operations(json.loads((ROOT / "generated" / "v0.openapi.json").read_text(encoding="utf-8")))
    ours = [line.strip().rstrip(":") for line in (ROOT / "spectral.yaml").read_text(encoding="utf-8").splitlines() if line.startswith("  zen-")]
    unseen = [rule for rule in ours if rule not in SAMPLES]
    with tempfile.TemporaryDirectory() as folder:
        expected = {}
        for rule, changes in SAMPLES.items():
            for index, change in enumerate(changes):
                sample = copy.deepcopy(document)
                change(sample)
                path = pathlib.Path(folder) / f"{rule}.{index}.json"
                path.write_text(json.dumps(sample), encoding="utf-8")
                expected[str(path)] = rule
        command = [sys.argv[1], "lint", "-q", "-f", "json", "-r", str(ROOT / "spectral.yaml"), *expected]
        output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        found = {(result["source"], result["code"]) for result in json.loads(output)}
    missed = [pathlib.Path(path).name for path, rule in expected.items() if (path, rule) not in found]
    for rule in unseen:
        print(f"{rule} has no sample that breaks it")
    for name in missed:
        print(f"{name} is not refused")
    print(f"{len(expected)} samples of {len(SAMPLES)} rules, {len(missed)} not refused")
    return 1 if missed or unseen else 0


if __name__ == "__main__":
    sys.exit(main())
