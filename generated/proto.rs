// Generated from contracts/ by build/codegen.rs; do not edit. `ZEN_UPDATE_GENERATED=1 cargo test --test contract` updates it.
pub mod v0 {
    use crate::contract::proto::{Field, Form, Kind, Label, Message};
    /// `zen.agent.v0.Struct`.
    pub static STRUCT: Message = Message {
        name: "zen.agent.v0.Struct",
        form: Form::Map,
        fields: &[
            Field {
                number: 1u32,
                name: "fields",
                label: Label::Map,
                kind: Kind::Message(&crate::contract::proto::v0::VALUE),
            },
        ],
    };
    /// `zen.agent.v0.Value`.
    pub static VALUE: Message = Message {
        name: "zen.agent.v0.Value",
        form: Form::Union,
        fields: &[
            Field {
                number: 1u32,
                name: "nullValue",
                label: Label::One,
                kind: Kind::Null,
            },
            Field {
                number: 2u32,
                name: "numberValue",
                label: Label::One,
                kind: Kind::Double,
            },
            Field {
                number: 3u32,
                name: "stringValue",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 4u32,
                name: "boolValue",
                label: Label::One,
                kind: Kind::Bool,
            },
            Field {
                number: 5u32,
                name: "structValue",
                label: Label::One,
                kind: Kind::Message(&crate::contract::proto::v0::STRUCT),
            },
            Field {
                number: 6u32,
                name: "listValue",
                label: Label::One,
                kind: Kind::Message(&crate::contract::proto::v0::LIST_VALUE),
            },
            Field {
                number: 7u32,
                name: "integerValue",
                label: Label::One,
                kind: Kind::Int,
            },
            Field {
                number: 8u32,
                name: "unsignedValue",
                label: Label::One,
                kind: Kind::Uint,
            },
        ],
    };
    /// `zen.agent.v0.ListValue`.
    pub static LIST_VALUE: Message = Message {
        name: "zen.agent.v0.ListValue",
        form: Form::List,
        fields: &[
            Field {
                number: 1u32,
                name: "values",
                label: Label::List,
                kind: Kind::Message(&crate::contract::proto::v0::VALUE),
            },
        ],
    };
    /// `zen.agent.v0.Target`.
    pub static TARGET: Message = Message {
        name: "zen.agent.v0.Target",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "apiVersion",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 2u32,
                name: "kind",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 3u32,
                name: "namespace",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 4u32,
                name: "name",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 5u32,
                name: "uid",
                label: Label::One,
                kind: Kind::String,
            },
        ],
    };
    /// `zen.agent.v0.Fact`.
    pub static FACT: Message = Message {
        name: "zen.agent.v0.Fact",
        form: Form::Union,
        fields: &[
            Field {
                number: 2u32,
                name: "numberValue",
                label: Label::One,
                kind: Kind::Double,
            },
            Field {
                number: 3u32,
                name: "stringValue",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 4u32,
                name: "boolValue",
                label: Label::One,
                kind: Kind::Bool,
            },
            Field {
                number: 7u32,
                name: "integerValue",
                label: Label::One,
                kind: Kind::Int,
            },
            Field {
                number: 8u32,
                name: "unsignedValue",
                label: Label::One,
                kind: Kind::Uint,
            },
        ],
    };
    /// `zen.agent.v0.SecurityEvent`.
    pub static SECURITY_EVENT: Message = Message {
        name: "zen.agent.v0.SecurityEvent",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "source",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 2u32,
                name: "rule",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 3u32,
                name: "severity",
                label: Label::One,
                kind: Kind::Enum(
                    &[
                        (1i32, "critical"),
                        (2i32, "high"),
                        (3i32, "medium"),
                        (4i32, "low"),
                        (5i32, "info"),
                    ],
                ),
            },
            Field {
                number: 4u32,
                name: "time",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 5u32,
                name: "target",
                label: Label::One,
                kind: Kind::Message(&crate::contract::proto::v0::TARGET),
            },
            Field {
                number: 6u32,
                name: "facts",
                label: Label::Map,
                kind: Kind::Message(&crate::contract::proto::v0::FACT),
            },
            Field {
                number: 7u32,
                name: "reference",
                label: Label::One,
                kind: Kind::String,
            },
        ],
    };
    /// `zen.agent.v0.EventBatch`.
    pub static EVENT_BATCH: Message = Message {
        name: "zen.agent.v0.EventBatch",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "cluster_id",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 2u32,
                name: "events",
                label: Label::List,
                kind: Kind::Message(&crate::contract::proto::v0::SECURITY_EVENT),
            },
        ],
    };
    /// `zen.agent.v0.Decision`.
    pub static DECISION: Message = Message {
        name: "zen.agent.v0.Decision",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "reason",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 2u32,
                name: "plan_digest",
                label: Label::One,
                kind: Kind::String,
            },
        ],
    };
    /// `zen.agent.v0.Task`.
    pub static TASK: Message = Message {
        name: "zen.agent.v0.Task",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "execution_id",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 2u32,
                name: "tenant_id",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 3u32,
                name: "cluster_id",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 4u32,
                name: "remediation_id",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 5u32,
                name: "action",
                label: Label::One,
                kind: Kind::Enum(
                    &[
                        (1i32, "label"),
                        (2i32, "annotate"),
                        (3i32, "network-quarantine"),
                        (4i32, "scale"),
                        (5i32, "set-image"),
                        (6i32, "restart"),
                        (7i32, "suspend"),
                        (8i32, "delete-pod"),
                        (9i32, "evict"),
                        (10i32, "cordon"),
                        (11i32, "apply"),
                    ],
                ),
            },
            Field {
                number: 6u32,
                name: "params",
                label: Label::One,
                kind: Kind::Message(&crate::contract::proto::v0::ACTION_PARAMS),
            },
            Field {
                number: 7u32,
                name: "target",
                label: Label::One,
                kind: Kind::Message(&crate::contract::proto::v0::TARGET),
            },
            Field {
                number: 8u32,
                name: "scheduled_time",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 9u32,
                name: "verification",
                label: Label::One,
                kind: Kind::Message(&crate::contract::proto::v0::VERIFICATION),
            },
        ],
    };
    /// `zen.agent.v0.Verification`.
    pub static VERIFICATION: Message = Message {
        name: "zen.agent.v0.Verification",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "probes",
                label: Label::List,
                kind: Kind::Message(&crate::contract::proto::v0::PROBE),
            },
            Field {
                number: 2u32,
                name: "initialDelaySeconds",
                label: Label::One,
                kind: Kind::Int,
            },
            Field {
                number: 3u32,
                name: "intervalSeconds",
                label: Label::One,
                kind: Kind::Int,
            },
            Field {
                number: 4u32,
                name: "soakSeconds",
                label: Label::One,
                kind: Kind::Int,
            },
            Field {
                number: 5u32,
                name: "timeoutSeconds",
                label: Label::One,
                kind: Kind::Int,
            },
            Field {
                number: 6u32,
                name: "failureLimit",
                label: Label::One,
                kind: Kind::Int,
            },
            Field {
                number: 7u32,
                name: "inconclusiveLimit",
                label: Label::One,
                kind: Kind::Int,
            },
            Field {
                number: 8u32,
                name: "errorLimit",
                label: Label::One,
                kind: Kind::Int,
            },
        ],
    };
    /// `zen.agent.v0.Probe`.
    pub static PROBE: Message = Message {
        name: "zen.agent.v0.Probe",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "name",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 2u32,
                name: "condition",
                label: Label::One,
                kind: Kind::Message(&crate::contract::proto::v0::CONDITION_PROBE),
            },
            Field {
                number: 3u32,
                name: "http",
                label: Label::One,
                kind: Kind::Message(&crate::contract::proto::v0::HTTP_PROBE),
            },
            Field {
                number: 4u32,
                name: "prometheus",
                label: Label::One,
                kind: Kind::Message(&crate::contract::proto::v0::PROMETHEUS_PROBE),
            },
        ],
    };
    /// `zen.agent.v0.HttpProbe`.
    pub static HTTP_PROBE: Message = Message {
        name: "zen.agent.v0.HttpProbe",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "url",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 2u32,
                name: "status",
                label: Label::One,
                kind: Kind::Int,
            },
            Field {
                number: 3u32,
                name: "contains",
                label: Label::One,
                kind: Kind::String,
            },
        ],
    };
    /// `zen.agent.v0.PrometheusProbe`.
    pub static PROMETHEUS_PROBE: Message = Message {
        name: "zen.agent.v0.PrometheusProbe",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "query",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 2u32,
                name: "expect",
                label: Label::One,
                kind: Kind::String,
            },
        ],
    };
    /// `zen.agent.v0.ConditionProbe`.
    pub static CONDITION_PROBE: Message = Message {
        name: "zen.agent.v0.ConditionProbe",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "object",
                label: Label::One,
                kind: Kind::Message(&crate::contract::proto::v0::PROBED_OBJECT),
            },
            Field {
                number: 2u32,
                name: "type",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 3u32,
                name: "status",
                label: Label::One,
                kind: Kind::Enum(&[(1i32, "True"), (2i32, "False")]),
            },
        ],
    };
    /// `zen.agent.v0.ProbedObject`.
    pub static PROBED_OBJECT: Message = Message {
        name: "zen.agent.v0.ProbedObject",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "apiVersion",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 2u32,
                name: "kind",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 3u32,
                name: "name",
                label: Label::One,
                kind: Kind::String,
            },
        ],
    };
    /// `zen.agent.v0.ActionParams`.
    pub static ACTION_PARAMS: Message = Message {
        name: "zen.agent.v0.ActionParams",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "labels",
                label: Label::Map,
                kind: Kind::String,
            },
            Field {
                number: 2u32,
                name: "annotations",
                label: Label::Map,
                kind: Kind::String,
            },
            Field {
                number: 3u32,
                name: "replicas",
                label: Label::One,
                kind: Kind::Int,
            },
            Field {
                number: 4u32,
                name: "containers",
                label: Label::Map,
                kind: Kind::String,
            },
            Field {
                number: 5u32,
                name: "initContainers",
                label: Label::Map,
                kind: Kind::String,
            },
            Field {
                number: 6u32,
                name: "manifest",
                label: Label::One,
                kind: Kind::String,
            },
        ],
    };
    /// `zen.agent.v0.Cancellation`.
    pub static CANCELLATION: Message = Message {
        name: "zen.agent.v0.Cancellation",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "execution_id",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 2u32,
                name: "tenant_id",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 3u32,
                name: "cluster_id",
                label: Label::One,
                kind: Kind::String,
            },
            Field {
                number: 4u32,
                name: "reason",
                label: Label::One,
                kind: Kind::String,
            },
        ],
    };
    /// `zen.agent.v0.FalcoEvent`.
    pub static FALCO_EVENT: Message = Message {
        name: "zen.agent.v0.FalcoEvent",
        form: Form::Map,
        fields: &[
            Field {
                number: 1u32,
                name: "fields",
                label: Label::Map,
                kind: Kind::Message(&crate::contract::proto::v0::VALUE),
            },
        ],
    };
    /// `zen.agent.v0.TrivyPayload`.
    pub static TRIVY_PAYLOAD: Message = Message {
        name: "zen.agent.v0.TrivyPayload",
        form: Form::Map,
        fields: &[
            Field {
                number: 1u32,
                name: "fields",
                label: Label::Map,
                kind: Kind::Message(&crate::contract::proto::v0::VALUE),
            },
        ],
    };
    /// `zen.agent.v0.KyvernoPayload`.
    pub static KYVERNO_PAYLOAD: Message = Message {
        name: "zen.agent.v0.KyvernoPayload",
        form: Form::Map,
        fields: &[
            Field {
                number: 1u32,
                name: "fields",
                label: Label::Map,
                kind: Kind::Message(&crate::contract::proto::v0::VALUE),
            },
        ],
    };
}
pub mod v1alpha1 {
    use crate::contract::proto::{Field, Form, Kind, Label, Message};
    /// `zen.agent.v1alpha1.Request`.
    pub static REQUEST: Message = Message {
        name: "zen.agent.v1alpha1.Request",
        form: Form::Object,
        fields: &[
            Field {
                number: 1u32,
                name: "reason",
                label: Label::One,
                kind: Kind::String,
            },
        ],
    };
}
