//! Asks probes: whether one may be asked at all, when it is planned, and what it says, after the change.

mod condition;
mod http;
mod prometheus;

use std::path::PathBuf;

use futures::future::join_all;
use kube::Client;
use rustls::RootCertStore;

use http::Http;
pub use http::SetupError;
use prometheus::Prometheus;

use super::plan::PlanError;
use crate::{
    event::Target,
    remediation::{Answer, Check, Verification},
};

/// What probes may reach beside the Kubernetes API: what the configuration names, which by default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    http: Option<Http>,
    prometheus: Option<Prometheus>,
}

impl Reach {
    /// Lets `http` probes call these origins, as PROBE_HTTP_ORIGINS lists them.
    ///
    /// # Errors
    /// [`SetupError`], for each that is none.
    pub fn to_origins(self, listed: &str, roots: &RootCertStore) -> Result<Self, SetupError> {
        Ok(Self { http: Some(Http::new(listed, roots)?), ..self })
    }

    /// Lets `prometheus` probes ask the Prometheus at this address, with the token of a file.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn to_prometheus(self, base: &str, token: Option<PathBuf>, roots: &RootCertStore) -> Result<Self, SetupError> {
        Ok(Self { prometheus: Some(Prometheus::new(base, token, roots)?), ..self })
    }

    /// Whether Prometheus answers; `None` where there is none.
    pub async fn prometheus_answers(&self) -> Option<Result<(), String>> {
        Some(self.prometheus.as_ref()?.reach().await)
    }
}

/// Refuses a verification that could not be made, and names what the agent must be allowed to do for it.
pub(super) async fn permit(client: &Client, reach: &Reach, verification: &Verification, target: &Target) -> Result<Vec<String>, PlanError> {
    if let Some(problem) = verification.problem() {
        return Err(PlanError::Verification(problem));
    }
    let mut needed = Vec::new();
    for probe in &verification.probes {
        let without = |what: &str| Err(PlanError::ProbeNotAllowed(format!("probe {}: {what}", probe.name)));
        match (&probe.check, reach) {
            (Check::Condition(condition), _) => needed.extend(condition::permit(client, &probe.name, condition, target).await?),
            (Check::Http(get), Reach { http: Some(http), .. }) => http.permit(&probe.name, get, target)?,
            (Check::Http(_), _) => return without(NO_HTTP),
            (Check::Prometheus(_), Reach { prometheus: Some(_), .. }) => {}
            (Check::Prometheus(_), _) => return without(NO_PROMETHEUS),
        }
    }
    Ok(needed)
}

/// Asks all of them at once; the answers are in their order.
pub(super) async fn ask(client: &Client, reach: &Reach, verification: &Verification, target: &Target) -> Vec<Answer> {
    let asked = verification.probes.iter().map(|probe| async {
        match (&probe.check, reach) {
            (Check::Condition(condition), _) => condition::ask(client, condition, target).await,
            (Check::Http(get), Reach { http: Some(http), .. }) => http.ask(get, target).await,
            (Check::Http(_), _) => Answer::Error(NO_HTTP.to_owned()),
            (Check::Prometheus(query), Reach { prometheus: Some(prometheus), .. }) => prometheus.ask(query).await,
            (Check::Prometheus(_), _) => Answer::Error(NO_PROMETHEUS.to_owned()),
        }
    });
    join_all(asked).await
}

const NO_HTTP: &str = "probes may call nothing (PROBE_HTTP_ORIGINS)";
const NO_PROMETHEUS: &str = "there is no Prometheus (PROMETHEUS_URL)";
