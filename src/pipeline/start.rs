//! Steps 1 to 3, one after another: from pending to claimed, waiting, or refused.

use super::{
    Flow, Pipeline, PipelineError, Planner, claim,
    claim::Claim,
    gate,
    gate::{BUSY_WAIT, Gate},
    run,
    run::{Drawn, Run},
    series::{self, Admission},
};
use crate::remediation::{Phase, Reason};

impl Pipeline {
    /// Takes what is pending as far as it goes.
    pub(super) async fn start(&self, run: &mut Run<'_>) -> Result<Flow, PipelineError> {
        // Nothing new is begun for an object that is being deleted.
        if run.object.metadata.deletion_timestamp.is_some() {
            return Ok(Flow::Rest(None));
        }
        match series::admit(self, &run.object).await.map_err(PipelineError::Read)? {
            Admission::Granted => {}
            Admission::NotYet => return Ok(Flow::Rest(Some(BUSY_WAIT))),
            Admission::Over(why) => {
                self.end(run, Phase::Failed, Reason::SeriesEnded, &why).await.map_err(PipelineError::Save)?;
                return Ok(Flow::Again);
            }
        }
        let began = run::now();
        let target = match self.planner().target(&run.object).await {
            Ok(target) => target,
            Err(error) => return self.refuse(run, error.reason(), error, PipelineError::Plan).await,
        };
        let mut drawn = Drawn::Before;
        if run.plan_for(&target).is_none() {
            match self.planner().draw(&run.object, &target, None).await {
                Ok(drawing) => run.planned(drawing, began),
                Err(error) => return self.refuse(run, error.reason(), error, PipelineError::Plan).await,
            }
            drawn = Drawn::Now;
        }
        let permit = match gate::run(self, run, &target).await {
            Ok(Gate::Open(permit)) => permit,
            Ok(Gate::Wait(next)) => {
                run.save().await.map_err(PipelineError::Save)?;
                return Ok(Flow::Rest(next));
            }
            Err(error) => return self.refuse(run, error.reason(), error, PipelineError::Gate).await,
        };
        match claim::run(self, run, &target, drawn, permit).await {
            Ok(Claim::Made) => Ok(Flow::Again),
            Ok(Claim::PlanChanged) => Ok(Flow::Rest(None)),
            Err(error) => self.refuse(run, error.reason(), error, PipelineError::Claim).await,
        }
    }

    pub(super) fn planner(&self) -> Planner<'_> {
        Planner { client: &self.client, actions: &self.settings.actions, reach: &self.settings.reach, guardrails: self.policy.guardrails() }
    }

    /// Ends a remediation that was not begun, where the error is for good.
    async fn refuse<E: std::error::Error>(
        &self,
        run: &mut Run<'_>,
        reason: Option<Reason>,
        error: E,
        again: impl FnOnce(E) -> PipelineError,
    ) -> Result<Flow, PipelineError> {
        let Some(reason) = reason else { return Err(again(error)) };
        if let Some(wait) = run.refused(reason, &error) {
            run.hold(reason, &error.to_string());
            run.save().await.map_err(PipelineError::Save)?;
            return Ok(Flow::Rest(Some(wait)));
        }
        self.end(run, Phase::Failed, reason, &error.to_string()).await.map_err(PipelineError::Save)?;
        Ok(Flow::Again)
    }
}
