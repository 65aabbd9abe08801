//! Permissions: the API server's authorizer is asked about each one that is declared (`permissions`).

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::authorization::v1::ResourceAttributes;
use kube::Client;

use super::{Finding, Verdict};
use crate::{
    causes::chain,
    permissions::{Need, Roles},
    pipeline::access::{is_allowed, named},
    remediation::ActionKind,
};

/// Questions under way at the same time.
const CONCURRENCY: usize = 8;
const PERMISSIONS: &str = "permissions";

/// One finding for the agent, and one for each action. Where nobody said where targets are, all namespaces are asked about.
pub(super) async fn examine(client: &Client, roles: &Roles, targets_known: bool) -> Vec<Finding> {
    let mut missing: BTreeMap<Option<ActionKind>, Vec<String>> = BTreeMap::from([(None, Vec::new())]);
    missing.extend(roles.actions.iter().map(|kind| (Some(*kind), Vec::new())));
    let questions = roles.needs().into_iter().flat_map(|need| {
        let purpose = need.purpose;
        questions(&need).into_iter().map(move |question| (purpose, question))
    });
    let asked = stream::iter(questions)
        .map(|(purpose, question)| async move { is_allowed(client, &question).await.map(|allowed| (purpose, question, allowed)) });
    let answers = match asked.buffered(CONCURRENCY).try_collect::<Vec<_>>().await {
        Ok(answers) => answers,
        Err(error) => return vec![Finding::new(PERMISSIONS, Verdict::Failed, format!("cannot be asked for: {}", chain(&error)))],
    };
    if answers.iter().any(|(.., allowed)| allowed.is_none()) {
        return vec![Finding::new(PERMISSIONS, Verdict::Skipped, "this API server has nobody to ask, or does not let this user ask")];
    }
    for (purpose, question, _) in answers.iter().filter(|(.., allowed)| *allowed == Some(false)) {
        missing.entry(*purpose).or_default().push(named(question));
    }
    let nothing_to_apply = roles.apply_targets.is_empty();
    let judge = |(purpose, missing)| match purpose {
        Some(kind @ ActionKind::Apply) if nothing_to_apply => {
            let message = "which kinds manifests may be of is not known; name them with --apply-targets";
            Finding::new(&check(Some(kind)), Verdict::Skipped, message)
        }
        _ => judge(purpose, missing, targets_known),
    };
    missing.into_iter().map(judge).collect()
}

fn check(purpose: Option<ActionKind>) -> String {
    purpose.map_or_else(|| PERMISSIONS.to_owned(), |kind| format!("{PERMISSIONS} of {kind}"))
}

fn judge(purpose: Option<ActionKind>, missing: Vec<String>, targets_known: bool) -> Finding {
    let check = check(purpose);
    if missing.is_empty() {
        return Finding::new(&check, Verdict::Ok, "all granted");
    }
    let list = missing.join(", ");
    match purpose {
        Some(_) if !targets_known => {
            let message = format!("not granted in all namespaces; if targets are in some, name them with --target-namespaces: {list}");
            Finding::new(&check, Verdict::Warning, message)
        }
        _ => Finding::new(&check, Verdict::Failed, format!("not granted: {list}; `zen-agent rbac` prints the roles")),
    }
}

/// One for each group, resource and verb, and each name where only some are meant.
fn questions(Need { namespace, rule, .. }: &Need) -> Vec<ResourceAttributes> {
    let names: Vec<_> = match &rule.resource_names {
        None => vec![None],
        Some(some) => some.iter().cloned().map(Some).collect(),
    };
    let mut all = Vec::new();
    for group in rule.api_groups.iter().flatten() {
        for resource in rule.resources.iter().flatten() {
            let (resource, subresource) = resource.split_once('/').map_or((resource.as_str(), None), |(of, sub)| (of, Some(sub)));
            let one = |verb: &String, name: &Option<String>| ResourceAttributes {
                group: Some(group.clone()),
                resource: Some(resource.to_owned()),
                subresource: subresource.map(str::to_owned),
                verb: Some(verb.clone()),
                namespace: namespace.clone(),
                name: name.clone(),
                ..ResourceAttributes::default()
            };
            all.extend(rule.verbs.iter().flat_map(|verb| names.iter().map(move |name| one(verb, name))));
        }
    }
    all
}
