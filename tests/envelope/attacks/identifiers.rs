//! Names in events that would become names, labels and paths in Kubernetes. An event whose target Kubernetes could not have is
//! taken and ignored (`no_target`), as one without a target is; a uid is only ever compared, and texts stay texts.

use serde_json::{Value, json};

use super::{
    Case,
    Outcome::{Answer, Ignored},
    Spoil::Draft,
    TAKEN, case, event,
};
use crate::mint;

const SCHEMA: super::Outcome = Answer(422, "schema_violation");

fn with(draft: &mut mint::Draft, more: &Value) {
    draft.body = event(more).to_string().into_bytes();
}

/// An event whose target is another in one field.
fn target(draft: &mut mint::Draft, field: &str, value: &str) {
    let mut target = event(&json!({}))["events"][0]["target"].clone();
    target[field] = json!(value);
    with(draft, &json!({ "target": target }));
}

pub(super) const CASES: &[Case] = &[
    case("a name that climbs", Draft(|d| target(d, "name", "../../secrets/x")), Ignored),
    case("a name with a slash", Draft(|d| target(d, "name", "web/status")), Ignored),
    case("a name with a query", Draft(|d| target(d, "name", "web?dryRun=All")), Ignored),
    case("a name with a line break", Draft(|d| target(d, "name", "web\nx")), Ignored),
    case("a name with a null byte", Draft(|d| target(d, "name", "web\0")), Ignored),
    case("a name that is encoded", Draft(|d| target(d, "name", "web%2fstatus")), Ignored),
    case("a name of two dots", Draft(|d| target(d, "name", "..")), Ignored),
    case("a name of 254 letters", Draft(|d| target(d, "name", &"a".repeat(254))), SCHEMA),
    case("an empty name", Draft(|d| target(d, "name", "")), SCHEMA),
    case("a name with a template", Draft(|d| target(d, "name", "${ event.rule }")), Ignored),
    case("a name in Cyrillic", Draft(|d| target(d, "name", "w\u{435}b")), Ignored),
    case("a name that reads from right to left", Draft(|d| target(d, "name", "\u{202e}web")), Ignored),
    case("a namespace that climbs", Draft(|d| target(d, "namespace", "../kube-system")), Ignored),
    case("a namespace with a slash", Draft(|d| target(d, "namespace", "shop/pods")), Ignored),
    case("a namespace of 64 letters", Draft(|d| target(d, "namespace", &"a".repeat(64))), SCHEMA),
    case("a namespace in capitals", Draft(|d| target(d, "namespace", "SHOP")), Ignored),
    case("a kind that is a path", Draft(|d| target(d, "kind", "Pod/../../secrets")), Ignored),
    case("a kind with a space", Draft(|d| target(d, "kind", "Pod ")), Ignored),
    case("a version that climbs", Draft(|d| target(d, "apiVersion", "v1/../../apis/x")), Ignored),
    case("a version of three parts", Draft(|d| target(d, "apiVersion", "a/b/c")), Ignored),
    case("a uid that is a text", Draft(|d| target(d, "uid", "' OR 1=1")), TAKEN),
    case("a source with a comma", Draft(|d| with(d, &json!({ "source": "a,b" }))), SCHEMA),
    case("a source with a line break", Draft(|d| with(d, &json!({ "source": "a\nb" }))), SCHEMA),
    case("a source of 64 letters", Draft(|d| with(d, &json!({ "source": "a".repeat(64) }))), SCHEMA),
    case("an empty source", Draft(|d| with(d, &json!({ "source": "" }))), SCHEMA),
    case("a source that is a label's key", Draft(|d| with(d, &json!({ "source": "zen.kube-zen.io/tenant=umbrella" }))), SCHEMA),
    case("a tenant of its own", Draft(|d| with(d, &json!({ "tenant_id": "umbrella" }))), SCHEMA),
    case("a policy of its own", Draft(|d| with(d, &json!({ "mode": "automatic", "action": { "delete-pod": {} } }))), SCHEMA),
    case("metadata of its own", Draft(|d| with(d, &json!({ "metadata": { "labels": { "zen.kube-zen.io/tenant": "umbrella" } } }))), SCHEMA),
    case("a status of its own", Draft(|d| with(d, &json!({ "status": { "phase": "succeeded" } }))), SCHEMA),
    case("a fact that is a prototype", Draft(|d| with(d, &json!({ "facts": { "__proto__": "x" } }))), TAKEN),
    case("a rule that is a template", Draft(|d| with(d, &json!({ "rule": "${ facts.secret }" }))), TAKEN),
    case(
        "a rule that is a line of a log",
        Draft(|d| with(d, &json!({ "rule": "x\n{\"level\":\"INFO\",\"message\":\"approved\"}" }))),
        TAKEN,
    ),
    case("a rule that is a page", Draft(|d| with(d, &json!({ "rule": "<script>alert(1)</script>" }))), TAKEN),
    case("a rule with colours", Draft(|d| with(d, &json!({ "rule": "\u{1b}[2J\u{1b}]0;x\u{7}" }))), TAKEN),
];
