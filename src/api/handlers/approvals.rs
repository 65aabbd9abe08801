//! Decisions on proposals.

use std::time::Duration;

use super::Handlers;
use crate::{
    api::view,
    audit,
    contract::v0::types,
    problem::{Code, Problem},
    remediation::approval::{self, Decided, Decider, DecisionError},
    verify::Caller,
};

/// What was decided.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    Approve,
    Reject,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Reject => "rejected",
        }
    }
}

impl Handlers {
    pub(super) async fn decide(&self, caller: &Caller, id: &str, reason: &str, verdict: Verdict) -> Result<types::Remediation, Problem> {
        let (api, object) = self.find(caller, id).await?;
        let by = Decider { subject: &caller.subject, role: caller.role };
        let decided = match verdict {
            Verdict::Approve => approval::approve(&api, &self.events, object, by, Some(reason)).await,
            Verdict::Reject => approval::reject(&api, &self.events, object, by, Some(reason)).await,
        };
        let Decided { object, wrote } = decided.map_err(|error| refusal(&error))?;
        if wrote {
            audit::decided(&caller.sender(), verdict.as_str(), id);
        }
        Ok(view::remediation(&object, self.id(&object)))
    }
}

pub(super) fn refusal(error: &DecisionError) -> Problem {
    match error {
        DecisionError::StateConflict { .. } => Problem::new(Code::StateConflict, error.to_string()),
        DecisionError::Gone => Problem::new(Code::NotFound, error.to_string()),
        DecisionError::Contended => Problem::new(Code::Unavailable, error.to_string()).retry_after(Duration::from_secs(1)),
        DecisionError::Api(error) => Problem::of_kubernetes(error),
    }
}
