//! Whether the agent is allowed to do what an action needs, asked before anybody approves it.
//!
//! The API server's authorizer is asked about each permission (SelfSubjectAccessReview), so that what
//! cannot be done ends here, with the permissions that are missing by name, and not half-way. A
//! server that has no authorizer to ask, as the embedded one, allows everything.

use futures::future::try_join_all;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::{Api, Client, api::PostParams};

use super::{
    actions,
    api::{ApiError, call},
    kinds,
    plan::PlanError,
    resolve::Level,
};
use crate::{category::Category, event::Target, remediation::Action};

/// Refuses an action whose permissions on the target are not all granted.
pub(super) async fn check(client: &Client, action: &Action, target: &Target) -> Result<(), PlanError> {
    let needed = attributes(client, action, target).await?;
    let missing = try_join_all(needed.into_iter().map(|one| denied(client, one))).await?;
    let missing: Vec<_> = missing.into_iter().flatten().map(|one| named(&one)).collect();
    if missing.is_empty() { Ok(()) } else { Err(PlanError::Denied { action: action.name(), missing: missing.join(", ") }) }
}

/// What the action needs on the target, in words such as `patch deployments.apps in shop`.
pub(super) async fn needed(client: &Client, action: &Action, target: &Target) -> Result<Vec<String>, PlanError> {
    Ok(attributes(client, action, target).await?.iter().map(named).collect())
}

/// Refuses a probe of an object that the agent may not read; names what it needs.
pub(super) async fn check_read(client: &Client, probe: &str, object: &Target) -> Result<String, PlanError> {
    let resource = kinds::find(client, object).await?.resource;
    let wanted = ResourceAttributes {
        group: Some(resource.group),
        resource: Some(resource.plural),
        verb: Some("get".to_owned()),
        namespace: object.namespace.clone(),
        ..ResourceAttributes::default()
    };
    let needed = named(&wanted);
    match denied(client, wanted).await? {
        Some(missing) => Err(PlanError::ProbeDenied { probe: probe.to_owned(), missing: named(&missing) }),
        None => Ok(needed),
    }
}

/// What is going to be written; what has to be read was read by now.
async fn attributes(client: &Client, action: &Action, target: &Target) -> Result<Vec<ResourceAttributes>, PlanError> {
    let of = |group: &str, resource: &str, verb: &str| ResourceAttributes {
        group: Some(group.to_owned()),
        resource: Some(plural(resource).to_owned()),
        subresource: resource.split_once('/').map(|(_, subresource)| subresource.to_owned()),
        verb: Some(verb.to_owned()),
        namespace: target.namespace.clone(),
        ..ResourceAttributes::default()
    };
    // Of the kinds that the action can be done to, only the target's own.
    let own = match action.kind().level() {
        Level::Pod => None,
        _ => Some(kinds::find(client, target).await?.resource),
    };
    let is_meant = |group: &str, resource: &str, verb: &str| {
        own.as_ref().is_none_or(|own| (group, plural(resource)) == (own.group.as_str(), own.plural.as_str()) && verb != "get")
    };
    let mut needed = Vec::new();
    for one in action.kind().permissions() {
        needed
            .extend(one.verbs.iter().filter(|verb| is_meant(one.group, one.resource, verb)).map(|verb| of(one.group, one.resource, verb)));
    }
    // A further kind, which the operator grants.
    if let (true, Some(own)) = (needed.is_empty(), &own) {
        let verbs: &[&str] = if action.kind().level() == Level::Manifest { &actions::APPLY_VERBS } else { &["patch"] };
        needed.extend(verbs.iter().map(|verb| of(&own.group, &own.plural, verb)));
    }
    Ok(needed)
}

/// The resource, without its subresource.
fn plural(resource: &str) -> &str {
    resource.split('/').next().unwrap_or(resource)
}

/// The permission, if it is not granted. Where there is nobody to ask, it shows when it is done.
async fn denied(client: &Client, wanted: ResourceAttributes) -> Result<Option<ResourceAttributes>, ApiError> {
    Ok(is_allowed(client, &wanted).await?.is_some_and(|allowed| !allowed).then_some(wanted))
}

/// What the authorizer says of a permission; `None` where there is nobody to ask, or none may be asked.
pub(crate) async fn is_allowed(client: &Client, wanted: &ResourceAttributes) -> Result<Option<bool>, ApiError> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(wanted.clone()), ..SelfSubjectAccessReviewSpec::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    match call("ask for the agent's permissions", reviews.create(&PostParams::default(), &review)).await {
        Ok(answer) => Ok(answer.status.map(|status| status.allowed)),
        Err(error) if matches!(error.category(), Category::NotFound | Category::Forbidden) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `patch deployments.apps in shop`.
pub(crate) fn named(missing: &ResourceAttributes) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let (verb, mut resource, group) = (text(&missing.verb), text(&missing.resource), text(&missing.group));
    if let Some(subresource) = &missing.subresource {
        resource = format!("{resource}/{subresource}");
    }
    if !group.is_empty() {
        resource = format!("{resource}.{group}");
    }
    match &missing.namespace {
        Some(namespace) => format!("{verb} {resource} in {namespace}"),
        None => format!("{verb} {resource}"),
    }
}
