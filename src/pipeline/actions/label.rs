//! `label`: sets labels on the target itself. Undone by the labels' former values.

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Act, ActionError, Level, Permission, Reversibility, Site, Subject, Verdict,
    texts::{self, Field, PreviousTexts},
};
use crate::{
    naming::{is_label_key, is_label_value},
    remediation::Change,
};

/// Parameters of `label`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LabelAction {
    /// The labels to set.
    pub labels: BTreeMap<String, String>,
}

impl Act for LabelAction {
    type Previous = PreviousTexts;

    const LEVEL: Level = Level::Itself;
    const PERMISSIONS: &'static [Permission] = texts::PERMISSIONS;
    const REVERSIBILITY: Reversibility = Reversibility::Reversible;

    fn problem(&self) -> Option<String> {
        if self.labels.is_empty() {
            return Some("label sets no label".to_owned());
        }
        let takes = |(key, value): (&String, &String)| is_label_key(key) && (value.is_empty() || is_label_value(value));
        (!self.labels.iter().all(takes)).then(|| "label has a key or value that Kubernetes does not take".to_owned())
    }

    fn prepare(&self, live: &DynamicObject) -> Result<PreviousTexts, ActionError> {
        Ok(Field::Labels.prepare(&self.labels, live))
    }

    fn change(&self, subject: Subject<'_>, live: &DynamicObject, previous: &PreviousTexts) -> Result<Option<Change>, ActionError> {
        Ok(Field::Labels.set(&self.labels, previous, live)?.map(|patch| subject.patch(None, live, patch)))
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        Field::Labels.validate(&self.labels, site).await
    }

    async fn rollback(&self, site: &Site<'_>, previous: &PreviousTexts) -> Result<(), ActionError> {
        Field::Labels.rollback(&self.labels, site, previous).await
    }

    fn leftover(&self, subject: Subject<'_>) -> String {
        Field::Labels.leftover(&self.labels, subject)
    }
}
