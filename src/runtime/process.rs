//! The pipeline as the worker pool runs it.

use crate::{
    key::ObjectKey,
    pipeline::{Pipeline, Progress},
    worker::{Next, Process, ProcessError, Processed},
};

pub(super) struct Reconcile(pub(super) Pipeline);

impl Process for Reconcile {
    async fn process(&self, key: ObjectKey) -> Result<Option<Processed>, ProcessError> {
        match self.0.reconcile(&key.namespace, &key.name).await {
            Ok(progress) => Ok(progress.map(|Progress { phase, next, wakes }| {
                let next = next.map_or(Next::Done, Next::After);
                Processed { phase, next, wakes }
            })),
            Err(error) => Err(ProcessError { category: error.category(), source: error.into() }),
        }
    }
}
