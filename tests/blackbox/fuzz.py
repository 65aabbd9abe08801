"""Lets schemathesis look for answers of a running `zen-agent dev` that its contracts do not have.

usage: fuzz.py STATE_DIR HOST:PORT [whole]

First it is shown such answers, by contracts that do not have what there is; then v0, and of v1alpha1 what v0 does not have and is no stream.
Bounded, and the same each time: of the long reports of Trivy and Kyverno it tries every keyword of the schemas, which takes minutes,
only in a `whole` run. Needs the command schemathesis.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
SECONDS = 600
# It would be waited for, five minutes each time.
STREAMS = {"watchRemediations"}
LONG = {"ingestTrivy", "ingestKyverno"}


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


def run(document, phases="coverage,fuzzing"):
    """Exit code and report."""
    client = pathlib.Path(sys.argv[1]).resolve() / "client"
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "openapi.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        command = ["schemathesis", "run", file, "--url", f"https://{sys.argv[2]}", "--tls-verify", client / "ca.crt",
                   "--request-cert", client / "tls.crt", "--request-cert-key", client / "tls.key",
                   # A connection that is kept may end just when it is used again. No answer is asked for twice.
                   "--request-retries", "1",
                   "--max-examples", "15", "--seed", "1", "--phases", phases, "--warnings", "off", "--no-color"]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE), "ZEN_CLIENT": str(client)}
        # In the folder, where it leaves what it remembers.
        ended = subprocess.run(list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def main():
    for document, told in ((without_404(), "Undocumented status code"), (with_another_answer(), "Response violates schema")):
        code, report = run(document)
        if code != 1 or told not in report:
            sys.exit(f"{report}\nschemathesis ended with {code}, and did not tell: {told}")
    stable, alpha = operations(contract("v0")), operations(contract("v1alpha1"))
    runs = [("v0", stable - LONG, "coverage,fuzzing"), ("v0", LONG, "fuzzing"), ("v1alpha1", alpha - stable - STREAMS, "coverage,fuzzing")]
    if sys.argv[3:] == ["whole"]:
        runs += [("v0", LONG, "coverage")]
    for version, tried, phases in runs:
        code, report = run(only(contract(version), tried), phases)
        if code != 0:
            sys.exit(f"{report}\n{version}: schemathesis ended with {code}")
        cases = next(line.strip() for line in report.splitlines() if "generated" in line)
        print(f"{version}, {len(tried)} operations: {cases}")


if __name__ == "__main__":
    main()
