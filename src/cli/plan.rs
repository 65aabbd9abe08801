//! `plan`: what a remediation will do, or did, as a diff.

use console::style;
use serde_json::{Map, Value};

use super::{
    Connect, Failure,
    connect::{call, request_id},
    output::{self, Format, plain, target},
};
use crate::contract::v1alpha1::types::{self, PlannedChange};

#[derive(clap::Args)]
pub(super) struct Plan {
    /// The remediation's name, as `send` and `get` print it.
    name: String,
    /// How to print the plan.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    #[command(flatten)]
    connect: Connect,
}

impl Plan {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (client, id) = (self.connect.client()?.alpha, request_id());
        let plan = call(client.get_plan(&self.name, &id)).await?;
        match self.output {
            Format::Json => output::json(&plan),
            // Colours only where a terminal shows them.
            Format::Table => output::print(&lines(&plan).iter().map(Line::shown).collect::<Vec<_>>().join("\n")),
        }
    }
}

/// A line of the diff.
#[derive(Debug, PartialEq)]
enum Line {
    Same(String),
    Gone(String),
    New(String),
}

impl Line {
    fn text(&self) -> String {
        match self {
            Self::Same(text) => format!("  {text}"),
            Self::Gone(text) => format!("- {text}"),
            Self::New(text) => format!("+ {text}"),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Same(_) => self.text(),
            Self::Gone(_) => style(self.text()).red().to_string(),
            Self::New(_) => style(self.text()).green().to_string(),
        }
    }
}

fn lines(plan: &types::Plan) -> Vec<Line> {
    let mut lines = vec![Line::Same(format!("{} {}, {}", plain(&plan.action), plain(&target(&plan.target)), plan.reversibility))];
    if plan.changes.is_empty() {
        lines.push(Line::Same("nothing is changed: it already reads so".to_owned()));
    }
    plan.changes.iter().for_each(|change| of_change(change, &mut lines));
    lines.extend(plan.permissions.iter().map(|permission| Line::Same(format!("needs to {}", plain(permission)))));
    lines.extend(plan.verification.iter().flat_map(of_verification).map(|text| Line::Same(plain(&text))));
    lines.push(Line::Same(format!("plan {}{}", plan.digest, if plan.recorded { "" } else { ", not recorded yet" })));
    lines
}

/// What has to hold afterwards; as it was given, beside what is absent.
fn of_verification(verification: &types::Verification) -> Vec<String> {
    let Ok(Value::Object(mut given)) = serde_json::to_value(verification) else { return Vec::new() };
    let probes = given.remove("probes").unwrap_or_default();
    let probes = probes.as_array().into_iter().flatten().map(|probe| format!("verified by {probe}"));
    let bounds = given.iter().map(|(name, value)| format!("  {name}: {value}"));
    probes.chain(bounds).collect()
}

fn of_change(change: &PlannedChange, lines: &mut Vec<Line>) {
    let part = change.subresource.as_deref().map(|part| format!(", {part}")).unwrap_or_default();
    let head = plain(&format!("{} {}{part}", change.operation, target(&change.object)));
    match change.operation.as_str() {
        "create" => lines.push(Line::New(head)),
        "delete" | "evict" => lines.push(Line::Gone(head)),
        _ => lines.push(Line::Same(head)),
    }
    difference("", &Value::Object(change.former.clone()), &Value::Object(change.patch.clone()), lines);
}

/// A line for each value that is gone, and for each that is new.
fn difference(path: &str, former: &Value, new: &Value, lines: &mut Vec<Line>) {
    let none = Map::new();
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match new {
        Value::Object(fields) => {
            let former = former.as_object().unwrap_or(&none);
            for (key, value) in fields {
                difference(&below(key), former.get(key).unwrap_or(&Value::Null), value, lines);
            }
        }
        Value::Array(items) if items.iter().all(|item| item["name"].is_string()) => {
            for (at, item) in items.iter().enumerate() {
                difference(&format!("{path}[{}]", item["name"].as_str().unwrap_or_default()), &former[at], item, lines);
            }
        }
        same if same == former => {}
        _ => {
            let line = |value: &Value| (!value.is_null()).then(|| plain(&format!("  {path}: {value}")));
            lines.extend(line(former).map(Line::Gone).into_iter().chain(line(new).map(Line::New)));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(changes: Value) -> Vec<String> {
        let object = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web" });
        let mut plan = json!({
            "digest": "sha256:0", "recorded": true, "action": "scale", "target": object, "changes": changes, "previous": {},
            "permissions": ["patch deployments/scale.apps in shop"], "reversibility": "reversible",
        });
        plan["changes"].as_array_mut().unwrap().iter_mut().for_each(|change| change["object"] = object.clone());
        lines(&serde_json::from_value(plan).unwrap()).iter().map(Line::text).collect()
    }

    #[test]
    fn a_plan_reads_as_a_diff_of_what_reads_there_and_what_will() {
        let patch = json!({
            "operation": "patch", "subresource": "scale",
            "former": { "spec": { "replicas": 3, "paused": null, "c": [{ "name": "a", "image": "1" }], "same": 1 } },
            "patch": { "spec": { "replicas": 0, "paused": true, "c": [{ "name": "a", "image": "2" }], "same": 1 } },
        });
        let text = plan(json!([patch]));
        assert_eq!(
            text,
            [
                "  scale Deployment shop/web, reversible",
                "  patch Deployment shop/web, scale",
                "-   spec.c[a].image: \"1\"",
                "+   spec.c[a].image: \"2\"",
                "+   spec.paused: true",
                "-   spec.replicas: 3",
                "+   spec.replicas: 0",
                "  needs to patch deployments/scale.apps in shop",
                "  plan sha256:0",
            ]
        );
    }

    #[test]
    fn a_plan_says_what_has_to_hold_afterwards() {
        let verification = json!({ "probes": [{ "name": "ready", "condition": { "type": "Ready" } }], "soakSeconds": 30 });
        let lines = of_verification(&serde_json::from_value(verification).unwrap());
        assert_eq!(lines, [r#"verified by {"condition":{"type":"Ready"},"name":"ready"}"#, "  soakSeconds: 30"]);
    }

    #[test]
    fn what_is_removed_and_what_is_taken_away_are_lines_that_go_and_nothing_steers_the_terminal() {
        let text = plan(json!([
            { "operation": "delete" },
            { "operation": "patch", "former": { "metadata": { "labels": { "a": "\u{1b}[2J" } } }, "patch": { "metadata": { "labels": { "a": null } } } },
        ]));
        assert_eq!(text[1], "- delete Deployment shop/web");
        assert_eq!(text[3], "-   metadata.labels.a: \"\\u001b[2J\"");
    }
}
