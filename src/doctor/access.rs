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
    missing.into_iter().map(|(purpose, missing)| judge(purpose, missing, targets_known)).collect()
}

fn judge(purpose: Option<ActionKind>, missing: Vec<String>, targets_known: bool) -> Finding {
    let check = purpose.map_or_else(|| PERMISSIONS.to_owned(), |kind| format!("{PERMISSIONS} of {kind}"));
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

/// One for each verb, and each name where only some are meant.
fn questions(Need { namespace, permission, .. }: &Need) -> Vec<ResourceAttributes> {
    let (resource, subresource) = match permission.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (permission.resource, None),
    };
    let names: Vec<_> = match permission.names {
        [] => vec![None],
        some => some.iter().map(|name| Some((*name).to_owned())).collect(),
    };
    let one = |verb: &str, name: &Option<String>| ResourceAttributes {
        group: Some(permission.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: subresource.clone(),
        verb: Some(verb.to_owned()),
        namespace: namespace.clone(),
        name: name.clone(),
        ..ResourceAttributes::default()
    };
    permission.verbs.iter().flat_map(|verb| names.iter().map(|name| one(verb, name))).collect()
}
