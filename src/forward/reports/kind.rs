//! The kinds of reports that are watched.

use kube::api::{ApiResource, GroupVersionKind};
use serde::{Deserialize, Serialize};

use crate::forward::Tool;

/// A kind of report, by the name that `kubectl get` knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum ReportKind {
    /// Of a namespace; Kyverno's, or whoever's.
    PolicyReports,
    /// Of the cluster.
    ClusterPolicyReports,
    /// The same of openreports.io, which Kyverno can write instead.
    #[serde(rename = "reports.openreports.io")]
    #[value(name = "reports.openreports.io")]
    OpenReports,
    /// The same of openreports.io, of the cluster.
    #[serde(rename = "clusterreports.openreports.io")]
    #[value(name = "clusterreports.openreports.io")]
    ClusterOpenReports,
    /// Of the Trivy Operator.
    VulnerabilityReports,
    /// Of the Trivy Operator, of the cluster.
    ClusterVulnerabilityReports,
}

impl ReportKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PolicyReports,
        Self::ClusterPolicyReports,
        Self::OpenReports,
        Self::ClusterOpenReports,
        Self::VulnerabilityReports,
        Self::ClusterVulnerabilityReports,
    ];

    /// Its name in options, labels and places.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PolicyReports => "policyreports",
            Self::ClusterPolicyReports => "clusterpolicyreports",
            Self::OpenReports => "reports.openreports.io",
            Self::ClusterOpenReports => "clusterreports.openreports.io",
            Self::VulnerabilityReports => "vulnerabilityreports",
            Self::ClusterVulnerabilityReports => "clustervulnerabilityreports",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Who would have sent it.
    pub(super) const fn tool(self) -> Tool {
        match self {
            Self::PolicyReports | Self::ClusterPolicyReports | Self::OpenReports | Self::ClusterOpenReports => Tool::Kyverno,
            Self::VulnerabilityReports | Self::ClusterVulnerabilityReports => Tool::Trivy,
        }
    }

    /// Where the API server has it.
    pub fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = match self {
            Self::PolicyReports => ("wgpolicyk8s.io", "v1alpha2", "PolicyReport", "policyreports"),
            Self::ClusterPolicyReports => ("wgpolicyk8s.io", "v1alpha2", "ClusterPolicyReport", "clusterpolicyreports"),
            Self::OpenReports => ("openreports.io", "v1alpha1", "Report", "reports"),
            Self::ClusterOpenReports => ("openreports.io", "v1alpha1", "ClusterReport", "clusterreports"),
            Self::VulnerabilityReports => ("aquasecurity.github.io", "v1alpha1", "VulnerabilityReport", "vulnerabilityreports"),
            Self::ClusterVulnerabilityReports => {
                ("aquasecurity.github.io", "v1alpha1", "ClusterVulnerabilityReport", "clustervulnerabilityreports")
            }
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn a_kind_has_one_name_everywhere() {
        for kind in ReportKind::ALL {
            assert_eq!(ReportKind::named(kind.as_str()), Some(kind));
            assert_eq!(kind.to_possible_value().unwrap().get_name(), kind.as_str());
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert!(kind.as_str().starts_with(&kind.resource().plural));
        }
        assert_eq!(ReportKind::value_variants(), ReportKind::ALL);
    }
}
