//! The pipeline as the worker pool runs it.

use crate::{
    pipeline::{Pipeline, Progress},
    remediation::Phase,
    worker::{Next, ObjectKey, Process, ProcessError, Processed},
};

pub(super) struct Reconcile(pub(super) Pipeline);

impl Process for Reconcile {
    async fn process(&self, key: ObjectKey) -> Result<Processed, ProcessError> {
        match self.0.reconcile(&key.namespace, &key.name).await {
            Ok(Some(Progress { phase, next })) => Ok(Processed { phase, next: next.map_or(Next::Done, Next::After) }),
            // Deleted since it was queued.
            Ok(None) => Ok(Processed { phase: Phase::Unknown(String::new()), next: Next::Done }),
            Err(error) => Err(ProcessError { category: error.category(), source: error.into() }),
        }
    }
}
