//! `zen-agent rbac`: the roles that the agent needs, for those who install it without the chart.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

use super::{Failure, output};
use crate::{
    config::ENABLED_ACTIONS,
    dev,
    permissions::{ApplyTarget, Roles, TargetNamespaces},
    remediation::ActionKind,
};

/// Which roles.
#[derive(clap::Args)]
pub(super) struct Rbac {
    /// The actions that are enabled.
    #[arg(long, value_delimiter = ',', env = "ENABLED_ACTIONS", default_value = ENABLED_ACTIONS, value_parser = actions())]
    actions: Vec<ActionKind>,
    /// The agent's namespace.
    #[arg(short, long, env = "REMEDIATION_NAMESPACE", default_value = dev::NAMESPACE)]
    namespace: String,
    /// Namespaces in which targets may be changed.
    #[arg(long, value_delimiter = ',', required_unless_present = "target_all_namespaces")]
    target_namespaces: Vec<String>,
    /// Or all of them, with those of the cluster itself, such as kube-system.
    #[arg(long, conflicts_with = "target_namespaces")]
    target_all_namespaces: bool,
    /// The kinds that manifests of `apply` may be of, such as configmaps or ingresses.networking.k8s.io; none without it.
    #[arg(long, value_delimiter = ',')]
    apply_targets: Vec<ApplyTarget>,
    /// Remediations outside of the agent's namespace are carried out too.
    #[arg(long)]
    watch_all_namespaces: bool,
}

/// Takes the names of actions, and lists them.
pub(super) fn actions() -> impl TypedValueParser<Value = ActionKind> {
    PossibleValuesParser::new(ActionKind::ALL.map(ActionKind::as_str)).try_map(|name| name.parse::<ActionKind>())
}

impl Rbac {
    pub(super) fn run(self) -> Result<(), Failure> {
        let target_namespaces = if self.target_all_namespaces {
            TargetNamespaces::All
        } else {
            TargetNamespaces::These(self.target_namespaces.into_iter().collect())
        };
        let roles = Roles {
            namespace: self.namespace,
            watch_all: self.watch_all_namespaces,
            target_namespaces,
            actions: self.actions.into_iter().collect(),
            apply_targets: self.apply_targets.into_iter().collect(),
        };
        print(&roles.cluster_role())?;
        roles.roles().iter().try_for_each(print)
    }
}

fn print(role: &impl Serialize) -> Result<(), Failure> {
    output::print(&format!("---\n{}", serde_yaml_ng::to_string(role).map_err(Failure::refused)?.trim_end()))
}
