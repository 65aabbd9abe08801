//! From the object that a finding names to the one that an action changes.
//!
//! | level    | can be changed                      | leads there |
//! |----------|-------------------------------------|-------------|
//! | Itself   | any                                 | |
//! | Manifest | any, also one that is not there yet | |
//! | Pod      | Pod                                 | |
//! | Replicas | Deployment, StatefulSet, ReplicaSet | Pod, ReplicaSet |
//! | Rollout  | Deployment, StatefulSet, DaemonSet  | Pod, ReplicaSet |
//! | Job      | Job, CronJob                        | Pod |
//! | Node     | Node                                | Pod |
//!
//! What leads there is followed to its controller, by the controller's uid at each hop; a Pod leads to the Node by
//! the name of it that the scheduler wrote. A Pod leads to the Job that runs it, which is what suspending stops, and
//! not on to the CronJob that made it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Client, ResourceExt, api::DynamicObject};

use super::{
    api,
    plan::{PlanError, not_found, unsupported},
};
use crate::{event::Target, remediation::Action};

/// Hops from a pod to the controller in charge.
const HOPS: usize = 3;

/// The object that an action changes, relative to the one that the finding names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The object itself.
    Itself,
    /// The object itself, which may not be there yet: then it is created.
    Manifest,
    /// The object itself, which must be a Pod.
    Pod,
    /// The controller that decides over replicas.
    Replicas,
    /// The controller that replaces pods when their template changes.
    Rollout,
    /// The Job, or a CronJob.
    Job,
    /// The node.
    Node,
}

type Kind = (&'static str, &'static str);

const POD: Kind = ("v1", "Pod");
const NODE: Kind = ("v1", "Node");
const DEPLOYMENT: Kind = ("apps/v1", "Deployment");
const STATEFUL_SET: Kind = ("apps/v1", "StatefulSet");
const DAEMON_SET: Kind = ("apps/v1", "DaemonSet");
const REPLICA_SET: Kind = ("apps/v1", "ReplicaSet");
const JOB: Kind = ("batch/v1", "Job");
const CRON_JOB: Kind = ("batch/v1", "CronJob");

impl Level {
    /// The kinds that can be changed; all when there are none.
    const fn ends(self) -> &'static [Kind] {
        match self {
            Self::Itself | Self::Manifest => &[],
            Self::Pod => &[POD],
            Self::Replicas => &[DEPLOYMENT, STATEFUL_SET, REPLICA_SET],
            Self::Rollout => &[DEPLOYMENT, STATEFUL_SET, DAEMON_SET],
            Self::Job => &[JOB, CRON_JOB],
            Self::Node => &[NODE],
        }
    }

    /// The kinds whose controller is asked for first.
    const fn via(self) -> &'static [Kind] {
        match self {
            Self::Itself | Self::Manifest | Self::Pod => &[],
            Self::Replicas | Self::Rollout => &[POD, REPLICA_SET],
            Self::Job | Self::Node => &[POD],
        }
    }

    const fn needs(self) -> &'static str {
        match self {
            Self::Itself | Self::Manifest => "it needs an object",
            Self::Pod => "it needs a Pod",
            Self::Replicas => "it needs a Deployment, StatefulSet or ReplicaSet, or a Pod of one",
            Self::Rollout => "it needs a Deployment, StatefulSet or DaemonSet, or a Pod of one",
            Self::Job => "it needs a Job or CronJob, or a Pod of a Job",
            Self::Node => "it needs a Node, or a Pod that runs on one",
        }
    }
}

fn is_one_of(kinds: &[Kind], api_version: &str, kind: &str) -> bool {
    kinds.contains(&(api_version, kind))
}

/// Refuses a kind that the action cannot be done to.
pub(super) fn check(action: &Action, named: &Target) -> Result<(), PlanError> {
    let level = action.kind().level();
    let known = |kinds| is_one_of(kinds, &named.api_version, &named.kind);
    if matches!(level, Level::Itself | Level::Manifest) || known(level.ends()) || known(level.via()) {
        return Ok(());
    }
    Err(unsupported(action, named, level.needs()))
}

/// Goes from the named object to the one that the action changes, and reads that.
pub(super) async fn run(
    client: &Client,
    action: &Action,
    named: Target,
    live: DynamicObject,
) -> Result<(Target, DynamicObject), PlanError> {
    let level = action.kind().level();
    let (mut target, mut live) = (named, live);
    for _ in 0..HOPS {
        let is = |kinds| is_one_of(kinds, &target.api_version, &target.kind);
        if !is(level.via()) {
            return Ok((target, live));
        }
        let next = if level == Level::Node { node(&live) } else { controller(&live).map(|owner| above(&target, owner)) };
        match next {
            None if is(level.ends()) => return Ok((target, live)),
            Some(next) if [level.ends(), level.via()].into_iter().any(|kinds| is_one_of(kinds, &next.api_version, &next.kind)) => {
                live = read(client, &next).await?;
                target = Target { uid: live.uid(), ..next };
            }
            _ => return Err(unsupported(action, &target, level.needs())),
        }
    }
    Err(unsupported(action, &target, "its controllers do not end"))
}

/// The controller of an object, by its owner references.
pub(super) fn controller(live: &DynamicObject) -> Option<&OwnerReference> {
    live.owner_references().iter().find(|owner| owner.controller == Some(true))
}

/// The controller as a target.
pub(super) fn above(target: &Target, owner: &OwnerReference) -> Target {
    Target {
        api_version: owner.api_version.clone(),
        kind: owner.kind.clone(),
        namespace: target.namespace.clone(),
        name: owner.name.clone(),
        uid: Some(owner.uid.clone()),
    }
}

fn node(pod: &DynamicObject) -> Option<Target> {
    let name = pod.data["spec"]["nodeName"].as_str().filter(|name| !name.is_empty())?;
    let (api_version, kind) = (NODE.0.to_owned(), NODE.1.to_owned());
    Some(Target { api_version, kind, namespace: None, name: name.to_owned(), uid: None })
}

/// The object, if it still is the one that a reference means.
async fn read(client: &Client, target: &Target) -> Result<DynamicObject, PlanError> {
    let api = api::of(client, target).await?;
    let live = api::find("read the target", api.get(&target.name)).await?.ok_or_else(|| not_found(target))?;
    if target.uid.is_some() && live.metadata.uid != target.uid {
        return Err(PlanError::Replaced { kind: target.kind.clone(), name: target.name.clone() });
    }
    Ok(live)
}
