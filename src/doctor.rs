//! Whether the agent would work here: what is missing is said before it is started, and while it runs.
//!
//! ```text
//!  settings ─▶ valid, with the files that they name? ─▶ certificates: until when? ─▶ SaaS, Prometheus: do they answer?
//!  cluster ──▶ does it answer? ─▶ clocks ─▶ definition ─▶ permissions: of the agent, and of each action
//! ```
//!
//! It only asks. What cannot be found out is no success: it is said to be skipped, and why.

mod access;
mod certificates;
mod cluster;
mod saas;

use std::collections::BTreeSet;

use kube::Client;
use serde::Serialize;

use crate::{
    config::{Config, ConfigErrors, Settings},
    permissions::{ApplyTarget, Roles, TargetNamespaces},
    remediation::ActionKind,
};

/// What was found of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// What came of it.
    pub result: Verdict,
    /// What was seen, and what to do about it.
    pub message: String,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it has to be.
    Ok,
    /// It works, and somebody should look.
    Warning,
    /// The agent would not start, or not work.
    Failed,
    /// It could not be looked at.
    Skipped,
}

impl Verdict {
    /// Its name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl Finding {
    fn new(check: &str, result: Verdict, message: impl Into<String>) -> Self {
        Self { check: check.to_owned(), result, message: message.into() }
    }
}

/// What to look at.
pub struct Patient {
    /// All layers of settings.
    pub settings: Settings,
    /// What is wrong with the file of settings.
    pub mistakes: Vec<String>,
    /// The Kubernetes API, or why there is none.
    pub cluster: Result<Client, String>,
    /// Where targets may be changed, where somebody said so.
    pub targets: Option<TargetNamespaces>,
    /// The kinds that `apply` may be given, where somebody said so.
    pub apply_targets: BTreeSet<ApplyTarget>,
}

/// Looks at everything.
pub async fn examine(patient: Patient) -> Vec<Finding> {
    let mut found = Vec::new();
    let roles = roles(&patient.settings, patient.targets.clone(), patient.apply_targets);
    match configured(patient.settings, patient.mistakes) {
        Ok(config) => {
            found.extend(settled(&config));
            found.extend(certificates::examine(&config.tls));
            if let Some(saas) = &config.saas {
                found.extend(saas::examine(&saas.peer).await);
            }
            found.extend(prometheus(&config).await);
        }
        Err(mistakes) => found.extend(mistakes),
    }
    match patient.cluster {
        Ok(client) => {
            let cluster = cluster::examine(&client).await;
            let answers = cluster.iter().all(|finding| finding.check != cluster::KUBERNETES || finding.result == Verdict::Ok);
            found.extend(cluster);
            if answers {
                found.extend(access::examine(&client, &roles, patient.targets.is_some()).await);
            }
        }
        Err(why) => found.push(Finding::new(cluster::KUBERNETES, Verdict::Failed, why)),
    }
    found
}

/// The configuration, or one finding for each mistake.
fn configured(settings: Settings, mistakes: Vec<String>) -> Result<Config, Vec<Finding>> {
    let mistakes: Vec<_> = match settings.validate() {
        Ok(config) if mistakes.is_empty() => return Ok(config),
        Ok(_) => mistakes,
        Err(ConfigErrors(more)) => mistakes.into_iter().chain(more).collect(),
    };
    let finding = |mistake: String| match mistake.split_once(": ") {
        Some((setting, why)) => Finding::new(setting, Verdict::Failed, why),
        None => Finding::new("settings", Verdict::Failed, mistake),
    };
    Err(mistakes.into_iter().map(finding).collect())
}

/// What of a valid configuration is worth a word.
fn settled(config: &Config) -> Vec<Finding> {
    let keys: usize = config.hmac.values().map(|secrets| secrets.len()).sum();
    let policy = match &config.policy_file {
        Some(path) => format!("{} is valid, and asks for nothing that is not enabled", path.display()),
        None => "the built-in one, which only proposes, since POLICY_FILE is not set".to_owned(),
    };
    let actions: Vec<_> = config.actions.iter().map(|kind| kind.as_str()).collect();
    let mut found = vec![
        Finding::new("settings", Verdict::Ok, format!("valid; enabled actions: {}", actions.join(", "))),
        Finding::new("hmac", Verdict::Ok, format!("{keys} secrets of {} tenants can be read", config.hmac.len())),
        Finding::new("jwt_key_files", Verdict::Ok, format!("the keys of {} files can be read", config.jwt.key_files.len())),
        Finding::new("policy", Verdict::Ok, policy),
    ];
    found.extend(config.warnings.iter().map(|warning| Finding::new("settings", Verdict::Warning, warning)));
    found
}

/// Whether the Prometheus that probes ask answers, where there is one.
async fn prometheus(config: &Config) -> Option<Finding> {
    let answers = config.reach.prometheus_answers().await?;
    Some(match answers {
        Ok(()) => Finding::new("prometheus", Verdict::Ok, "answers queries"),
        Err(why) => {
            let message = format!("does not answer, so that what is verified by it would be undone: {why}");
            Finding::new("prometheus", Verdict::Warning, message)
        }
    })
}

/// What the agent would have to be allowed to do, also by settings that are not all valid.
fn roles(settings: &Settings, targets: Option<TargetNamespaces>, apply_targets: BTreeSet<ApplyTarget>) -> Roles {
    let given = |setting: &Option<String>| setting.clone().filter(|text| !text.trim().is_empty());
    let actions = settings.enabled_actions.clone().unwrap_or_default();
    let actions: BTreeSet<ActionKind> = actions.split(',').filter_map(|name| name.trim().parse().ok()).collect();
    Roles {
        namespace: given(&settings.remediation_namespace).unwrap_or_default(),
        watch_all: given(&settings.watch_namespace).is_none(),
        target_namespaces: targets.unwrap_or(TargetNamespaces::All),
        actions,
        apply_targets,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
