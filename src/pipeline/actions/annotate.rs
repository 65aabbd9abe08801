//! `annotate`: sets annotations on the target itself. Undone by the annotations' former values.
//!
//! Annotations of Kubernetes' own domains are refused: controllers act on them, such as
//! `deployment.kubernetes.io/revision`
//! (<https://kubernetes.io/docs/reference/labels-annotations-taints/>).

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Act, ActionError, Level, Permission, Reversibility, Site, Subject, Verdict,
    texts::{self, Field, PreviousTexts},
};
use crate::{naming::is_label_key, remediation::Change};

/// Bytes of all annotations of an object together (Kubernetes, `TotalAnnotationSizeLimitB`).
const MAX_BYTES: usize = 256 * 1_024;

/// Parameters of `annotate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnnotateAction {
    /// The annotations to set; none of the domains kubernetes.io and k8s.io.
    pub annotations: BTreeMap<String, String>,
}

/// Whether the key is of a domain that Kubernetes keeps for itself.
pub(super) fn is_kubernetes_own(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    ["kubernetes.io", "k8s.io"].into_iter().any(|own| domain.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

impl Act for AnnotateAction {
    type Previous = PreviousTexts;

    const LEVEL: Level = Level::Itself;
    const PERMISSIONS: &'static [Permission] = texts::PERMISSIONS;
    const REVERSIBILITY: Reversibility = Reversibility::Reversible;

    fn problem(&self) -> Option<String> {
        let keys = || self.annotations.keys();
        if self.annotations.is_empty() {
            return Some("annotate sets no annotation".to_owned());
        }
        if !keys().all(|key| is_label_key(key)) {
            return Some("annotate has a key that Kubernetes does not take".to_owned());
        }
        if let Some(key) = keys().find(|key| is_kubernetes_own(key)) {
            return Some(format!("annotate does not set {key}: controllers act on Kubernetes' own annotations"));
        }
        let bytes: usize = self.annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
        (bytes > MAX_BYTES).then(|| format!("annotate sets more than {MAX_BYTES} bytes"))
    }

    fn prepare(&self, live: &DynamicObject) -> Result<PreviousTexts, ActionError> {
        Ok(Field::Annotations.prepare(&self.annotations, live))
    }

    fn change(&self, subject: Subject<'_>, live: &DynamicObject, previous: &PreviousTexts) -> Result<Option<Change>, ActionError> {
        Ok(Field::Annotations.set(&self.annotations, previous, live)?.map(|patch| subject.patch(None, live, patch)))
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        Field::Annotations.validate(&self.annotations, site).await
    }

    async fn rollback(&self, site: &Site<'_>, previous: &PreviousTexts) -> Result<(), ActionError> {
        Field::Annotations.rollback(&self.annotations, site, previous).await
    }

    fn leftover(&self, subject: Subject<'_>) -> String {
        Field::Annotations.leftover(&self.annotations, subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_that_controllers_of_kubernetes_act_on_are_refused_and_others_are_not() {
        let problem = |key: &str| AnnotateAction { annotations: [(key.to_owned(), "x".to_owned())].into() }.problem();
        for key in
            ["deployment.kubernetes.io/revision", "kubernetes.io/psp", "k8s.io/x", "kubectl.kubernetes.io/restartedAt", "a.b.k8s.io/c"]
        {
            assert!(problem(key).is_some_and(|problem| problem.contains(key)), "{key}");
        }
        for key in ["note", "example.com/note", "zen.kube-zen.io/flagged", "notkubernetes.io/x"] {
            assert_eq!(problem(key), None, "{key}");
        }
        assert!(problem("a b").is_some());
    }
}
