//! Asks probes: whether one may be asked at all, when it is planned, and what it says, after the change.

mod condition;

use futures::future::join_all;
use kube::Client;

use super::plan::PlanError;
use crate::{
    event::Target,
    remediation::{Answer, Check, Verification},
};

/// Refuses a verification that could not be made, and names what the agent must be allowed to do for it.
pub(super) async fn permit(client: &Client, verification: &Verification, target: &Target) -> Result<Vec<String>, PlanError> {
    if let Some(problem) = verification.problem() {
        return Err(PlanError::Verification(problem));
    }
    let mut needed = Vec::new();
    for probe in &verification.probes {
        match &probe.check {
            Check::Condition(condition) => needed.extend(condition::permit(client, &probe.name, condition, target).await?),
        }
    }
    Ok(needed)
}

/// Asks all of them at once; the answers are in their order.
pub(super) async fn ask(client: &Client, verification: &Verification, target: &Target) -> Vec<Answer> {
    let asked = verification.probes.iter().map(|probe| async {
        match &probe.check {
            Check::Condition(condition) => condition::ask(client, condition, target).await,
        }
    });
    join_all(asked).await
}
