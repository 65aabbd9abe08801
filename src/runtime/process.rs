//! The pipeline as the worker pool runs it.

use crate::{
    pipeline::Pipeline,
    worker::{Next, ObjectKey, Process, ProcessError, Processed},
};

pub(super) struct Reconcile(pub(super) Pipeline);

impl Process for Reconcile {
    async fn process(&self, key: ObjectKey) -> Result<Processed, ProcessError> {
        match self.0.reconcile(&key.namespace, &key.name).await {
            Ok(progress) => Ok(Processed { phase: progress.phase, next: progress.next.map_or(Next::Done, Next::After) }),
            Err(error) => Err(ProcessError { category: error.category(), source: error.into() }),
        }
    }
}
