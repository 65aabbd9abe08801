//! What of a spec stays as it was created, as rules in CEL that the API server holds every writer to.
//!
//! | field | why |
//! |---|---|
//! | request | the idempotency record: a replay must find what its request left |
//! | source, target, action, verification | what was judged, proposed and approved is what is carried out |
//! | mode | nobody turns a proposal into an automatic remediation; absent is `propose` |
//! | patches | as the action; who wrote them may take them back, all of them, which leaves nothing to do, and has several that are under way undone |
//!
//! What is absent stays absent. The family's other fields may change.
//! `patches` have no bounds, since the family publishes none: comparing them is estimated well below what an API server allows.
//!
//! Rules cannot cover the label of the tenant: of the metadata they see nothing but the name. What they
//! leave open, and an older definition without them, is what `SpecChanged` of the pipeline is for: an
//! approval holds for one generation.
//!
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules>

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;

const FIELDS: [&str; 5] = ["request", "source", "target", "action", "verification"];
const MODE: &str = "(has(self.mode) ? self.mode : 'propose') == (has(oldSelf.mode) ? oldSelf.mode : 'propose')";

/// None, `[]` and absent, are written the one for the other by who knows only lists.
const PATCHES: &str = "!has(self.patches) || size(self.patches) == 0 || (has(oldSelf.patches) && self.patches == oldSelf.patches)";

/// The rules, for the schema of the spec.
pub(super) fn rules() -> Vec<ValidationRule> {
    let same =
        |field: &str| format!("has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})");
    FIELDS
        .map(|field| rule(field, same(field)))
        .into_iter()
        .chain([rule("mode", MODE.to_owned()), rule("patches", PATCHES.to_owned())])
        .collect()
}

fn rule(field: &str, rule: String) -> ValidationRule {
    ValidationRule {
        rule,
        message: Some(format!("{field} does not change once the remediation is created")),
        field_path: Some(format!(".{field}")),
        ..ValidationRule::default()
    }
}
