#!/usr/bin/env python3
"""Writes clients/openapi.json: contract v0 as those who call it need it, which the generators read.

| contract | clients' copy | why |
|---|---|---|
| X-Signature, X-Tenant-Id, X-Zen-Contract-Version, the token | gone | signing sets them |
| X-Request-Id | optional | signing makes a new one; whoever repeats a request gives that of the first |
| bodies in Protocol Buffers | gone | these clients speak JSON; contracts/proto is for those who do not |
| bodies of Falco, Trivy, Kyverno | any JSON | what a tool wrote is passed on as it is |
"""

import json
import pathlib

SET_BY_SIGNING = {"X-Signature", "X-Tenant-Id", "X-Zen-Contract-Version"}
REF = "$ref"

here = pathlib.Path(__file__).resolve().parent
contract = json.loads((here.parent / "generated" / "v0.openapi.json").read_text(encoding="utf-8"))


def follow(ref):
    node = contract
    for name in ref.removeprefix("#/").split("/"):
        node = node[name]
    return node


def parameters(declared):
    for parameter in declared:
        parameter = follow(parameter[REF]) if REF in parameter else parameter
        if parameter["name"] == "X-Request-Id":
            yield parameter | {"required": False}
        elif parameter["name"] not in SET_BY_SIGNING:
            yield parameter


def refs(node):
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == REF)
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from refs(inner)


for path, operations in contract["paths"].items():
    for operation in operations.values():
        operation["parameters"] = list(parameters(operation["parameters"]))
        del operation["security"]
        operation.get("requestBody", {}).get("content", {}).pop("application/x-protobuf", None)
        if path.startswith("/v0/events/"):
            operation["requestBody"]["content"]["application/json"] = {"schema": {}}

wanted, found = list(refs(contract["paths"])), set()
while wanted:
    ref = wanted.pop()
    if ref not in found:
        found.add(ref)
        wanted += refs(follow(ref))
contract["components"] = {
    kind: kept
    for kind, named in contract["components"].items()
    if (kept := {name: node for name, node in named.items() if f"#/components/{kind}/{name}" in found})
}

(here / "openapi.json").write_text(json.dumps(contract, indent=2) + "\n", encoding="utf-8")
