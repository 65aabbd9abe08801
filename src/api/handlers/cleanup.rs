//! The cleanup that an operator asks for.

use super::Handlers;
use crate::{
    audit,
    contract::v0::{cleanup_remediations, types},
    duration,
    problem::{Code, Problem},
    retention::{Limit, Mode, Sweep, TerminalPhase},
    verify::Verified,
};

impl Handlers {
    pub(super) async fn cleanup(&self, request: Verified<cleanup_remediations::Request>) -> Result<types::CleanupResult, Problem> {
        let (caller, cleanup_remediations::Request { older_than, statuses, dry_run }) = request.into_parts();
        let refused = |detail: String| Problem::new(Code::InvalidParameter, detail);
        let age = duration::parse(&older_than).map_err(|error| refused(format!("The parameter older_than: {error}")))?;
        let statuses = TerminalPhase::parse_list(&statuses)
            .map_err(|_| refused("The parameter statuses is not a list of succeeded, failed and rolled_back.".to_owned()))?;
        let mode = if dry_run { Mode::Preview } else { Mode::Delete };
        let sweep = Sweep { older_than: Limit::Exactly(age), statuses, mode, tenant: Some(caller.tenant.clone()) };
        let report = self.retention.sweep(&sweep).await;
        audit::cleaned(&caller.sender(), &older_than, dry_run, &report);
        if let Some(category) = report.incomplete {
            let detail =
                format!("The remediations could not all be listed; {} were deleted. Send the request again to go on.", report.deleted);
            return Err(Problem { detail: detail.into(), ..Problem::of_category(category) });
        }
        Ok(types::CleanupResult {
            matched: report.matched,
            deleted: report.deleted,
            errors: report.errors,
            skipped_changed: report.changed,
            dry_run,
            older_than,
            statuses: sweep.statuses.into_iter().map(status).collect(),
        })
    }
}

const fn status(phase: TerminalPhase) -> types::Status {
    match phase {
        TerminalPhase::Succeeded => types::Status::Succeeded,
        TerminalPhase::Failed => types::Status::Failed,
        TerminalPhase::RolledBack => types::Status::RolledBack,
    }
}
