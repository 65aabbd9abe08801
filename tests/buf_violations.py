"""Shows buf what it has to refuse of contracts/proto, and what it has to let pass.

usage: buf_violations.py BUF
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROTO = pathlib.Path(__file__).parent.parent / "contracts" / "proto"
V0, VALUE, ALPHA = "zen/agent/v0/agent.proto", "zen/agent/v0/value.proto", "zen/agent/v1alpha1/agent.proto"

# The rule, or None for what passes; the file; what is there, and what becomes of it.
LINT = [
    ("FIELD_LOWER_SNAKE_CASE", V0, "string rule = 2;", "string Rule = 2;"),
    ("ENUM_ZERO_VALUE_SUFFIX", V0, "SEVERITY_UNSPECIFIED = 0;", "SEVERITY_NONE = 0;"),
    ("ENUM_VALUE_PREFIX", V0, "SEVERITY_INFO = 5;", "INFO = 5;"),
    ("PACKAGE_DIRECTORY_MATCH", ALPHA, "package zen.agent.v1alpha1;", "package zen.agent.other;"),
    ("COMMENT_FIELD", V0, "  // Required. The tool.\n", ""),
    ("COMMENT_MESSAGE", V0, "// Events of one cluster.\n", ""),
    ("COMMENT_ENUM", V0, "// How bad it is, worst first.\nenum", "enum"),
    ("COMMENT_ONEOF", VALUE, "  // Exactly one.\n", ""),
    ("IMPORT_USED", ALPHA, 'import "zen/agent/v0/value.proto";', 'import "zen/agent/v0/value.proto";\nimport "google/protobuf/any.proto";'),
    (None, V0, "// Events of one cluster.", "// The events of one cluster."),
]
BREAKING = [
    ("FIELD_NO_DELETE", V0, "  optional string rule = 2;\n", ""),
    ("FIELD_NO_DELETE", V0, "  optional string rule = 2;\n", "  reserved 2;\n"),
    ("FIELD_SAME_NAME", V0, "string rule = 2;", "string title = 2;"),
    ("FIELD_NO_DELETE", V0, "string rule = 2;", "string rule = 22;"),
    ("FIELD_SAME_TYPE", V0, "string rule = 2;", "int64 rule = 2;"),
    ("FIELD_SAME_CARDINALITY", V0, "optional string rule = 2;", "repeated string rule = 2;"),
    ("FIELD_SAME_CARDINALITY", V0, "optional string rule = 2;", "string rule = 2;"),
    ("FIELD_SAME_JSON_NAME", V0, '[json_name = "cluster_id"];\n  // Required. The events.', ";\n  // Required. The events."),
    ("FIELD_SAME_ONEOF", V0, "    uint64 unsigned_value = 8;\n  }\n", "  }\n  optional uint64 unsigned_value = 8;\n"),
    ("ENUM_VALUE_NO_DELETE", V0, "  SEVERITY_INFO = 5;\n", ""),
    ("ENUM_VALUE_SAME_NAME", V0, "SEVERITY_INFO = 5;", "SEVERITY_NOTE = 5;"),
    ("MESSAGE_NO_DELETE", V0, "message Cancellation {", "message Cancelled {"),
    (None, V0, "string rule = 2;", "string rule = 2;\n  // A ticket.\n  optional string ticket = 99;"),
    (None, V0, "  SEVERITY_INFO = 5;\n", "  SEVERITY_INFO = 5;\n  SEVERITY_NOTE = 6;\n"),
    (None, V0, "message Cancellation {", "message More {}\n// More.\nmessage Cancellation {"),
    # v1alpha1 may change; tests/contract/baseline.rs asks for a word in the changelog.
    (None, ALPHA, "  optional string reason = 1;\n", ""),
]


def changed(folder, file, old, new):
    copy = pathlib.Path(folder) / "proto"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(PROTO, copy)
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text, f"{file} has no {old!r}"
    (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return str(copy)


def found(*arguments):
    """Exit code, and the rules that were broken."""
    run = subprocess.run([sys.argv[1], *arguments, "--error-format", "json"], capture_output=True, text=True, check=False, timeout=60)
    return run.returncode, [json.loads(line)["type"] for line in run.stdout.splitlines()] or [run.stderr]


def main():
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, rows in (("lint", LINT), ("breaking", BREAKING)):
            for rule, file, old, new in rows:
                against = ["--against", str(PROTO)] if kind == "breaking" else []
                code, rules = found(kind, changed(folder, file, old, new), *against)
                if code != (100 if rule else 0) or (rule and rule not in rules):
                    wrong.append(f"{kind} of {old!r} as {new!r}: {code} {rules}, and not {rule}")
    print("\n".join(wrong) or f"buf sees {len(LINT) + len(BREAKING)} changes for what they are")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
