// Generated from contracts/ by build/codegen.rs; do not edit. `ZEN_UPDATE_GENERATED=1 cargo test --test contract` updates it.
/// The contract's types.
pub mod types {
    ///What is to be done.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum ActionName {
        #[serde(rename = "label")]
        Label,
        #[serde(rename = "annotate")]
        Annotate,
        #[serde(rename = "network-quarantine")]
        NetworkQuarantine,
        #[serde(rename = "scale")]
        Scale,
        #[serde(rename = "set-image")]
        SetImage,
        #[serde(rename = "restart")]
        Restart,
        #[serde(rename = "suspend")]
        Suspend,
        #[serde(rename = "delete-pod")]
        DeletePod,
        #[serde(rename = "evict")]
        Evict,
        #[serde(rename = "cordon")]
        Cordon,
        #[serde(rename = "apply")]
        Apply,
    }
    impl ::std::fmt::Display for ActionName {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Label => f.write_str("label"),
                Self::Annotate => f.write_str("annotate"),
                Self::NetworkQuarantine => f.write_str("network-quarantine"),
                Self::Scale => f.write_str("scale"),
                Self::SetImage => f.write_str("set-image"),
                Self::Restart => f.write_str("restart"),
                Self::Suspend => f.write_str("suspend"),
                Self::DeletePod => f.write_str("delete-pod"),
                Self::Evict => f.write_str("evict"),
                Self::Cordon => f.write_str("cordon"),
                Self::Apply => f.write_str("apply"),
            }
        }
    }
    impl ::std::str::FromStr for ActionName {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "label" => Ok(Self::Label),
                "annotate" => Ok(Self::Annotate),
                "network-quarantine" => Ok(Self::NetworkQuarantine),
                "scale" => Ok(Self::Scale),
                "set-image" => Ok(Self::SetImage),
                "restart" => Ok(Self::Restart),
                "suspend" => Ok(Self::Suspend),
                "delete-pod" => Ok(Self::DeletePod),
                "evict" => Ok(Self::Evict),
                "cordon" => Ok(Self::Cordon),
                "apply" => Ok(Self::Apply),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for ActionName {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for ActionName {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///The action's parameters, and no others: `labels` of label; `annotations` of annotate; `replicas` of scale; `containers` and `initContainers` of set-image; `manifest` of apply. The other actions have none.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct ActionParams {
        ///The annotations to set; none of the domains kubernetes.io and k8s.io.
        #[serde(
            default,
            skip_serializing_if = ":: std :: collections :: BTreeMap::is_empty"
        )]
        pub annotations: ::std::collections::BTreeMap<
            ::std::string::String,
            ::std::string::String,
        >,
        ///Images by the names of containers.
        #[serde(
            default,
            skip_serializing_if = ":: std :: collections :: BTreeMap::is_empty"
        )]
        pub containers: ::std::collections::BTreeMap<
            ::std::string::String,
            ::std::string::String,
        >,
        ///Images by the names of init containers.
        #[serde(
            rename = "initContainers",
            default,
            skip_serializing_if = ":: std :: collections :: BTreeMap::is_empty"
        )]
        pub init_containers: ::std::collections::BTreeMap<
            ::std::string::String,
            ::std::string::String,
        >,
        ///The labels to set.
        #[serde(
            default,
            skip_serializing_if = ":: std :: collections :: BTreeMap::is_empty"
        )]
        pub labels: ::std::collections::BTreeMap<
            ::std::string::String,
            ::std::string::String,
        >,
        ///The manifest to apply, YAML or JSON: of the target and nothing else, without status, and of the metadata only name, namespace, labels and annotations. A target that is not there is created.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub manifest: ::std::option::Option<::std::string::String>,
        ///The wanted number of replicas.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub replicas: ::std::option::Option<i32>,
    }
    ///Whether somebody must decide, and who did.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Approval {
        ///When.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub at: ::std::option::Option<crate::DateTime>,
        ///Who decided.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub by: ::std::option::Option<::std::string::String>,
        ///Why.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub reason: ::std::option::Option<::std::string::String>,
        ///Whether it may run.
        pub state: ApprovalState,
    }
    ///Whether it may run.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum ApprovalState {
        #[serde(rename = "not_required")]
        NotRequired,
        #[serde(rename = "waiting")]
        Waiting,
        #[serde(rename = "approved")]
        Approved,
        #[serde(rename = "rejected")]
        Rejected,
    }
    impl ::std::fmt::Display for ApprovalState {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::NotRequired => f.write_str("not_required"),
                Self::Waiting => f.write_str("waiting"),
                Self::Approved => f.write_str("approved"),
                Self::Rejected => f.write_str("rejected"),
            }
        }
    }
    impl ::std::str::FromStr for ApprovalState {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "not_required" => Ok(Self::NotRequired),
                "waiting" => Ok(Self::Waiting),
                "approved" => Ok(Self::Approved),
                "rejected" => Ok(Self::Rejected),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for ApprovalState {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for ApprovalState {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///Which task is not to be carried out, and why.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Cancellation {
        ///The cluster; the one in the token and the client certificate.
        pub cluster_id: ::std::string::String,
        ///The task's.
        pub execution_id: ::std::string::String,
        ///Why; kept on the remediation. More than white space.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub reason: ::std::option::Option<::std::string::String>,
        ///The tenant; the one in the token and the client certificate.
        pub tenant_id: ::std::string::String,
    }
    ///What a cleanup did, or would do.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct CleanupResult {
        ///Deleted; zero in a dry run.
        pub deleted: u64,
        ///Whether nothing was deleted.
        pub dry_run: bool,
        ///Could not be deleted; the agent's log says why.
        pub errors: u64,
        ///Old enough and of a wanted status; those that neither follow nor were kept were being deleted already.
        pub matched: u64,
        ///As asked for.
        pub older_than: ::std::string::String,
        ///Changed since they were read, and so kept.
        pub skipped_changed: u64,
        ///As asked for.
        pub statuses: ::std::vec::Vec<Status>,
    }
    ///A condition in the status of the target, or of an object in its namespace.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct ConditionProbe {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub object: ::std::option::Option<ProbedObject>,
        ///The status that it has to have; `True` when absent.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub status: ::std::option::Option<ConditionProbeStatus>,
        ///The condition's type, such as `Available`.
        #[serde(rename = "type")]
        pub type_: ::std::string::String,
    }
    ///The status that it has to have; `True` when absent.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum ConditionProbeStatus {
        True,
        False,
    }
    impl ::std::fmt::Display for ConditionProbeStatus {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::True => f.write_str("True"),
                Self::False => f.write_str("False"),
            }
        }
    }
    impl ::std::str::FromStr for ConditionProbeStatus {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "True" => Ok(Self::True),
                "False" => Ok(Self::False),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for ConditionProbeStatus {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for ConditionProbeStatus {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///An approver's decision.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Decision {
        ///The plan's digest; where it is sent and the plan is another one by now, nothing is decided.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub plan_digest: ::std::option::Option<::std::string::String>,
        ///Why; kept on the remediation. More than white space.
        pub reason: ::std::string::String,
    }
    ///Events of one cluster.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct EventBatch {
        ///The cluster; the one in the token and the client certificate.
        pub cluster_id: ::std::string::String,
        ///The events.
        pub events: ::std::vec::Vec<SecurityEvent>,
    }
    ///A scalar.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    #[serde(untagged)]
    pub enum Fact {
        String(::std::string::String),
        Number(::serde_json::Number),
        Boolean(bool),
    }
    impl ::std::fmt::Display for Fact {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match self {
                Self::String(x) => x.fmt(f),
                Self::Number(x) => x.fmt(f),
                Self::Boolean(x) => x.fmt(f),
            }
        }
    }
    impl ::std::convert::From<::serde_json::Number> for Fact {
        fn from(value: ::serde_json::Number) -> Self {
            Self::Number(value)
        }
    }
    impl ::std::convert::From<bool> for Fact {
        fn from(value: bool) -> Self {
            Self::Boolean(value)
        }
    }
    ///One event, as Falco (json_output over http_output) and Falcosidekick (webhook) post it. Open to fields that newer releases add.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct FalcoEvent {
        ///The node.
        pub hostname: ::std::string::String,
        ///The text without fields; newer releases, off by default.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
        ///The formatted text; can be switched off.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub output: ::std::option::Option<::std::string::String>,
        ///The fields the rule names, null where Falco knows no value; can be switched off.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub output_fields: ::std::option::Option<
            ::std::collections::BTreeMap<
                ::std::string::String,
                ::std::option::Option<FalcoFieldValue>,
            >,
        >,
        ///Emergency, Alert, Critical, Error, Warning, Notice, Informational (or Info) or Debug, in any case.
        pub priority: ::std::string::String,
        ///The rule that fired, such as `Terminal shell in container`.
        pub rule: ::std::string::String,
        ///What Falco read it from: syscall, k8s_audit, internal, or a plugin.
        pub source: ::std::string::String,
        ///Absent on internal events.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub tags: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        ///When it happened, with nine fractional digits.
        pub time: crate::DateTime,
        ///Made by Falcosidekick at each receipt, so it identifies nothing.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub uuid: ::std::option::Option<::std::string::String>,
    }
    ///A scalar, or the scalars of a list field (`ka.req.pod.containers.image`). Numbers go above 2^53 (`evt.time`).
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    #[serde(untagged)]
    pub enum FalcoFieldValue {
        String(::std::string::String),
        Number(::serde_json::Number),
        Boolean(bool),
        Array(::std::vec::Vec<::std::option::Option<FalcoScalar>>),
    }
    impl ::std::convert::From<::serde_json::Number> for FalcoFieldValue {
        fn from(value: ::serde_json::Number) -> Self {
            Self::Number(value)
        }
    }
    impl ::std::convert::From<bool> for FalcoFieldValue {
        fn from(value: bool) -> Self {
            Self::Boolean(value)
        }
    }
    impl ::std::convert::From<::std::vec::Vec<::std::option::Option<FalcoScalar>>>
    for FalcoFieldValue {
        fn from(value: ::std::vec::Vec<::std::option::Option<FalcoScalar>>) -> Self {
            Self::Array(value)
        }
    }
    ///One value of a list field.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    #[serde(untagged)]
    pub enum FalcoScalar {
        String(::std::string::String),
        Number(::serde_json::Number),
        Boolean(bool),
    }
    impl ::std::fmt::Display for FalcoScalar {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match self {
                Self::String(x) => x.fmt(f),
                Self::Number(x) => x.fmt(f),
                Self::Boolean(x) => x.fmt(f),
            }
        }
    }
    impl ::std::convert::From<::serde_json::Number> for FalcoScalar {
        fn from(value: ::serde_json::Number) -> Self {
            Self::Number(value)
        }
    }
    impl ::std::convert::From<bool> for FalcoScalar {
        fn from(value: bool) -> Self {
            Self::Boolean(value)
        }
    }
    ///A GET that has to be answered as wanted, of what the agent's configuration allows. No redirect is followed.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct HttpProbe {
        ///A text that the body has to hold, in its first 64 KiB.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub contains: ::std::option::Option<::std::string::String>,
        ///The status of the answer; any of 200 to 299 when absent.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub status: ::std::option::Option<i32>,
        ///What is asked for, by http or https, without credentials.
        pub url: ::std::string::String,
    }
    ///Why an event leads to nothing.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum IgnoredReason {
        #[serde(rename = "heartbeat")]
        Heartbeat,
        #[serde(rename = "pass")]
        Pass,
        #[serde(rename = "skip")]
        Skip,
        #[serde(rename = "deleted_report")]
        DeletedReport,
        #[serde(rename = "below_threshold")]
        BelowThreshold,
        #[serde(rename = "observe")]
        Observe,
        #[serde(rename = "no_target")]
        NoTarget,
    }
    impl ::std::fmt::Display for IgnoredReason {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Heartbeat => f.write_str("heartbeat"),
                Self::Pass => f.write_str("pass"),
                Self::Skip => f.write_str("skip"),
                Self::DeletedReport => f.write_str("deleted_report"),
                Self::BelowThreshold => f.write_str("below_threshold"),
                Self::Observe => f.write_str("observe"),
                Self::NoTarget => f.write_str("no_target"),
            }
        }
    }
    impl ::std::str::FromStr for IgnoredReason {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "heartbeat" => Ok(Self::Heartbeat),
                "pass" => Ok(Self::Pass),
                "skip" => Ok(Self::Skip),
                "deleted_report" => Ok(Self::DeletedReport),
                "below_threshold" => Ok(Self::BelowThreshold),
                "observe" => Ok(Self::Observe),
                "no_target" => Ok(Self::NoTarget),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for IgnoredReason {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for IgnoredReason {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///Kubernetes object metadata.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct KyvernoObjectMeta {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub annotations: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, ::std::string::String>,
        >,
        ///Null in objects that were never stored.
        #[serde(
            rename = "creationTimestamp",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub creation_timestamp: ::std::option::Option<crate::DateTime>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub generation: ::std::option::Option<i64>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub labels: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, ::std::string::String>,
        >,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        ///Empty or absent on cluster-scoped kinds.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub namespace: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "ownerReferences",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub owner_references: ::std::option::Option<
            ::std::vec::Vec<KyvernoOwnerReference>,
        >,
        #[serde(
            rename = "resourceVersion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub resource_version: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub uid: ::std::option::Option<::std::string::String>,
    }
    ///An object; fields are empty or absent when unknown.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct KyvernoObjectReference {
        #[serde(
            rename = "apiVersion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub api_version: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub kind: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub namespace: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub uid: ::std::option::Option<::std::string::String>,
    }
    ///The outcome of a rule.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum KyvernoOutcome {
        #[serde(rename = "pass")]
        Pass,
        #[serde(rename = "fail")]
        Fail,
        #[serde(rename = "warn")]
        Warn,
        #[serde(rename = "error")]
        Error,
        #[serde(rename = "skip")]
        Skip,
    }
    impl ::std::fmt::Display for KyvernoOutcome {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Pass => f.write_str("pass"),
                Self::Fail => f.write_str("fail"),
                Self::Warn => f.write_str("warn"),
                Self::Error => f.write_str("error"),
                Self::Skip => f.write_str("skip"),
            }
        }
    }
    impl ::std::str::FromStr for KyvernoOutcome {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "pass" => Ok(Self::Pass),
                "fail" => Ok(Self::Fail),
                "warn" => Ok(Self::Warn),
                "error" => Ok(Self::Error),
                "skip" => Ok(Self::Skip),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for KyvernoOutcome {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for KyvernoOutcome {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///An owner of the report.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct KyvernoOwnerReference {
        #[serde(
            rename = "apiVersion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub api_version: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "blockOwnerDeletion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub block_owner_deletion: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub controller: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub kind: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub uid: ::std::option::Option<::std::string::String>,
    }
    ///What reports Kyverno results: Policy Reporter (webhook target), or the report resources themselves. The first branch one of whose properties (x-select-by-presence) is present applies, else the last. Open to fields that newer releases add.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    #[serde(untagged)]
    pub enum KyvernoPayload {
        PolicyReporterHeartbeat(PolicyReporterHeartbeat),
        KyvernoPolicyReport(KyvernoPolicyReport),
        PolicyReporterResult(PolicyReporterResult),
    }
    impl ::std::convert::From<PolicyReporterHeartbeat> for KyvernoPayload {
        fn from(value: PolicyReporterHeartbeat) -> Self {
            Self::PolicyReporterHeartbeat(value)
        }
    }
    impl ::std::convert::From<KyvernoPolicyReport> for KyvernoPayload {
        fn from(value: KyvernoPolicyReport) -> Self {
            Self::KyvernoPolicyReport(value)
        }
    }
    impl ::std::convert::From<PolicyReporterResult> for KyvernoPayload {
        fn from(value: PolicyReporterResult) -> Self {
            Self::PolicyReporterResult(value)
        }
    }
    ///A report resource with one result per policy rule.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct KyvernoPolicyReport {
        ///`wgpolicyk8s.io/v1alpha2` or `openreports.io/v1alpha1`.
        #[serde(rename = "apiVersion")]
        pub api_version: ::std::string::String,
        pub kind: KyvernoPolicyReportKind,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub metadata: ::std::option::Option<KyvernoObjectMeta>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub results: ::std::option::Option<::std::vec::Vec<KyvernoPolicyReportResult>>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub scope: ::std::option::Option<KyvernoObjectReference>,
        ///Of openreports: the engine, where a result names none.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub source: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub summary: ::std::option::Option<KyvernoPolicyReportSummary>,
    }
    ///`KyvernoPolicyReportKind`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum KyvernoPolicyReportKind {
        PolicyReport,
        ClusterPolicyReport,
        Report,
        ClusterReport,
    }
    impl ::std::fmt::Display for KyvernoPolicyReportKind {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::PolicyReport => f.write_str("PolicyReport"),
                Self::ClusterPolicyReport => f.write_str("ClusterPolicyReport"),
                Self::Report => f.write_str("Report"),
                Self::ClusterReport => f.write_str("ClusterReport"),
            }
        }
    }
    impl ::std::str::FromStr for KyvernoPolicyReportKind {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "PolicyReport" => Ok(Self::PolicyReport),
                "ClusterPolicyReport" => Ok(Self::ClusterPolicyReport),
                "Report" => Ok(Self::Report),
                "ClusterReport" => Ok(Self::ClusterReport),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for KyvernoPolicyReportKind {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for KyvernoPolicyReportKind {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///The outcome of one rule for one object.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct KyvernoPolicyReportResult {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub category: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
        pub policy: ::std::string::String,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub properties: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, ::std::string::String>,
        >,
        ///Kyverno leaves it out and uses the scope. Of several the first is the target, and the fact `more_resources` counts the others.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub resources: ::std::option::Option<::std::vec::Vec<KyvernoObjectReference>>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub result: ::std::option::Option<KyvernoOutcome>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub rule: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub scored: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub severity: ::std::option::Option<KyvernoSeverity>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub source: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub status: ::std::option::Option<KyvernoOutcome>,
        ///Zero when unknown.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub timestamp: ::std::option::Option<KyvernoPolicyReportResultTimestamp>,
    }
    ///Zero when unknown.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct KyvernoPolicyReportResultTimestamp {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub nanos: ::std::option::Option<i32>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub seconds: ::std::option::Option<i64>,
    }
    ///`KyvernoPolicyReportSummary`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct KyvernoPolicyReportSummary {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub error: ::std::option::Option<i64>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub fail: ::std::option::Option<i64>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub pass: ::std::option::Option<i64>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub skip: ::std::option::Option<i64>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub warn: ::std::option::Option<i64>,
    }
    ///critical, high, medium, low or info; empty or absent when the policy names none.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    #[serde(transparent)]
    pub struct KyvernoSeverity(pub ::std::string::String);
    impl ::std::ops::Deref for KyvernoSeverity {
        type Target = ::std::string::String;
        fn deref(&self) -> &::std::string::String {
            &self.0
        }
    }
    impl ::std::convert::From<KyvernoSeverity> for ::std::string::String {
        fn from(value: KyvernoSeverity) -> Self {
            value.0
        }
    }
    impl ::std::convert::From<::std::string::String> for KyvernoSeverity {
        fn from(value: ::std::string::String) -> Self {
            Self(value)
        }
    }
    impl ::std::fmt::Display for KyvernoSeverity {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            self.0.fmt(f)
        }
    }
    impl ::std::str::FromStr for KyvernoSeverity {
        type Err = ::std::convert::Infallible;
        fn from_str(value: &str) -> ::std::result::Result<Self, Self::Err> {
            Ok(Self(value.to_string()))
        }
    }
    ///`created` now, `replayed` because an earlier request with this id created it, or `ignored`.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum Outcome {
        #[serde(rename = "created")]
        Created,
        #[serde(rename = "replayed")]
        Replayed,
        #[serde(rename = "ignored")]
        Ignored,
    }
    impl ::std::fmt::Display for Outcome {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Created => f.write_str("created"),
                Self::Replayed => f.write_str("replayed"),
                Self::Ignored => f.write_str("ignored"),
            }
        }
    }
    impl ::std::str::FromStr for Outcome {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "created" => Ok(Self::Created),
                "replayed" => Ok(Self::Replayed),
                "ignored" => Ok(Self::Ignored),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for Outcome {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for Outcome {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///Keep-alive of Policy Reporter; parameters of its configuration may be added.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct PolicyReporterHeartbeat {
        pub event: PolicyReporterHeartbeatEvent,
        ///When it was sent; nothing depends on it, and it may be empty.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub time: ::std::option::Option<::std::string::String>,
    }
    ///`PolicyReporterHeartbeatEvent`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum PolicyReporterHeartbeatEvent {
        #[serde(rename = "heartbeat")]
        Heartbeat,
    }
    impl ::std::fmt::Display for PolicyReporterHeartbeatEvent {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Heartbeat => f.write_str("heartbeat"),
            }
        }
    }
    impl ::std::str::FromStr for PolicyReporterHeartbeatEvent {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "heartbeat" => Ok(Self::Heartbeat),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for PolicyReporterHeartbeatEvent {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String>
    for PolicyReporterHeartbeatEvent {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///One result, from Policy Reporter's webhook target.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct PolicyReporterResult {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub category: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "creationTimestamp",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub creation_timestamp: ::std::option::Option<crate::DateTime>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
        pub policy: ::std::string::String,
        ///Always empty.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub priority: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub properties: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, ::std::string::String>,
        >,
        pub resource: KyvernoObjectReference,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub rule: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub scored: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub severity: ::std::option::Option<KyvernoSeverity>,
        ///The engine: kyverno, KyvernoValidatingPolicy, …
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub source: ::std::option::Option<::std::string::String>,
        pub status: KyvernoOutcome,
    }
    ///One thing that has to hold; it has a name, and exactly one thing to ask.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Probe {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub condition: ::std::option::Option<ConditionProbe>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub http: ::std::option::Option<HttpProbe>,
        ///Its name, by which conditions and messages speak of it.
        pub name: ::std::string::String,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub prometheus: ::std::option::Option<PrometheusProbe>,
    }
    ///An object in the target's namespace.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct ProbedObject {
        ///Group and version.
        #[serde(rename = "apiVersion")]
        pub api_version: ::std::string::String,
        ///Kind.
        pub kind: ::std::string::String,
        ///Name.
        pub name: ::std::string::String,
    }
    ///A refusal, as RFC 9457 describes.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Problem {
        ///The kind of problem for programs.
        pub code: ProblemCode,
        ///X-Zen-Contract-Version, where it was supported.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub contract_version: ::std::option::Option<::std::string::String>,
        ///What happened and what to do.
        pub detail: ::std::string::String,
        ///X-Request-Id, where it was well-formed.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub request_id: ::std::option::Option<::std::string::String>,
        ///Seconds to wait before the next try.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub retry_after: ::std::option::Option<u64>,
        ///The HTTP status.
        pub status: i64,
        ///The kind of problem in words.
        pub title: ::std::string::String,
        ///A stable URI of this kind of problem.
        #[serde(rename = "type")]
        pub type_: ::std::string::String,
        ///Of a body that breaks its schema, the first 32.
        #[serde(default, skip_serializing_if = "::std::vec::Vec::is_empty")]
        pub violations: ::std::vec::Vec<Violation>,
    }
    ///The kind of problem for programs.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum ProblemCode {
        #[serde(rename = "missing_header")]
        MissingHeader,
        #[serde(rename = "malformed_header")]
        MalformedHeader,
        #[serde(rename = "unsupported_version")]
        UnsupportedVersion,
        #[serde(rename = "version_mismatch")]
        VersionMismatch,
        #[serde(rename = "invalid_token")]
        InvalidToken,
        #[serde(rename = "tenant_mismatch")]
        TenantMismatch,
        #[serde(rename = "cluster_mismatch")]
        ClusterMismatch,
        #[serde(rename = "unsupported_media_type")]
        UnsupportedMediaType,
        #[serde(rename = "body_too_large")]
        BodyTooLarge,
        #[serde(rename = "invalid_signature")]
        InvalidSignature,
        #[serde(rename = "insufficient_role")]
        InsufficientRole,
        #[serde(rename = "invalid_json")]
        InvalidJson,
        #[serde(rename = "invalid_parameter")]
        InvalidParameter,
        #[serde(rename = "schema_violation")]
        SchemaViolation,
        #[serde(rename = "request_id_conflict")]
        RequestIdConflict,
        #[serde(rename = "execution_conflict")]
        ExecutionConflict,
        #[serde(rename = "state_conflict")]
        StateConflict,
        #[serde(rename = "not_found")]
        NotFound,
        #[serde(rename = "method_not_allowed")]
        MethodNotAllowed,
        #[serde(rename = "rate_limited")]
        RateLimited,
        #[serde(rename = "quota_exceeded")]
        QuotaExceeded,
        #[serde(rename = "unavailable")]
        Unavailable,
        #[serde(rename = "internal")]
        Internal,
    }
    impl ::std::fmt::Display for ProblemCode {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::MissingHeader => f.write_str("missing_header"),
                Self::MalformedHeader => f.write_str("malformed_header"),
                Self::UnsupportedVersion => f.write_str("unsupported_version"),
                Self::VersionMismatch => f.write_str("version_mismatch"),
                Self::InvalidToken => f.write_str("invalid_token"),
                Self::TenantMismatch => f.write_str("tenant_mismatch"),
                Self::ClusterMismatch => f.write_str("cluster_mismatch"),
                Self::UnsupportedMediaType => f.write_str("unsupported_media_type"),
                Self::BodyTooLarge => f.write_str("body_too_large"),
                Self::InvalidSignature => f.write_str("invalid_signature"),
                Self::InsufficientRole => f.write_str("insufficient_role"),
                Self::InvalidJson => f.write_str("invalid_json"),
                Self::InvalidParameter => f.write_str("invalid_parameter"),
                Self::SchemaViolation => f.write_str("schema_violation"),
                Self::RequestIdConflict => f.write_str("request_id_conflict"),
                Self::ExecutionConflict => f.write_str("execution_conflict"),
                Self::StateConflict => f.write_str("state_conflict"),
                Self::NotFound => f.write_str("not_found"),
                Self::MethodNotAllowed => f.write_str("method_not_allowed"),
                Self::RateLimited => f.write_str("rate_limited"),
                Self::QuotaExceeded => f.write_str("quota_exceeded"),
                Self::Unavailable => f.write_str("unavailable"),
                Self::Internal => f.write_str("internal"),
            }
        }
    }
    impl ::std::str::FromStr for ProblemCode {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "missing_header" => Ok(Self::MissingHeader),
                "malformed_header" => Ok(Self::MalformedHeader),
                "unsupported_version" => Ok(Self::UnsupportedVersion),
                "version_mismatch" => Ok(Self::VersionMismatch),
                "invalid_token" => Ok(Self::InvalidToken),
                "tenant_mismatch" => Ok(Self::TenantMismatch),
                "cluster_mismatch" => Ok(Self::ClusterMismatch),
                "unsupported_media_type" => Ok(Self::UnsupportedMediaType),
                "body_too_large" => Ok(Self::BodyTooLarge),
                "invalid_signature" => Ok(Self::InvalidSignature),
                "insufficient_role" => Ok(Self::InsufficientRole),
                "invalid_json" => Ok(Self::InvalidJson),
                "invalid_parameter" => Ok(Self::InvalidParameter),
                "schema_violation" => Ok(Self::SchemaViolation),
                "request_id_conflict" => Ok(Self::RequestIdConflict),
                "execution_conflict" => Ok(Self::ExecutionConflict),
                "state_conflict" => Ok(Self::StateConflict),
                "not_found" => Ok(Self::NotFound),
                "method_not_allowed" => Ok(Self::MethodNotAllowed),
                "rate_limited" => Ok(Self::RateLimited),
                "quota_exceeded" => Ok(Self::QuotaExceeded),
                "unavailable" => Ok(Self::Unavailable),
                "internal" => Ok(Self::Internal),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for ProblemCode {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for ProblemCode {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///A query to the Prometheus of the agent's configuration, of which every value has to be as expected.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct PrometheusProbe {
        ///A comparison and a number, such as `< 0.01`; there are <, <=, >, >=, == and !=.
        pub expect: ::std::string::String,
        ///In PromQL; a scalar, or an instant vector that is not empty.
        pub query: ::std::string::String,
    }
    ///What became of each event.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Receipt {
        ///X-Request-Id, as sent.
        pub request_id: ::std::string::String,
        ///In the order of the events.
        pub results: ::std::vec::Vec<ReceiptResult>,
    }
    ///What became of one event.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct ReceiptResult {
        ///The event's place in the body.
        pub index: u64,
        pub outcome: Outcome,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub reason: ::std::option::Option<IgnoredReason>,
        ///The remediation's id; absent when ignored.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub remediation: ::std::option::Option<::std::string::String>,
    }
    ///A wanted change to one object, and what became of it.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Remediation {
        ///What is done, such as `label`, `network-quarantine` or `scale`.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub action: ::std::option::Option<::std::string::String>,
        pub approval: Approval,
        ///When it ended.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub completed_at: ::std::option::Option<crate::DateTime>,
        ///Conditions of the custom resource.
        #[serde(default, skip_serializing_if = "::std::vec::Vec::is_empty")]
        pub conditions: ::std::vec::Vec<RemediationCondition>,
        ///When it was stored.
        pub created_at: crate::DateTime,
        ///The task that led to it.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub execution_id: ::std::option::Option<::std::string::String>,
        ///What the finding said.
        #[serde(
            default,
            skip_serializing_if = ":: std :: collections :: BTreeMap::is_empty"
        )]
        pub facts: ::std::collections::BTreeMap<
            ::std::string::String,
            ::std::string::String,
        >,
        ///The name, or `namespace~name` outside the agent's own namespace.
        pub id: ::std::string::String,
        ///The same for people.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
        ///The custom resource's name.
        pub name: ::std::string::String,
        ///The custom resource's namespace.
        pub namespace: ::std::string::String,
        ///Of what will be done, once that is planned; an approval is given to it.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub plan_digest: ::std::option::Option<::std::string::String>,
        ///The policy's rule that led to it.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub policy_rule: ::std::option::Option<::std::string::String>,
        ///Why it stands there, in one CamelCase word.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub reason: ::std::option::Option<::std::string::String>,
        ///The id that whoever sent the task has for it.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub remediation_id: ::std::option::Option<::std::string::String>,
        ///The request that led to it.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub request_id: ::std::option::Option<::std::string::String>,
        ///The rule, check or policy that fired.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub rule: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub severity: ::std::option::Option<Severity>,
        ///The tool that reported the finding.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub source: ::std::option::Option<::std::string::String>,
        pub status: Status,
        ///What was done, in order.
        pub steps: ::std::vec::Vec<Step>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub target: ::std::option::Option<Target>,
        ///When its status last changed.
        pub updated_at: crate::DateTime,
    }
    ///A condition, as Kubernetes objects have them.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct RemediationCondition {
        ///Since when.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub last_transition_time: ::std::option::Option<crate::DateTime>,
        ///The same for people.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
        ///Why.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub reason: ::std::option::Option<::std::string::String>,
        ///Whether it holds.
        pub status: RemediationConditionStatus,
        ///Which.
        #[serde(rename = "type")]
        pub type_: ::std::string::String,
    }
    ///Whether it holds.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum RemediationConditionStatus {
        True,
        False,
        Unknown,
    }
    impl ::std::fmt::Display for RemediationConditionStatus {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::True => f.write_str("True"),
                Self::False => f.write_str("False"),
                Self::Unknown => f.write_str("Unknown"),
            }
        }
    }
    impl ::std::str::FromStr for RemediationConditionStatus {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "True" => Ok(Self::True),
                "False" => Ok(Self::False),
                "Unknown" => Ok(Self::Unknown),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for RemediationConditionStatus {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for RemediationConditionStatus {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///A page.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct RemediationList {
        ///Asks for the next page; absent on the last.
        #[serde(
            rename = "continue",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub continue_: ::std::option::Option<::std::string::String>,
        ///The remediations.
        pub items: ::std::vec::Vec<Remediation>,
    }
    ///One finding, in the words all tools share.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct SecurityEvent {
        ///What policy may look at and people may want to see; a name has at most 128 characters.
        #[serde(
            default,
            skip_serializing_if = ":: std :: collections :: BTreeMap::is_empty"
        )]
        pub facts: ::std::collections::BTreeMap<::std::string::String, Fact>,
        ///Where the full report is.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub reference: ::std::option::Option<::std::string::String>,
        ///The rule, check or policy that fired.
        pub rule: ::std::string::String,
        pub severity: Severity,
        ///The tool.
        pub source: ::std::string::String,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub target: ::std::option::Option<Target>,
        ///When it happened.
        pub time: crate::DateTime,
    }
    ///How bad it is, worst first.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum Severity {
        #[serde(rename = "critical")]
        Critical,
        #[serde(rename = "high")]
        High,
        #[serde(rename = "medium")]
        Medium,
        #[serde(rename = "low")]
        Low,
        #[serde(rename = "info")]
        Info,
    }
    impl ::std::fmt::Display for Severity {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Critical => f.write_str("critical"),
                Self::High => f.write_str("high"),
                Self::Medium => f.write_str("medium"),
                Self::Low => f.write_str("low"),
                Self::Info => f.write_str("info"),
            }
        }
    }
    impl ::std::str::FromStr for Severity {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "critical" => Ok(Self::Critical),
                "high" => Ok(Self::High),
                "medium" => Ok(Self::Medium),
                "low" => Ok(Self::Low),
                "info" => Ok(Self::Info),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for Severity {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for Severity {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///Where a remediation stands; `unknown` is one that another program wrote.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum Status {
        #[serde(rename = "pending")]
        Pending,
        #[serde(rename = "in_progress")]
        InProgress,
        #[serde(rename = "succeeded")]
        Succeeded,
        #[serde(rename = "failed")]
        Failed,
        #[serde(rename = "rolled_back")]
        RolledBack,
        #[serde(rename = "unknown")]
        Unknown,
    }
    impl ::std::fmt::Display for Status {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Pending => f.write_str("pending"),
                Self::InProgress => f.write_str("in_progress"),
                Self::Succeeded => f.write_str("succeeded"),
                Self::Failed => f.write_str("failed"),
                Self::RolledBack => f.write_str("rolled_back"),
                Self::Unknown => f.write_str("unknown"),
            }
        }
    }
    impl ::std::str::FromStr for Status {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "pending" => Ok(Self::Pending),
                "in_progress" => Ok(Self::InProgress),
                "succeeded" => Ok(Self::Succeeded),
                "failed" => Ok(Self::Failed),
                "rolled_back" => Ok(Self::RolledBack),
                "unknown" => Ok(Self::Unknown),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for Status {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for Status {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///A step of the pipeline.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Step {
        ///How often it was begun.
        pub attempts: u64,
        ///When it ended.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub finished_at: ::std::option::Option<crate::DateTime>,
        ///What it found, for people.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
        ///Which.
        pub name: StepName,
        ///When it was first begun.
        pub started_at: crate::DateTime,
        ///How far.
        pub state: StepState,
    }
    ///Which.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum StepName {
        #[serde(rename = "plan")]
        Plan,
        #[serde(rename = "execute")]
        Execute,
        #[serde(rename = "validate")]
        Validate,
        #[serde(rename = "rollback")]
        Rollback,
    }
    impl ::std::fmt::Display for StepName {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Plan => f.write_str("plan"),
                Self::Execute => f.write_str("execute"),
                Self::Validate => f.write_str("validate"),
                Self::Rollback => f.write_str("rollback"),
            }
        }
    }
    impl ::std::str::FromStr for StepName {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "plan" => Ok(Self::Plan),
                "execute" => Ok(Self::Execute),
                "validate" => Ok(Self::Validate),
                "rollback" => Ok(Self::Rollback),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for StepName {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for StepName {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///How far.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum StepState {
        #[serde(rename = "running")]
        Running,
        #[serde(rename = "succeeded")]
        Succeeded,
        #[serde(rename = "failed")]
        Failed,
    }
    impl ::std::fmt::Display for StepState {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Running => f.write_str("running"),
                Self::Succeeded => f.write_str("succeeded"),
                Self::Failed => f.write_str("failed"),
            }
        }
    }
    impl ::std::str::FromStr for StepState {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "running" => Ok(Self::Running),
                "succeeded" => Ok(Self::Succeeded),
                "failed" => Ok(Self::Failed),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for StepState {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for StepState {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///A Kubernetes object.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Target {
        ///Group and version, such as `v1` or `apps/v1`.
        #[serde(rename = "apiVersion")]
        pub api_version: ::std::string::String,
        ///Kind, such as `Pod`.
        pub kind: ::std::string::String,
        ///Name.
        pub name: ::std::string::String,
        ///Absent for cluster-scoped kinds.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub namespace: ::std::option::Option<::std::string::String>,
        ///The uid that the reporter saw; an object with another is left alone.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub uid: ::std::option::Option<::std::string::String>,
    }
    ///A remediation that was decided on elsewhere.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Task {
        pub action: ActionName,
        ///The cluster; the one in the token and the client certificate.
        pub cluster_id: ::std::string::String,
        ///This execution's id, which the tenant gives once.
        pub execution_id: ::std::string::String,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub params: ::std::option::Option<ActionParams>,
        ///The remediation's id at the sender.
        pub remediation_id: ::std::string::String,
        ///Not before this time, at which the agent carries it out by itself.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub scheduled_time: ::std::option::Option<crate::DateTime>,
        pub target: Target,
        ///The tenant; the one in the token and the client certificate.
        pub tenant_id: ::std::string::String,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub verification: ::std::option::Option<Verification>,
    }
    ///`created` now, or `replayed` because the same task had created it.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum TaskOutcome {
        #[serde(rename = "created")]
        Created,
        #[serde(rename = "replayed")]
        Replayed,
    }
    impl ::std::fmt::Display for TaskOutcome {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Created => f.write_str("created"),
                Self::Replayed => f.write_str("replayed"),
            }
        }
    }
    impl ::std::str::FromStr for TaskOutcome {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "created" => Ok(Self::Created),
                "replayed" => Ok(Self::Replayed),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for TaskOutcome {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for TaskOutcome {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///What became of a task.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct TaskReceipt {
        ///The task's.
        pub execution_id: ::std::string::String,
        pub outcome: TaskOutcome,
        ///The remediation's id.
        pub remediation: ::std::string::String,
        ///X-Request-Id, as sent.
        pub request_id: ::std::string::String,
    }
    ///One check of one resource.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCheck {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub category: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "checkID",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub check_id: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub description: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub messages: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub remediation: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub scope: ::std::option::Option<TrivyCheckScope>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub severity: ::std::option::Option<TrivySeverity>,
        ///Whether the resource passes.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub success: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub title: ::std::option::Option<::std::string::String>,
    }
    ///`TrivyCheckScope`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCheckScope {
        #[serde(rename = "type", skip_serializing_if = "::std::option::Option::is_none")]
        pub type_: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub value: ::std::option::Option<::std::string::String>,
    }
    ///A license of a package or file.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCliLicense {
        #[serde(
            rename = "Category",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub category: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Confidence",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub confidence: ::std::option::Option<::serde_json::Number>,
        #[serde(
            rename = "FilePath",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub file_path: ::std::option::Option<::std::string::String>,
        #[serde(rename = "Link", skip_serializing_if = "::std::option::Option::is_none")]
        pub link: ::std::option::Option<::std::string::String>,
        #[serde(rename = "Name", skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "PkgName",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub pkg_name: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Severity",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub severity: ::std::option::Option<::std::string::String>,
    }
    ///About the artifact.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCliMetadata {
        #[serde(
            rename = "DiffIDs",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub diff_i_ds: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        ///The OCI image configuration, as it is.
        #[serde(
            rename = "ImageConfig",
            default,
            skip_serializing_if = "::serde_json::Map::is_empty"
        )]
        pub image_config: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
        #[serde(
            rename = "ImageID",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub image_id: ::std::option::Option<::std::string::String>,
        #[serde(rename = "OS", skip_serializing_if = "::std::option::Option::is_none")]
        pub os: ::std::option::Option<TrivyCliMetadataOs>,
        #[serde(
            rename = "RepoDigests",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub repo_digests: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        #[serde(
            rename = "RepoTags",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub repo_tags: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        #[serde(rename = "Size", skip_serializing_if = "::std::option::Option::is_none")]
        pub size: ::std::option::Option<i64>,
    }
    ///`TrivyCliMetadataOs`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCliMetadataOs {
        #[serde(rename = "EOSL", skip_serializing_if = "::std::option::Option::is_none")]
        pub eosl: ::std::option::Option<bool>,
        #[serde(
            rename = "Family",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub family: ::std::option::Option<::std::string::String>,
        #[serde(rename = "Name", skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
    }
    ///One check of one file.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCliMisconfiguration {
        #[serde(
            rename = "AVDID",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub avdid: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "CauseMetadata",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub cause_metadata: ::std::option::Option<TrivyCliMisconfigurationCauseMetadata>,
        #[serde(
            rename = "Description",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub description: ::std::option::Option<::std::string::String>,
        #[serde(rename = "ID", skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Message",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub message: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Namespace",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub namespace: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "PrimaryURL",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub primary_url: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Query",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub query: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "References",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub references: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        #[serde(
            rename = "Resolution",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub resolution: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Severity",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub severity: ::std::option::Option<::std::string::String>,
        ///PASS, FAIL or EXCEPTION.
        #[serde(
            rename = "Status",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub status: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Title",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub title: ::std::option::Option<::std::string::String>,
        #[serde(rename = "Type", skip_serializing_if = "::std::option::Option::is_none")]
        pub type_: ::std::option::Option<::std::string::String>,
    }
    ///`TrivyCliMisconfigurationCauseMetadata`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCliMisconfigurationCauseMetadata {
        #[serde(
            rename = "EndLine",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub end_line: ::std::option::Option<i64>,
        #[serde(
            rename = "Provider",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub provider: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Resource",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub resource: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Service",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub service: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "StartLine",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub start_line: ::std::option::Option<i64>,
    }
    ///`trivy --format json`. It names no Kubernetes object. Trivy leaves Results out where it has none: such a report is refused, and there is nothing in it to send.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct TrivyCliReport {
        #[serde(
            rename = "ArtifactID",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub artifact_id: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "ArtifactName",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub artifact_name: ::std::option::Option<::std::string::String>,
        ///container_image, filesystem, repository, vm, cyclonedx, spdx, …
        #[serde(
            rename = "ArtifactType",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub artifact_type: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "CreatedAt",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub created_at: ::std::option::Option<crate::DateTime>,
        #[serde(
            rename = "Metadata",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub metadata: ::std::option::Option<TrivyCliMetadata>,
        #[serde(
            rename = "ReportID",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub report_id: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Results",
            deserialize_with = "::std::option::Option::deserialize"
        )]
        pub results: ::std::option::Option<::std::vec::Vec<TrivyCliResult>>,
        ///2 in current releases.
        #[serde(rename = "SchemaVersion")]
        pub schema_version: i64,
        #[serde(
            rename = "Trivy",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub trivy: ::std::option::Option<TrivyCliReportTrivy>,
    }
    ///`TrivyCliReportTrivy`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCliReportTrivy {
        #[serde(
            rename = "Version",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub version: ::std::option::Option<::std::string::String>,
    }
    ///The findings in one target and of one class.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCliResult {
        ///os-pkgs, lang-pkgs, config, secret, license, license-file, custom
        #[serde(
            rename = "Class",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub class: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Licenses",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub licenses: ::std::option::Option<::std::vec::Vec<TrivyCliLicense>>,
        #[serde(
            rename = "MisconfSummary",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub misconf_summary: ::std::option::Option<TrivyCliResultMisconfSummary>,
        #[serde(
            rename = "Misconfigurations",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub misconfigurations: ::std::option::Option<
            ::std::vec::Vec<TrivyCliMisconfiguration>,
        >,
        #[serde(
            rename = "Secrets",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub secrets: ::std::option::Option<::std::vec::Vec<TrivyCliSecret>>,
        #[serde(
            rename = "Target",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub target: ::std::option::Option<::std::string::String>,
        #[serde(rename = "Type", skip_serializing_if = "::std::option::Option::is_none")]
        pub type_: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Vulnerabilities",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub vulnerabilities: ::std::option::Option<
            ::std::vec::Vec<TrivyCliVulnerability>,
        >,
    }
    ///`TrivyCliResultMisconfSummary`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCliResultMisconfSummary {
        #[serde(
            rename = "Exceptions",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub exceptions: ::std::option::Option<i64>,
        #[serde(
            rename = "Failures",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub failures: ::std::option::Option<i64>,
        #[serde(
            rename = "Successes",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub successes: ::std::option::Option<i64>,
    }
    ///A secret in a file.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCliSecret {
        #[serde(
            rename = "Category",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub category: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "EndLine",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub end_line: ::std::option::Option<i64>,
        ///Already masked by Trivy.
        #[serde(
            rename = "Match",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub match_: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "RuleID",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub rule_id: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Severity",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub severity: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "StartLine",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub start_line: ::std::option::Option<i64>,
        #[serde(
            rename = "Title",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub title: ::std::option::Option<::std::string::String>,
    }
    ///One vulnerability of one package.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCliVulnerability {
        ///By vendor.
        #[serde(rename = "CVSS", skip_serializing_if = "::std::option::Option::is_none")]
        pub cvss: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, TrivyCvss>,
        >,
        #[serde(
            rename = "Description",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub description: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Fingerprint",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub fingerprint: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "FixedVersion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub fixed_version: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "InstalledVersion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub installed_version: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "LastModifiedDate",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub last_modified_date: ::std::option::Option<crate::DateTime>,
        #[serde(
            rename = "PkgID",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub pkg_id: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "PkgIdentifier",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub pkg_identifier: ::std::option::Option<TrivyCliVulnerabilityPkgIdentifier>,
        #[serde(
            rename = "PkgName",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub pkg_name: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "PkgPath",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub pkg_path: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "PrimaryURL",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub primary_url: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "PublishedDate",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub published_date: ::std::option::Option<crate::DateTime>,
        #[serde(
            rename = "Severity",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub severity: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Status",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub status: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "Title",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub title: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "VulnerabilityID",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub vulnerability_id: ::std::option::Option<::std::string::String>,
    }
    ///`TrivyCliVulnerabilityPkgIdentifier`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCliVulnerabilityPkgIdentifier {
        #[serde(
            rename = "BOMRef",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub bom_ref: ::std::option::Option<::std::string::String>,
        #[serde(rename = "PURL", skip_serializing_if = "::std::option::Option::is_none")]
        pub purl: ::std::option::Option<::std::string::String>,
        #[serde(rename = "UID", skip_serializing_if = "::std::option::Option::is_none")]
        pub uid: ::std::option::Option<::std::string::String>,
    }
    ///ClusterComplianceReport, the one kind with `status` in place of `report`; it is about the cluster, not an object.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct TrivyComplianceReport {
        #[serde(rename = "apiVersion")]
        pub api_version: ::std::string::String,
        pub kind: ::std::string::String,
        pub metadata: TrivyObjectMeta,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub spec: ::std::option::Option<TrivyComplianceReportSpec>,
        pub status: TrivyComplianceStatus,
    }
    ///What is checked.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyComplianceReportSpec {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cron: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "reportType",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub report_type: ::std::option::Option<::std::string::String>,
    }
    ///The outcome; its details are open.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyComplianceStatus {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub summary: ::std::option::Option<TrivyComplianceStatusSummary>,
        #[serde(
            rename = "updateTimestamp",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub update_timestamp: ::std::option::Option<crate::DateTime>,
    }
    ///Controls, by outcome.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyComplianceStatusSummary {
        #[serde(
            rename = "failCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub fail_count: ::std::option::Option<i64>,
        #[serde(
            rename = "passCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub pass_count: ::std::option::Option<i64>,
    }
    ///Scores of one vendor.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyCvss {
        #[serde(
            rename = "V2Score",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub v2_score: ::std::option::Option<::serde_json::Number>,
        #[serde(
            rename = "V2Vector",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub v2_vector: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "V3Score",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub v3_score: ::std::option::Option<::serde_json::Number>,
        #[serde(
            rename = "V3Vector",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub v3_vector: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "V40Score",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub v40_score: ::std::option::Option<::serde_json::Number>,
        #[serde(
            rename = "V40Vector",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub v40_vector: ::std::option::Option<::std::string::String>,
    }
    ///A secret found in an image.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyExposedSecret {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub category: ::std::option::Option<::std::string::String>,
        ///Already masked by Trivy.
        #[serde(
            rename = "match",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub match_: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "ruleID",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub rule_id: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub severity: ::std::option::Option<TrivySeverity>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub target: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub title: ::std::option::Option<::std::string::String>,
    }
    ///Kubernetes object metadata.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct TrivyObjectMeta {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub annotations: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, ::std::string::String>,
        >,
        ///Null in objects that were never stored.
        #[serde(
            rename = "creationTimestamp",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub creation_timestamp: ::std::option::Option<crate::DateTime>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub generation: ::std::option::Option<i64>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub labels: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, ::std::string::String>,
        >,
        pub name: ::std::string::String,
        ///Empty or absent on cluster-scoped kinds.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub namespace: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "ownerReferences",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub owner_references: ::std::option::Option<
            ::std::vec::Vec<TrivyOwnerReference>,
        >,
        #[serde(
            rename = "resourceVersion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub resource_version: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub uid: ::std::option::Option<::std::string::String>,
    }
    ///The form with deletions switched on.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct TrivyOperatorEnvelope {
        #[serde(rename = "operatorObject")]
        pub operator_object: TrivyOperatorObject,
        ///What happened to the report.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub verb: ::std::option::Option<TrivyOperatorEnvelopeVerb>,
    }
    ///What happened to the report.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum TrivyOperatorEnvelopeVerb {
        #[serde(rename = "update")]
        Update,
        #[serde(rename = "delete")]
        Delete,
    }
    impl ::std::fmt::Display for TrivyOperatorEnvelopeVerb {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Update => f.write_str("update"),
                Self::Delete => f.write_str("delete"),
            }
        }
    }
    impl ::std::str::FromStr for TrivyOperatorEnvelopeVerb {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "update" => Ok(Self::Update),
                "delete" => Ok(Self::Delete),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for TrivyOperatorEnvelopeVerb {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for TrivyOperatorEnvelopeVerb {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///A report resource.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    #[serde(untagged)]
    pub enum TrivyOperatorObject {
        ComplianceReport(TrivyComplianceReport),
        OperatorReport(TrivyOperatorReport),
    }
    impl ::std::convert::From<TrivyComplianceReport> for TrivyOperatorObject {
        fn from(value: TrivyComplianceReport) -> Self {
            Self::ComplianceReport(value)
        }
    }
    impl ::std::convert::From<TrivyOperatorReport> for TrivyOperatorObject {
        fn from(value: TrivyOperatorReport) -> Self {
            Self::OperatorReport(value)
        }
    }
    ///A custom resource of the Trivy Operator.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct TrivyOperatorReport {
        ///`aquasecurity.github.io/v1alpha1`.
        #[serde(rename = "apiVersion")]
        pub api_version: ::std::string::String,
        ///Such as VulnerabilityReport or ConfigAuditReport.
        pub kind: ::std::string::String,
        pub metadata: TrivyObjectMeta,
        pub report: TrivyReportData,
    }
    ///An owner of the report.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyOwnerReference {
        #[serde(
            rename = "apiVersion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub api_version: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "blockOwnerDeletion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub block_owner_deletion: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub controller: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub kind: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub uid: ::std::option::Option<::std::string::String>,
    }
    ///What the Trivy Operator webhook and `trivy --format json` send. The first branch one of whose properties (x-select-by-presence) is present applies, else the last. Open to fields that newer releases add.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    #[serde(untagged)]
    pub enum TrivyPayload {
        OperatorEnvelope(TrivyOperatorEnvelope),
        CliReport(TrivyCliReport),
        ComplianceReport(TrivyComplianceReport),
        OperatorReport(TrivyOperatorReport),
    }
    impl ::std::convert::From<TrivyOperatorEnvelope> for TrivyPayload {
        fn from(value: TrivyOperatorEnvelope) -> Self {
            Self::OperatorEnvelope(value)
        }
    }
    impl ::std::convert::From<TrivyCliReport> for TrivyPayload {
        fn from(value: TrivyCliReport) -> Self {
            Self::CliReport(value)
        }
    }
    impl ::std::convert::From<TrivyComplianceReport> for TrivyPayload {
        fn from(value: TrivyComplianceReport) -> Self {
            Self::ComplianceReport(value)
        }
    }
    impl ::std::convert::From<TrivyOperatorReport> for TrivyPayload {
        fn from(value: TrivyOperatorReport) -> Self {
            Self::OperatorReport(value)
        }
    }
    ///The findings; which lists are there depends on the kind.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyReportData {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub artifact: ::std::option::Option<TrivyReportDataArtifact>,
        ///Of the audit and assessment reports.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub checks: ::std::option::Option<::std::vec::Vec<TrivyCheck>>,
        ///Of SbomReport: a CycloneDX document.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub components: ::std::option::Option<TrivyReportDataComponents>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub os: ::std::option::Option<TrivyReportDataOs>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub registry: ::std::option::Option<TrivyReportDataRegistry>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub scanner: ::std::option::Option<TrivyReportDataScanner>,
        ///Of ExposedSecretReport.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub secrets: ::std::option::Option<::std::vec::Vec<TrivyExposedSecret>>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub summary: ::std::option::Option<TrivySummary>,
        ///Null when the operator knows none.
        #[serde(
            rename = "updateTimestamp",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub update_timestamp: ::std::option::Option<crate::DateTime>,
        ///Of VulnerabilityReport.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub vulnerabilities: ::std::option::Option<::std::vec::Vec<TrivyVulnerability>>,
    }
    ///`TrivyReportDataArtifact`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyReportDataArtifact {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub digest: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "mimeType",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub mime_type: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub repository: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub tag: ::std::option::Option<::std::string::String>,
    }
    ///Of SbomReport: a CycloneDX document.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyReportDataComponents {
        #[serde(
            rename = "bomFormat",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub bom_format: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "serialNumber",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub serial_number: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "specVersion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub spec_version: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub version: ::std::option::Option<i64>,
    }
    ///`TrivyReportDataOs`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyReportDataOs {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub eosl: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub family: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
    }
    ///`TrivyReportDataRegistry`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyReportDataRegistry {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub server: ::std::option::Option<::std::string::String>,
    }
    ///`TrivyReportDataScanner`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyReportDataScanner {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub vendor: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub version: ::std::option::Option<::std::string::String>,
    }
    ///As the operator writes it.
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum TrivySeverity {
        #[serde(rename = "CRITICAL")]
        Critical,
        #[serde(rename = "HIGH")]
        High,
        #[serde(rename = "MEDIUM")]
        Medium,
        #[serde(rename = "LOW")]
        Low,
        #[serde(rename = "UNKNOWN")]
        Unknown,
        #[serde(rename = "NONE")]
        None,
    }
    impl ::std::fmt::Display for TrivySeverity {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Critical => f.write_str("CRITICAL"),
                Self::High => f.write_str("HIGH"),
                Self::Medium => f.write_str("MEDIUM"),
                Self::Low => f.write_str("LOW"),
                Self::Unknown => f.write_str("UNKNOWN"),
                Self::None => f.write_str("NONE"),
            }
        }
    }
    impl ::std::str::FromStr for TrivySeverity {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "CRITICAL" => Ok(Self::Critical),
                "HIGH" => Ok(Self::High),
                "MEDIUM" => Ok(Self::Medium),
                "LOW" => Ok(Self::Low),
                "UNKNOWN" => Ok(Self::Unknown),
                "NONE" => Ok(Self::None),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for TrivySeverity {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for TrivySeverity {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///Findings by severity; of an SbomReport, its sizes.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivySummary {
        #[serde(
            rename = "componentsCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub components_count: ::std::option::Option<i64>,
        #[serde(
            rename = "criticalCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub critical_count: ::std::option::Option<i64>,
        #[serde(
            rename = "dependenciesCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub dependencies_count: ::std::option::Option<i64>,
        #[serde(
            rename = "highCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub high_count: ::std::option::Option<i64>,
        #[serde(
            rename = "lowCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub low_count: ::std::option::Option<i64>,
        #[serde(
            rename = "mediumCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub medium_count: ::std::option::Option<i64>,
        #[serde(
            rename = "noneCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub none_count: ::std::option::Option<i64>,
        #[serde(
            rename = "unknownCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub unknown_count: ::std::option::Option<i64>,
    }
    ///One vulnerability of one package.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
    pub struct TrivyVulnerability {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub class: ::std::option::Option<::std::string::String>,
        ///By vendor.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cvss: ::std::option::Option<
            ::std::collections::BTreeMap<::std::string::String, TrivyCvss>,
        >,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub description: ::std::option::Option<::std::string::String>,
        ///A package version, never an image tag; empty when there is none.
        #[serde(
            rename = "fixedVersion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub fixed_version: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "installedVersion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub installed_version: ::std::option::Option<::std::string::String>,
        ///Empty when unknown.
        #[serde(
            rename = "lastModifiedDate",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub last_modified_date: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub links: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        #[serde(
            rename = "packagePath",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub package_path: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "packagePURL",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub package_purl: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "packageType",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub package_type: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "primaryLink",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub primary_link: ::std::option::Option<::std::string::String>,
        ///Empty when unknown.
        #[serde(
            rename = "publishedDate",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub published_date: ::std::option::Option<::std::string::String>,
        ///The package.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub resource: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub score: ::std::option::Option<::serde_json::Number>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub severity: ::std::option::Option<TrivySeverity>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub target: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub title: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "vulnerabilityID",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub vulnerability_id: ::std::option::Option<::std::string::String>,
    }
    ///What has to hold after the action's effect was seen, or the change is undone; what cannot be undone, such as a restart, ends failed.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Verification {
        ///How often one probe may not be asked, or not answer; 3 when absent.
        #[serde(
            rename = "errorLimit",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub error_limit: ::std::option::Option<i32>,
        ///Failures of one probe that are forgiven; none when absent.
        #[serde(
            rename = "failureLimit",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub failure_limit: ::std::option::Option<i32>,
        ///Answers of one probe that say nothing and are forgiven; none when absent.
        #[serde(
            rename = "inconclusiveLimit",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub inconclusive_limit: ::std::option::Option<i32>,
        ///From the effect to the first answer; 0 when absent.
        #[serde(
            rename = "initialDelaySeconds",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub initial_delay_seconds: ::std::option::Option<i32>,
        ///From one answer to the next; 10 when absent.
        #[serde(
            rename = "intervalSeconds",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub interval_seconds: ::std::option::Option<i32>,
        ///What is asked; all of them have to pass.
        pub probes: ::std::vec::Vec<Probe>,
        ///How long all probes have to pass without another answer; once is enough when absent.
        #[serde(
            rename = "soakSeconds",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub soak_seconds: ::std::option::Option<i32>,
        ///From the effect to the end of all patience, when the change is undone; 300 when absent. More than what initialDelaySeconds, and a round each intervalSeconds until soakSeconds are over, take.
        #[serde(
            rename = "timeoutSeconds",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub timeout_seconds: ::std::option::Option<i32>,
    }
    ///A place where the body breaks its schema.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Violation {
        ///What the schema asks for there; never what was sent.
        pub message: ::std::string::String,
        ///RFC 6901 pointer into the body.
        pub pointer: ::std::string::String,
    }
    /// Error types.
    pub mod error {
        /// Error from a `TryFrom` or `FromStr` implementation.
        pub struct ConversionError(::std::borrow::Cow<'static, str>);
        impl ::std::error::Error for ConversionError {}
        impl ::std::fmt::Display for ConversionError {
            fn fmt(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> Result<(), ::std::fmt::Error> {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }
        impl ::std::fmt::Debug for ConversionError {
            fn fmt(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> Result<(), ::std::fmt::Error> {
                ::std::fmt::Debug::fmt(&self.0, f)
            }
        }
        impl From<&'static str> for ConversionError {
            fn from(value: &'static str) -> Self {
                Self(value.into())
            }
        }
        impl From<String> for ConversionError {
            fn from(value: String) -> Self {
                Self(value.into())
            }
        }
    }
}
#[allow(unused_imports)]
pub use progenitor_client::{ByteStream, ClientInfo, Error, ResponseValue};
#[allow(unused_imports)]
use progenitor_client::{encode_path, ClientHooks, OperationInfo, RequestBuilderExt};
#[derive(Clone, Debug)]
/**Client for Zen-Agent API

Takes signed security events and shows what became of them. Stable: no change breaks a client. Every request carries a client certificate, a bearer token, and a signature over its exact bytes. A body is JSON, or the message of contracts/proto that x-protobuf-message names and that stands for the same JSON; an answer is JSON.

Version: 0.2.0*/
pub struct Client {
    pub(crate) baseurl: String,
    pub(crate) client: reqwest::Client,
    pub(crate) inner: crate::Session,
}
impl Client {
    /// Create a new client.
    ///
    /// `baseurl` is the base URL provided to the internal
    /// `reqwest::Client`, and should include a scheme and hostname,
    /// as well as port and a path stem if applicable.
    pub fn new(baseurl: &str, inner: crate::Session) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        let client = {
            let dur = ::std::time::Duration::from_secs(15u64);
            reqwest::ClientBuilder::new().connect_timeout(dur).timeout(dur)
        };
        #[cfg(target_arch = "wasm32")]
        let client = reqwest::ClientBuilder::new();
        Self::new_with_client(baseurl, client.build().unwrap(), inner)
    }
    /// Construct a new client with an existing `reqwest::Client`,
    /// allowing more control over its configuration.
    ///
    /// `baseurl` is the base URL provided to the internal
    /// `reqwest::Client`, and should include a scheme and hostname,
    /// as well as port and a path stem if applicable.
    pub fn new_with_client(
        baseurl: &str,
        client: reqwest::Client,
        inner: crate::Session,
    ) -> Self {
        Self {
            baseurl: baseurl.to_string(),
            client,
            inner,
        }
    }
}
impl ClientInfo<crate::Session> for Client {
    fn api_version() -> &'static str {
        "0.2.0"
    }
    fn baseurl(&self) -> &str {
        self.baseurl.as_str()
    }
    fn client(&self) -> &reqwest::Client {
        &self.client
    }
    fn inner(&self) -> &crate::Session {
        &self.inner
    }
}
impl ClientHooks<crate::Session> for &Client {}
#[allow(clippy::all)]
impl Client {
    /**Carry out a task

Takes a task that was decided on elsewhere: it counts as approved by the sender, and the guardrails of the agent hold for it as for what an approver let run. Answered only after it is stored. The task is identified by its tenant and `execution_id`, for as long as its remediation is stored; X-Request-Id only correlates. The same body again has no further effect, and another one is 409 execution_conflict. The route is the same in every contract and takes any version.

Sends a `POST` request to `/api/v1/remediations/apply`

Arguments:
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: The task.
*/
    pub async fn apply_remediation<'a>(
        &'a self,
        x_request_id: &'a str,
        body: &'a crate::v0::types::Task,
    ) -> Result<
        ResponseValue<crate::v0::types::TaskReceipt>,
        Error<crate::v0::types::Problem>,
    > {
        let url = format!("{}/api/v1/remediations/apply", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(2usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        header_map.append("X-Request-Id", x_request_id.to_string().try_into()?);
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "apply_remediation",
        };
        match (crate::sign)(&self.inner, &mut request).await {
            Ok(_) => {}
            Err(e) => return Err(Error::Custom(e.to_string())),
        }
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            202u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            401u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            403u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            409u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            413u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            415u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            429u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            500u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Cancel a task

Ends a task that has not begun as failed, reason Cancelled. Sending it again is harmless: what was cancelled is answered as it stands. A task that has begun, or has ended otherwise, is 409 state_conflict; one that is not stored is 404. The route is the same in every contract and takes any version.

Sends a `POST` request to `/api/v1/remediations/cancel`

Arguments:
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: Which task.
*/
    pub async fn cancel_remediation<'a>(
        &'a self,
        x_request_id: &'a str,
        body: &'a crate::v0::types::Cancellation,
    ) -> Result<
        ResponseValue<crate::v0::types::Remediation>,
        Error<crate::v0::types::Problem>,
    > {
        let url = format!("{}/api/v1/remediations/cancel", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(2usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        header_map.append("X-Request-Id", x_request_id.to_string().try_into()?);
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "cancel_remediation",
        };
        match (crate::sign)(&self.inner, &mut request).await {
            Ok(_) => {}
            Err(e) => return Err(Error::Custom(e.to_string())),
        }
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            401u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            403u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            409u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            413u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            415u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            429u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            500u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Delete old remediations

Deletes the tenant's remediations that ended longer ago than `older_than`. Where not all of them could be listed the answer is 503, what was deleted stays deleted, and the same request goes on from there. The route is the same in every contract and takes any version.

Sends a `DELETE` request to `/api/v1/remediations/cleanup`

Arguments:
- `dry_run`: Only counts what would be deleted.
- `older_than`: The least age, counted from the end of the remediation, such as 90s, 30m, 12h or 7d.
- `statuses`: Which to delete, a list with commas of succeeded, failed and rolled_back; any other is refused with 400.
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
*/
    pub async fn cleanup_remediations<'a>(
        &'a self,
        dry_run: Option<bool>,
        older_than: Option<&'a str>,
        statuses: Option<&'a str>,
        x_request_id: &'a str,
    ) -> Result<
        ResponseValue<crate::v0::types::CleanupResult>,
        Error<crate::v0::types::Problem>,
    > {
        let url = format!("{}/api/v1/remediations/cleanup", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(2usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        header_map.append("X-Request-Id", x_request_id.to_string().try_into()?);
        #[allow(unused_mut)]
        let mut request = self
            .client
            .delete(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(&progenitor_client::QueryParam::new("dry_run", &dry_run))
            .query(&progenitor_client::QueryParam::new("older_than", &older_than))
            .query(&progenitor_client::QueryParam::new("statuses", &statuses))
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "cleanup_remediations",
        };
        match (crate::sign)(&self.inner, &mut request).await {
            Ok(_) => {}
            Err(e) => return Err(Error::Custom(e.to_string())),
        }
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            401u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            403u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            413u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            429u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            500u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Ingest a batch of events

Stores a remediation for each event that policy wants one for. Answered only after all of them are stored; the same X-Request-Id with the same body has effect once. What is stored of one event has at most 64 KiB; where one would have more the answer is 413, and nothing is stored.

Sends a `POST` request to `/v0/events`

Arguments:
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: Up to 100 events of one cluster.
*/
    pub async fn ingest_events<'a, B: Into<reqwest::Body>>(
        &'a self,
        x_request_id: &'a str,
        body: B,
    ) -> Result<
        ResponseValue<crate::v0::types::Receipt>,
        Error<crate::v0::types::Problem>,
    > {
        let url = format!("{}/v0/events", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(2usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        header_map.append("X-Request-Id", x_request_id.to_string().try_into()?);
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .header(
                ::reqwest::header::CONTENT_TYPE,
                ::reqwest::header::HeaderValue::from_static("application/octet-stream"),
            )
            .body(body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "ingest_events",
        };
        match (crate::sign)(&self.inner, &mut request).await {
            Ok(_) => {}
            Err(e) => return Err(Error::Custom(e.to_string())),
        }
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            202u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            401u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            403u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            409u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            413u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            415u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            429u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            500u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Ingest one Falco event

Takes the body that Falco's http_output or Falcosidekick's webhook sends. What is stored of it has at most 64 KiB; where it would have more the answer is 413.

Sends a `POST` request to `/v0/events/falco`

Arguments:
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: The event as Falco writes it; fields that are not declared are accepted.
*/
    pub async fn ingest_falco<'a, B: Into<reqwest::Body>>(
        &'a self,
        x_request_id: &'a str,
        body: B,
    ) -> Result<
        ResponseValue<crate::v0::types::Receipt>,
        Error<crate::v0::types::Problem>,
    > {
        let url = format!("{}/v0/events/falco", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(2usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        header_map.append("X-Request-Id", x_request_id.to_string().try_into()?);
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .header(
                ::reqwest::header::CONTENT_TYPE,
                ::reqwest::header::HeaderValue::from_static("application/octet-stream"),
            )
            .body(body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "ingest_falco",
        };
        match (crate::sign)(&self.inner, &mut request).await {
            Ok(_) => {}
            Err(e) => return Err(Error::Custom(e.to_string())),
        }
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            202u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            401u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            403u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            409u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            413u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            415u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            429u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            500u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Ingest one Kyverno result or report

Takes what Policy Reporter's webhook target sends, its heartbeat included, or a PolicyReport, of up to 5000 results. What is stored of one result has at most 64 KiB; where there are more results, or one would have more, the answer is 413, and nothing is stored.

Sends a `POST` request to `/v0/events/kyverno`

Arguments:
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: The result or report as Policy Reporter or Kyverno writes it; fields that are not declared are accepted.
*/
    pub async fn ingest_kyverno<'a, B: Into<reqwest::Body>>(
        &'a self,
        x_request_id: &'a str,
        body: B,
    ) -> Result<
        ResponseValue<crate::v0::types::Receipt>,
        Error<crate::v0::types::Problem>,
    > {
        let url = format!("{}/v0/events/kyverno", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(2usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        header_map.append("X-Request-Id", x_request_id.to_string().try_into()?);
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .header(
                ::reqwest::header::CONTENT_TYPE,
                ::reqwest::header::HeaderValue::from_static("application/octet-stream"),
            )
            .body(body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "ingest_kyverno",
        };
        match (crate::sign)(&self.inner, &mut request).await {
            Ok(_) => {}
            Err(e) => return Err(Error::Custom(e.to_string())),
        }
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            202u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            401u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            403u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            409u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            413u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            415u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            429u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            500u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Ingest one Trivy report

Takes what the Trivy Operator's webhook sends, with or without its envelope, or a report of the Trivy CLI. One remediation at most comes of it, and what is stored has at most 64 KiB; where it would have more the answer is 413.

Sends a `POST` request to `/v0/events/trivy`

Arguments:
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: The report as Trivy writes it; fields that are not declared are accepted.
*/
    pub async fn ingest_trivy<'a, B: Into<reqwest::Body>>(
        &'a self,
        x_request_id: &'a str,
        body: B,
    ) -> Result<
        ResponseValue<crate::v0::types::Receipt>,
        Error<crate::v0::types::Problem>,
    > {
        let url = format!("{}/v0/events/trivy", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(2usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        header_map.append("X-Request-Id", x_request_id.to_string().try_into()?);
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .header(
                ::reqwest::header::CONTENT_TYPE,
                ::reqwest::header::HeaderValue::from_static("application/octet-stream"),
            )
            .body(body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "ingest_trivy",
        };
        match (crate::sign)(&self.inner, &mut request).await {
            Ok(_) => {}
            Err(e) => return Err(Error::Custom(e.to_string())),
        }
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            202u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            401u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            403u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            409u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            413u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            415u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            429u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            500u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**List remediations

One page of the tenant's remediations, in the order of their namespaces and names.

Sends a `GET` request to `/v0/remediations`

Arguments:
- `continue_`: The `continue` of the page before, sent with the same filters.
- `limit`: How many a page may hold.
- `namespace`: Only those whose target is in this namespace. Nothing acts on the agent's own namespace, so its name stands for the remediations that are stored there.
- `severity`: Only those of this severity.
- `source`: Only those that this tool reported.
- `status`: Only those with this status.
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
*/
    pub async fn list_remediations<'a>(
        &'a self,
        continue_: Option<&'a str>,
        limit: Option<i64>,
        namespace: Option<&'a str>,
        severity: Option<&'a crate::v0::types::Severity>,
        source: Option<&'a str>,
        status: Option<&'a crate::v0::types::Status>,
        x_request_id: &'a str,
    ) -> Result<
        ResponseValue<crate::v0::types::RemediationList>,
        Error<crate::v0::types::Problem>,
    > {
        let url = format!("{}/v0/remediations", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(2usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        header_map.append("X-Request-Id", x_request_id.to_string().try_into()?);
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(&progenitor_client::QueryParam::new("continue", &continue_))
            .query(&progenitor_client::QueryParam::new("limit", &limit))
            .query(&progenitor_client::QueryParam::new("namespace", &namespace))
            .query(&progenitor_client::QueryParam::new("severity", &severity))
            .query(&progenitor_client::QueryParam::new("source", &source))
            .query(&progenitor_client::QueryParam::new("status", &status))
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_remediations",
        };
        match (crate::sign)(&self.inner, &mut request).await {
            Ok(_) => {}
            Err(e) => return Err(Error::Custom(e.to_string())),
        }
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            401u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            403u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            413u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            429u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            500u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get one remediation

Another tenant's remediation is not found.

Sends a `GET` request to `/v0/remediations/{id}`

Arguments:
- `id`: The remediation's `id`.
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
*/
    pub async fn get_remediation<'a>(
        &'a self,
        id: &'a str,
        x_request_id: &'a str,
    ) -> Result<
        ResponseValue<crate::v0::types::Remediation>,
        Error<crate::v0::types::Problem>,
    > {
        let url = format!(
            "{}/v0/remediations/{}", self.baseurl, encode_path(& id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(2usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        header_map.append("X-Request-Id", x_request_id.to_string().try_into()?);
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_remediation",
        };
        match (crate::sign)(&self.inner, &mut request).await {
            Ok(_) => {}
            Err(e) => return Err(Error::Custom(e.to_string())),
        }
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            401u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            403u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            413u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            429u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            500u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Approve a proposal

Lets a waiting remediation run. Sending it again is harmless: what is approved, or has begun, is answered as it stands, with the first decision. What was rejected, has ended, or was changed since it was read is 409 state_conflict. Two who decide at once do not both win: one of them is answered by the other's decision, or by 409. The approval is one of the plan: where another one comes of it before it begins, since its target has changed, it waits for an approval again.

Sends a `POST` request to `/v0/remediations/{id}/approve`

Arguments:
- `id`: The remediation's `id`.
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: Why.
*/
    pub async fn approve_remediation<'a>(
        &'a self,
        id: &'a str,
        x_request_id: &'a str,
        body: &'a crate::v0::types::Decision,
    ) -> Result<
        ResponseValue<crate::v0::types::Remediation>,
        Error<crate::v0::types::Problem>,
    > {
        let url = format!(
            "{}/v0/remediations/{}/approve", self.baseurl, encode_path(& id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(2usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        header_map.append("X-Request-Id", x_request_id.to_string().try_into()?);
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "approve_remediation",
        };
        match (crate::sign)(&self.inner, &mut request).await {
            Ok(_) => {}
            Err(e) => return Err(Error::Custom(e.to_string())),
        }
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            401u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            403u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            409u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            413u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            415u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            429u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            500u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Reject a proposal

Ends a remediation that has not begun, approved or not, as failed, reason Rejected. Sending it again is harmless: what was rejected is answered as it stands, with the first decision. What has begun, or has ended otherwise, is 409 state_conflict.

Sends a `POST` request to `/v0/remediations/{id}/reject`

Arguments:
- `id`: The remediation's `id`.
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: Why.
*/
    pub async fn reject_remediation<'a>(
        &'a self,
        id: &'a str,
        x_request_id: &'a str,
        body: &'a crate::v0::types::Decision,
    ) -> Result<
        ResponseValue<crate::v0::types::Remediation>,
        Error<crate::v0::types::Problem>,
    > {
        let url = format!(
            "{}/v0/remediations/{}/reject", self.baseurl, encode_path(& id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(2usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        header_map.append("X-Request-Id", x_request_id.to_string().try_into()?);
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "reject_remediation",
        };
        match (crate::sign)(&self.inner, &mut request).await {
            Ok(_) => {}
            Err(e) => return Err(Error::Custom(e.to_string())),
        }
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            401u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            403u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            409u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            413u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            415u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            429u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            500u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
}
/// Items consumers will typically use such as the Client.
pub mod prelude {
    #[allow(unused_imports)]
    pub use super::Client;
}
