//! Why a pass ended early, and whose failed call it was.

use super::{
    api::ApiError, claim::ClaimError, execute::ExecuteError, gate::GateError, plan::PlanError, rollback::RollbackError,
    series::SeriesError, validate::ValidateError,
};
use crate::{category::Category, deadline::PASS};

/// Why a pass ended early; the remediation is to be looked at again.
///
/// What ends a remediation for good is no error here: it is written to the object.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The calls of a pass took too long together; the next one goes on from what is written.
    #[error("the pass was cut off after {} s", PASS.as_secs())]
    Timeout,
    /// The remediation could not be read.
    #[error(transparent)]
    Read(ApiError),
    /// The outcome of a pass was not written.
    #[error(transparent)]
    Save(ApiError),
    /// The target could not be found out.
    #[error(transparent)]
    Plan(PlanError),
    /// The guardrails could not be checked.
    #[error(transparent)]
    Gate(GateError),
    /// It was not claimed.
    #[error(transparent)]
    Claim(ClaimError),
    /// The change was not made.
    #[error(transparent)]
    Execute(ExecuteError),
    /// The effect could not be checked.
    #[error(transparent)]
    Validate(ValidateError),
    /// The change was not undone.
    #[error(transparent)]
    Rollback(RollbackError),
    /// The undo that was asked for could not begin.
    #[error(transparent)]
    Undo(ApiError),
    /// The series of patches could not go on.
    #[error(transparent)]
    Series(SeriesError),
}

impl PipelineError {
    /// The failed call behind it, which says whether it was a conflict, a timeout, or something else;
    /// `None` when a target changed too fast to be written, or when no single call is to blame.
    pub fn call(&self) -> Option<&ApiError> {
        match self {
            Self::Read(error) | Self::Save(error) | Self::Undo(error) | Self::Gate(GateError::Api(error)) => Some(error),
            Self::Gate(GateError::Target(error)) => error.call(),
            Self::Plan(error) | Self::Claim(ClaimError::Plan(error)) => error.call(),
            Self::Claim(ClaimError::Save(error))
            | Self::Execute(ExecuteError::Save(error))
            | Self::Validate(ValidateError::Save(error))
            | Self::Rollback(RollbackError::Save(error)) => Some(error),
            Self::Execute(ExecuteError::Target(error))
            | Self::Validate(ValidateError::Target(error))
            | Self::Rollback(RollbackError::Target(error)) => error.call(),
            Self::Series(SeriesError::Api(error)) => Some(error),
            Self::Timeout | Self::Gate(_) | Self::Series(SeriesError::Contended | SeriesError::NotKept) => None,
        }
    }

    /// What kind of failure it was, which decides when the remediation is looked at again.
    pub fn category(&self) -> Category {
        match self {
            Self::Timeout => Category::Timeout,
            _ => self.call().map_or(Category::Conflict, ApiError::category),
        }
    }
}
