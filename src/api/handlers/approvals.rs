//! Decisions on proposals, and what people ask of remediations that have ended.

use std::time::Duration;

use super::Handlers;
use crate::{
    api::view,
    audit,
    contract::v0::types,
    problem::{Code, Problem},
    remediation::{
        approval::{self, Decided, Decider, DecisionError},
        requests::{self, Asked},
    },
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

/// What is asked of one that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wish {
    Retry,
    Rollback,
}

impl Wish {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "to be tried again",
            Self::Rollback => "to be undone",
        }
    }
}

impl Handlers {
    pub(super) async fn decide(
        &self,
        caller: &Caller,
        id: &str,
        decision: &types::Decision,
        verdict: Verdict,
    ) -> Result<types::Remediation, Problem> {
        let (api, object) = self.find(caller, id).await?;
        let by = Decider { subject: &caller.subject, role: caller.role };
        let plan = object.plan().map(|plan| &plan.digest);
        if decision.plan_digest.as_ref().is_some_and(|seen| plan != Some(seen)) {
            let detail = "The plan is another one than that of plan_digest: read the remediation again, and decide on what it is now";
            return Err(Problem::new(Code::StateConflict, detail));
        }
        if matches!(verdict, Verdict::Approve) && self.policy.guardrails().second_person && approval::is_sender(&object, &caller.subject) {
            let detail = "The policy asks for a second person: whoever sent the event or task cannot approve it";
            return Err(Problem::new(Code::StateConflict, detail));
        }
        let reason = Some(decision.reason.as_str());
        let decided = match verdict {
            Verdict::Approve => approval::approve(&api, &self.events, object, by, reason).await,
            Verdict::Reject => approval::reject(&api, &self.events, object, by, reason).await,
        };
        self.told(caller, id, verdict.as_str(), decided)
    }

    pub(super) async fn ask(&self, caller: &Caller, id: &str, reason: &str, wish: Wish) -> Result<types::Remediation, Problem> {
        let (api, object) = self.find(caller, id).await?;
        let by = Decider { subject: &caller.subject, role: caller.role };
        let asked = Asked { by, reason, request: caller.request_id.canonical() };
        let decided = match wish {
            Wish::Retry => requests::retry(&api, &self.events, object, asked).await,
            Wish::Rollback => requests::rollback(&api, &self.events, object, asked).await,
        };
        self.told(caller, id, wish.as_str(), decided)
    }

    /// The remediation as it stands with the decision.
    fn told(&self, caller: &Caller, id: &str, what: &str, decided: Result<Decided, DecisionError>) -> Result<types::Remediation, Problem> {
        let Decided { object, wrote } = decided.map_err(|error| refusal(&error))?;
        audit::decided(&caller.sender(), what, id, !wrote);
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
