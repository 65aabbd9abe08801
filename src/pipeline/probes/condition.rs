//! `condition`: a condition in the status of the target, or of an object beside it.
//!
//! | what is read | answer |
//! |---|---|
//! | the wanted status, of the object as it is now | pass |
//! | the other one | failure |
//! | no object, no such condition, `Unknown`, or a status that is about an older generation | inconclusive |
//! | nothing: the API server refuses, or does not answer | error |

use kube::{Client, api::DynamicObject, discovery::Scope};
use serde_json::Value;

use crate::{
    event::Target,
    pipeline::{access, api, kinds, plan::PlanError},
    remediation::{Answer, ConditionProbe},
};

/// Whether the object may be read. The target itself is read by the action, too.
pub(super) async fn permit(client: &Client, probe: &str, condition: &ConditionProbe, target: &Target) -> Result<Option<String>, PlanError> {
    let Some(object) = beside(condition, target) else { return Ok(None) };
    if kinds::find(client, &object).await?.scope == Scope::Cluster {
        let why = format!("probe {probe}: {} has no namespace; of such objects only the target itself is looked at", object.kind);
        return Err(PlanError::ProbeNotAllowed(why));
    }
    access::check_read(client, probe, &object).await.map(Some)
}

pub(super) async fn ask(client: &Client, condition: &ConditionProbe, target: &Target) -> Answer {
    let object = beside(condition, target);
    let object = object.as_ref().unwrap_or(target);
    let api = match api::of(client, object).await {
        Ok(api) => api,
        Err(error) => return Answer::Error(error.to_string()),
    };
    let named = format!("{} {}", object.kind, object.name);
    match api::find("read what a probe asks for", api.get(&object.name)).await {
        Ok(Some(live)) if object.uid.is_some() && live.metadata.uid != object.uid => {
            Answer::Inconclusive(format!("{named} is another object by now"))
        }
        Ok(Some(live)) => judge(&live, condition, &named),
        Ok(None) => Answer::Inconclusive(format!("{named} is not there")),
        Err(error) => Answer::Error(error.to_string()),
    }
}

/// The object beside the target, where the probe names one.
fn beside(condition: &ConditionProbe, target: &Target) -> Option<Target> {
    let object = condition.object.as_ref()?;
    Some(Target {
        api_version: object.api_version.clone(),
        kind: object.kind.clone(),
        namespace: target.namespace.clone(),
        name: object.name.clone(),
        uid: None,
    })
}

fn judge(live: &DynamicObject, probe: &ConditionProbe, named: &str) -> Answer {
    let (status, type_, wanted) = (&live.data["status"], &probe.type_, probe.wanted().as_str());
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let Some(condition) = conditions.into_iter().find(|condition| condition["type"] == type_.as_str()) else {
        return Answer::Inconclusive(format!("{named} has no condition {type_}"));
    };
    let is_old = |seen: &Value| seen.as_i64().zip(live.metadata.generation).is_some_and(|(seen, now)| seen < now);
    if is_old(&status["observedGeneration"]) || is_old(&condition["observedGeneration"]) {
        return Answer::Inconclusive(format!("the condition {type_} of {named} is about an older generation of it"));
    }
    match condition["status"].as_str() {
        Some(now) if now == wanted => Answer::Pass,
        Some(now @ ("True" | "False")) => Answer::Failure(format!("the condition {type_} of {named} is {now}")),
        _ => Answer::Inconclusive(format!("the condition {type_} of {named} is neither True nor False")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(status: Value, wanted: &str) -> &'static str {
        let live = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web", "generation": 3 }, "status": status });
        let probe = serde_json::from_value(json!({ "type": "Ready", "status": wanted })).unwrap();
        judge(&serde_json::from_value(live).unwrap(), &probe, "Pod web").label()
    }

    #[test]
    fn only_the_wanted_status_of_the_object_as_it_is_now_passes() {
        let of = |status: &str| json!({ "conditions": [{ "type": "Other", "status": "True" }, { "type": "Ready", "status": status }] });
        for (status, wanted, answer) in [
            (of("True"), "True", "pass"),
            (of("False"), "False", "pass"),
            (of("False"), "True", "failure"),
            (of("True"), "False", "failure"),
            (of("Unknown"), "True", "inconclusive"),
            (of("true"), "True", "inconclusive"),
            (json!({}), "True", "inconclusive"),
            (json!(null), "True", "inconclusive"),
            (json!({ "conditions": "none" }), "True", "inconclusive"),
            (json!({ "conditions": [{ "type": "Ready" }] }), "True", "inconclusive"),
            (json!({ "conditions": [{ "type": "Ready", "status": "True", "observedGeneration": 2 }] }), "True", "inconclusive"),
            (json!({ "conditions": [{ "type": "Ready", "status": "True", "observedGeneration": 3 }] }), "True", "pass"),
            (json!({ "observedGeneration": 2, "conditions": [{ "type": "Ready", "status": "True" }] }), "True", "inconclusive"),
            (json!({ "observedGeneration": 3, "conditions": [{ "type": "Ready", "status": "True" }] }), "True", "pass"),
        ] {
            assert_eq!(said(status.clone(), wanted), answer, "{status}");
        }
    }
}
