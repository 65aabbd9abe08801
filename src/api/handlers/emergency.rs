//! The emergency stop, set and lifted: it concerns every tenant, so only the agent's own may.

use std::time::Duration;

use super::Handlers;
use crate::{
    audit,
    contract::v1alpha1::types,
    emergency::{SwitchError, Switched},
    problem::{Code, Problem},
    verify::Caller,
};

/// What is ordered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Stop,
    Resume,
}

impl Handlers {
    pub(super) async fn switch(&self, caller: &Caller, reason: &str, order: Order) -> Result<types::EmergencyStop, Problem> {
        if caller.tenant != self.own_tenant {
            return Err(Problem::new(
                Code::InsufficientRole,
                "The emergency stop concerns every tenant: only the agent's own may switch it.",
            ));
        }
        let switched = match order {
            Order::Stop => self.emergency.stop(&caller.subject, reason).await,
            Order::Resume => self.emergency.resume(&caller.subject, reason).await,
        };
        let Switched { stopped, by, reason } = switched.map_err(|error| refusal(&error))?;
        audit::switched(&caller.sender(), stopped);
        Ok(types::EmergencyStop { stopped, by, reason })
    }
}

fn refusal(error: &SwitchError) -> Problem {
    match error {
        SwitchError::Contended => Problem::new(Code::Unavailable, error.to_string()).retry_after(Duration::from_secs(1)),
        SwitchError::Api(error) => Problem::of_kubernetes(error),
    }
}
