//! `doctor`: what is missing for the agent to work, before and after it is installed.

use kube::{Client, Config};

use super::{
    Configured, Failure, Layered,
    output::{self, Format},
};
use crate::{
    causes::chain,
    doctor::{self, Patient, Verdict},
    permissions::{ApplyTarget, TargetNamespaces},
};

/// The settings of `serve`, and how to look.
#[derive(clap::Args)]
pub(super) struct Doctor {
    /// Namespaces in which targets may be changed; all when absent.
    #[arg(long, value_delimiter = ',')]
    target_namespaces: Vec<String>,
    /// Targets may be changed in all namespaces, so that a permission that is not granted everywhere is missing.
    #[arg(long, conflicts_with = "target_namespaces")]
    target_all_namespaces: bool,
    /// The kinds that manifests of `apply` may be of, such as configmaps or ingresses.networking.k8s.io.
    #[arg(long, value_delimiter = ',')]
    apply_targets: Vec<ApplyTarget>,
    /// Ask for the permissions of this user, such as system:serviceaccount:zen-agent:zen-agent, which takes the right to impersonate it.
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
    /// How to print.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    #[command(flatten)]
    configured: Configured,
}

impl Doctor {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Layered { settings, mistakes, .. } = self.configured.settings()?;
        let targets = match (self.target_all_namespaces, self.target_namespaces.is_empty()) {
            (true, _) => Some(TargetNamespaces::All),
            (false, false) => Some(TargetNamespaces::These(self.target_namespaces.into_iter().collect())),
            (false, true) => None,
        };
        let (cluster, apply_targets) = (cluster(self.user).await, self.apply_targets.into_iter().collect());
        let found = doctor::examine(Patient { settings, mistakes, cluster, targets, apply_targets }).await;
        match self.output {
            Format::Json => output::json(&found)?,
            Format::Table => output::findings(&found)?,
        }
        match found.iter().filter(|finding| finding.result == Verdict::Failed).count() {
            0 => Ok(()),
            1 => Err(Failure::Refused("1 check failed".to_owned())),
            many => Err(Failure::Refused(format!("{many} checks failed"))),
        }
    }
}

async fn cluster(user: Option<String>) -> Result<Client, String> {
    let none = |error: &(dyn std::error::Error + 'static)| format!("no Kubernetes API ({}); set KUBECONFIG, or run in a pod", chain(error));
    let mut config = Config::infer().await.map_err(|error| none(&error))?;
    if user.is_some() {
        config.auth_info.impersonate = user;
    }
    Client::try_from(config).map_err(|error| none(&error))
}
