"""Lets schemathesis look for answers of a running `zen-agent dev` that its contracts do not have.

usage: fuzz.py STATE_DIR HOST:PORT [whole]

First it is shown such answers, by contracts that do not have what there is; then v0, and of v1alpha1 what v0 does not have.
Bounded, and the same each time: of the long reports of Trivy and Kyverno it tries every keyword of the schemas, which takes minutes,
only in a `whole` run, which also goes from one answer to the next request. Needs the command schemathesis.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from zen import Client, Credentials

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
SECONDS = 600
STREAMS = {"watchRemediations"}
LONG = {"ingestTrivy", "ingestKyverno"}
# How many remediations of a page are asked for.
PLACES = 5


def contract(version):
    document = json.loads((ROOT / "generated" / f"{version}.openapi.json").read_text(encoding="utf-8"))
    for item in document["paths"].values():
        for operation in item.values():
            # It writes no Protocol Buffers.
            operation.get("requestBody", {}).get("content", {}).pop("application/x-protobuf", None)
    return document


def only(document, operations):
    """The contract with these operations alone."""
    paths = {path: {method: one for method, one in item.items() if one["operationId"] in operations} for path, item in document["paths"].items()}
    document["paths"] = {path: item for path, item in paths.items() if item}
    return document


def operations(document):
    return {operation["operationId"] for item in document["paths"].values() for operation in item.values()}


def without_404():
    document = only(contract("v0"), {"getRemediation"})
    del document["paths"]["/v0/remediations/{id}"]["get"]["responses"]["404"]
    return document


def with_another_answer():
    document = only(contract("v0"), {"listRemediations"})
    document["components"]["schemas"]["RemediationList"]["required"].append("pages")
    return document


def of_events(document):
    """The contract with streams as schemathesis reads them, which OpenAPI 3.0 cannot tell: each event by itself."""
    document = only(document, STREAMS)
    for item in document["paths"].values():
        for operation in item.values():
            operation["responses"]["200"]["content"]["text/event-stream"] = {"schema": {
                "type": "object",
                "required": ["data"],
                "properties": {
                    "id": {"type": "string", "pattern": "^[1-9][0-9]*$"},
                    "event": {"enum": ["reset", "added", "changed", "deleted"]},
                    "data": {"type": "string"},
                },
                "additionalProperties": False,
            }}
    return document


def linked(document):
    """The contract with links from the list of remediations to what can be asked of each."""
    document = only(document, operations(document) - STREAMS)
    taking = [one["operationId"] for path, item in document["paths"].items() if "{id}" in path for one in item.values()]
    [listing] = (item["get"] for item in document["paths"].values() if item.get("get", {}).get("operationId") == "listRemediations")
    # Any filter that is made up would leave nothing to ask for.
    listing["parameters"] = []
    listing["responses"]["200"]["links"] = {
        f"{one}{place}": {"operationId": one, "parameters": {"id": f"$response.body#/items/{place}/id"}} for one in taking for place in range(PLACES)
    }
    return document


def remediations():
    """Makes some that wait for approval, for a run that asks for them."""
    host, port = sys.argv[2].rsplit(":", 1)
    client = Client(Credentials(pathlib.Path(sys.argv[1]) / "client"), host, int(port))
    event = json.loads((ROOT / "tests/samples/falco-shell-in-container.json").read_text(encoding="utf-8"))
    for place in range(2 * PLACES):
        event["output_fields"]["k8s.pod.name"] = f"fuzzed-{place}"
        answer = client.call("POST", "/v0/events/falco", event)
        if answer.status != 202 or "remediation" not in answer.json["results"][0]:
            sys.exit(f"no remediation: {answer.status} {answer.raw}")


def run(document, phases="coverage,fuzzing", opaque=False):
    """Exit code and report. What is opaque may be made up, too, and then be refused."""
    client = pathlib.Path(sys.argv[1]).resolve() / "client"
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "openapi.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        command = ["schemathesis", "run", file, "--url", f"https://{sys.argv[2]}", "--tls-verify", client / "ca.crt",
                   "--request-cert", client / "tls.crt", "--request-cert-key", client / "tls.key",
                   # A connection that is kept may end just when it is used again. No answer is asked for twice.
                   "--request-retries", "1",
                   "--max-examples", "15", "--seed", "1", "--phases", phases, "--warnings", "off", "--no-color"]
        command += ["--exclude-checks", "positive_data_acceptance"] if opaque else []
        hooks = {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE), "ZEN_CLIENT": str(client)}
        environment = {**os.environ, **hooks, **({"ZEN_OPAQUE": "1"} if opaque else {})}
        # In the folder, where it leaves what it remembers.
        ended = subprocess.run(list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def main():
    for document, told in ((without_404(), "Undocumented status code"), (with_another_answer(), "Response violates schema")):
        code, report = run(document)
        if code != 1 or told not in report:
            sys.exit(f"{report}\nschemathesis ended with {code}, and did not tell: {told}")
    stable, alpha = operations(contract("v0")), operations(contract("v1alpha1"))
    runs = [
        ("v0", only(contract("v0"), stable - LONG), "coverage,fuzzing"),
        ("v0, reports", only(contract("v0"), LONG), "fuzzing"),
        ("v0, pages", only(contract("v0"), {"listRemediations"}), "coverage,fuzzing"),
        ("v1alpha1", only(contract("v1alpha1"), alpha - stable - STREAMS), "coverage,fuzzing"),
        ("v1alpha1, streams", of_events(contract("v1alpha1")), "coverage,fuzzing"),
    ]
    if sys.argv[3:] == ["whole"]:
        runs += [("v0, reports", only(contract("v0"), LONG), "coverage")]
        runs += [(f"{version}, stateful", linked(contract(version)), "stateful") for version in ("v0", "v1alpha1")]
    for name, document, phases in runs:
        remediations()
        code, report = run(document, phases, opaque="pages" in name)
        if code != 0:
            sys.exit(f"{report}\n{name}: schemathesis ended with {code}")
        if phases == "stateful" and not re.search(r"API Links: +[1-9]", report):
            sys.exit(f"{report}\n{name}: schemathesis has followed no link")
        cases = next(line.strip() for line in report.splitlines() if "generated" in line)
        print(f"{name}, {len(operations(document))} operations: {cases}")


if __name__ == "__main__":
    main()
