//! The status as it is changed in memory, before one guarded write.
//!
//! Every text that goes to an object passes here and is shortened: objects stay small, whatever a
//! server answers or a person says. Every remediation ends here, whoever ends it.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::{
    COMPLETE, HELD, Phase, Reason, RemediationStatus, StepName, StepState,
    conditions::{self, Holds},
};

/// Characters of a text that are kept.
pub const TEXT_LIMIT: usize = 1_024;

/// The beginning of a text, as much as an object may hold of it.
pub fn shorten(text: &str) -> String {
    text.chars().take(TEXT_LIMIT).collect()
}

impl RemediationStatus {
    /// Says why it stands where it stands.
    pub fn explain(&mut self, reason: Reason, message: &str) {
        self.reason = Some(reason.as_str().to_owned());
        self.message = Some(shorten(message));
    }

    /// Sets a condition, judged on this generation of the spec.
    pub fn set_condition(&mut self, type_: &str, holds: Holds, reason: Reason, message: &str, generation: Option<i64>) {
        conditions::set(&mut self.conditions, type_, holds, reason, shorten(message), generation);
    }

    /// Says that nothing holds it back any more, where something did.
    pub fn release_held(&mut self, generation: Option<i64>) {
        if self.conditions.iter().any(|condition| condition.type_ == HELD && conditions::is_true(condition)) {
            self.set_condition(HELD, Holds::No, Reason::Released, "", generation);
        }
    }

    /// Says what a step that is running waits for.
    pub fn note_step(&mut self, name: StepName, message: &str) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.name == name) {
            step.message = Some(shorten(message));
        }
    }

    /// Ends a step that is running.
    pub fn finish_step(&mut self, name: StepName, state: StepState, message: Option<&str>) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.name == name) {
            step.state = state;
            step.finished_at = Some(MicroTime(Timestamp::now()));
            step.message = message.map(shorten);
        }
    }

    /// Ends the remediation.
    pub fn end(&mut self, phase: Phase, reason: Reason, message: &str, generation: Option<i64>) {
        self.set_condition(COMPLETE, Holds::Yes, reason, message, generation);
        self.release_held(generation);
        self.explain(reason, message);
        self.error_message = (phase != Phase::Succeeded).then(|| shorten(message));
        self.phase = Some(phase);
        self.approval_deadline = None;
        self.completed_at = Some(MicroTime(Timestamp::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_ends_it_all_texts_are_shortened_and_what_held_it_back_is_released() {
        let (mut status, endless) = (RemediationStatus::default(), "ä".repeat(5_000));
        status.set_condition(HELD, Holds::Yes, Reason::TargetBusy, &endless, Some(1));
        status.end(Phase::Failed, Reason::Forbidden, &endless, Some(1));
        let texts = status.conditions.iter().map(|condition| condition.message.as_str());
        let texts: Vec<&str> = texts.chain(status.message.as_deref()).chain(status.error_message.as_deref()).collect();
        assert_eq!(texts.iter().map(|text| text.chars().count()).collect::<Vec<_>>(), [0, TEXT_LIMIT, TEXT_LIMIT, TEXT_LIMIT]);
        let held = status.conditions.iter().find(|condition| condition.type_ == HELD);
        assert!(held.is_some_and(|held| held.status == "False" && held.reason == "Released"));
        assert!(status.completed_at.is_some() && status.phase == Some(Phase::Failed));
    }
}
