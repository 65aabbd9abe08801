// Generated from contracts/ by build/codegen.rs; do not edit. `ZEN_UPDATE_GENERATED=1 cargo test --test contract` updates it.
pub use ::zen_agent_client::v1alpha1::types;
/// Carry out a task.
pub mod apply_remediation {
    pub use crate::contract::v0::apply_remediation::{
        BODY, PARAMETERS, Request, Response,
    };
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "applyRemediation",
            version: None,
            role: crate::identity::Role::Approver,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(&crate::contract::proto::v0::TASK),
            ],
        },
        method: ::http::Method::POST,
        path: "/api/v1/remediations/apply",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[202u16],
        problems: &[
            400u16, 401u16, 403u16, 409u16, 413u16, 415u16, 422u16, 429u16, 500u16,
            503u16,
        ],
        deprecation: None,
    };
}
/// Cancel a task.
pub mod cancel_remediation {
    pub use crate::contract::v0::cancel_remediation::{
        BODY, PARAMETERS, Request, Response,
    };
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "cancelRemediation",
            version: None,
            role: crate::identity::Role::Approver,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::CANCELLATION,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/api/v1/remediations/cancel",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[
            400u16, 401u16, 403u16, 404u16, 409u16, 413u16, 415u16, 422u16, 429u16,
            500u16, 503u16,
        ],
        deprecation: None,
    };
}
/// Delete old remediations.
pub mod cleanup_remediations {
    pub use crate::contract::v0::cleanup_remediations::{
        BODY, PARAMETERS, Request, Response,
    };
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "cleanupRemediations",
            version: None,
            role: crate::identity::Role::Admin,
            media_types: &[],
        },
        method: ::http::Method::DELETE,
        path: "/api/v1/remediations/cleanup",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[400u16, 401u16, 403u16, 413u16, 429u16, 500u16, 503u16],
        deprecation: None,
    };
}
/// Ingest a batch of events.
pub mod ingest_events {
    pub use crate::contract::v0::ingest_events::{BODY, PARAMETERS, Request, Response};
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "ingestEvents",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Viewer,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::EVENT_BATCH,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v1alpha1/events",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[202u16],
        problems: &[
            400u16, 401u16, 403u16, 409u16, 413u16, 415u16, 422u16, 429u16, 500u16,
            503u16,
        ],
        deprecation: None,
    };
}
/// Ingest one Falco event.
pub mod ingest_falco {
    pub use crate::contract::v0::ingest_falco::{BODY, PARAMETERS, Request, Response};
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "ingestFalco",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Viewer,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::FALCO_EVENT,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v1alpha1/events/falco",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[202u16],
        problems: &[
            400u16, 401u16, 403u16, 409u16, 413u16, 415u16, 422u16, 429u16, 500u16,
            503u16,
        ],
        deprecation: None,
    };
}
/// Ingest one Kyverno result or report.
pub mod ingest_kyverno {
    pub use crate::contract::v0::ingest_kyverno::{BODY, PARAMETERS, Request, Response};
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "ingestKyverno",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Viewer,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::KYVERNO_PAYLOAD,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v1alpha1/events/kyverno",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[202u16],
        problems: &[
            400u16, 401u16, 403u16, 409u16, 413u16, 415u16, 422u16, 429u16, 500u16,
            503u16,
        ],
        deprecation: None,
    };
}
/// Ingest one Trivy report.
pub mod ingest_trivy {
    pub use crate::contract::v0::ingest_trivy::{BODY, PARAMETERS, Request, Response};
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "ingestTrivy",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Viewer,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::TRIVY_PAYLOAD,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v1alpha1/events/trivy",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[202u16],
        problems: &[
            400u16, 401u16, 403u16, 409u16, 413u16, 415u16, 422u16, 429u16, 500u16,
            503u16,
        ],
        deprecation: None,
    };
}
/// List remediations.
pub mod list_remediations {
    pub use crate::contract::v0::list_remediations::{
        BODY, PARAMETERS, Request, Response,
    };
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "listRemediations",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Viewer,
            media_types: &[],
        },
        method: ::http::Method::GET,
        path: "/v1alpha1/remediations",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[400u16, 401u16, 403u16, 413u16, 429u16, 500u16, 503u16],
        deprecation: None,
    };
}
/// Get one remediation.
pub mod get_remediation {
    pub use crate::contract::v0::get_remediation::{BODY, PARAMETERS, Request, Response};
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "getRemediation",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Viewer,
            media_types: &[],
        },
        method: ::http::Method::GET,
        path: "/v1alpha1/remediations/{id}",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[400u16, 401u16, 403u16, 404u16, 413u16, 429u16, 500u16, 503u16],
        deprecation: None,
    };
}
/// Approve a proposal.
pub mod approve_remediation {
    pub use crate::contract::v0::approve_remediation::{
        BODY, PARAMETERS, Request, Response,
    };
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "approveRemediation",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Approver,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::DECISION,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v1alpha1/remediations/{id}/approve",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[
            400u16, 401u16, 403u16, 404u16, 409u16, 413u16, 415u16, 422u16, 429u16,
            500u16, 503u16,
        ],
        deprecation: None,
    };
}
/// Get the plan of a remediation.
pub mod get_plan {
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// The remediation's `id`.
        #[serde(rename = "id")]
        pub id: String,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 200: The plan.
        Ok {
            /// The body.
            body: super::types::Plan,
        },
    }
    impl crate::api::IntoReply for Response {
        fn into_reply(self) -> crate::api::Reply {
            match self {
                Self::Ok { body } => crate::api::Reply::json(200u16, &body),
            }
        }
    }
    /// The parameters, the contract's headers aside.
    pub static PARAMETERS: [crate::contract::Parameter; 1usize] = [
        crate::contract::Parameter {
            name: "id",
            place: crate::contract::Place::Path,
            kind: crate::contract::Kind::String,
            required: true,
            default: None,
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"maxLength\":317,\"minLength\":1,\"pattern\":\"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?~)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$\",\"type\":\"string\"}",
            )),
        },
    ];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = None;
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "getPlan",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Viewer,
            media_types: &[],
        },
        method: ::http::Method::GET,
        path: "/v1alpha1/remediations/{id}/plan",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[
            400u16, 401u16, 403u16, 404u16, 409u16, 413u16, 429u16, 500u16, 503u16,
        ],
        deprecation: None,
    };
}
/// Reject a proposal.
pub mod reject_remediation {
    pub use crate::contract::v0::reject_remediation::{
        BODY, PARAMETERS, Request, Response,
    };
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "rejectRemediation",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Approver,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::DECISION,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v1alpha1/remediations/{id}/reject",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[
            400u16, 401u16, 403u16, 404u16, 409u16, 413u16, 415u16, 422u16, 429u16,
            500u16, 503u16,
        ],
        deprecation: None,
    };
}
/// Try again what failed.
pub mod retry_remediation {
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// The remediation's `id`.
        #[serde(rename = "id")]
        pub id: String,
        /// Why.
        pub body: super::types::Request,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 200: The remediation with the decision on it.
        Ok {
            /// The body.
            body: super::types::Remediation,
        },
    }
    impl crate::api::IntoReply for Response {
        fn into_reply(self) -> crate::api::Reply {
            match self {
                Self::Ok { body } => crate::api::Reply::json(200u16, &body),
            }
        }
    }
    /// The parameters, the contract's headers aside.
    pub static PARAMETERS: [crate::contract::Parameter; 1usize] = [
        crate::contract::Parameter {
            name: "id",
            place: crate::contract::Place::Path,
            kind: crate::contract::Kind::String,
            required: true,
            default: None,
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"maxLength\":317,\"minLength\":1,\"pattern\":\"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?~)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$\",\"type\":\"string\"}",
            )),
        },
    ];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = Some(
        crate::contract::Schema::new(|| crate::contract::component(
            include_str!(concat!(env!("OUT_DIR"), "/v1alpha1.schemas.json")),
            "Request",
        )),
    );
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "retryRemediation",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Approver,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v1alpha1::REQUEST,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v1alpha1/remediations/{id}/retry",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[
            400u16, 401u16, 403u16, 404u16, 409u16, 413u16, 415u16, 422u16, 429u16,
            500u16, 503u16,
        ],
        deprecation: None,
    };
}
/// Undo what succeeded.
pub mod rollback_remediation {
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// The remediation's `id`.
        #[serde(rename = "id")]
        pub id: String,
        /// Why.
        pub body: super::types::Request,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 200: The remediation with the decision on it.
        Ok {
            /// The body.
            body: super::types::Remediation,
        },
    }
    impl crate::api::IntoReply for Response {
        fn into_reply(self) -> crate::api::Reply {
            match self {
                Self::Ok { body } => crate::api::Reply::json(200u16, &body),
            }
        }
    }
    /// The parameters, the contract's headers aside.
    pub static PARAMETERS: [crate::contract::Parameter; 1usize] = [
        crate::contract::Parameter {
            name: "id",
            place: crate::contract::Place::Path,
            kind: crate::contract::Kind::String,
            required: true,
            default: None,
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"maxLength\":317,\"minLength\":1,\"pattern\":\"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?~)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$\",\"type\":\"string\"}",
            )),
        },
    ];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = Some(
        crate::contract::Schema::new(|| crate::contract::component(
            include_str!(concat!(env!("OUT_DIR"), "/v1alpha1.schemas.json")),
            "Request",
        )),
    );
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "rollbackRemediation",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Approver,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v1alpha1::REQUEST,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v1alpha1/remediations/{id}/rollback",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[
            400u16, 401u16, 403u16, 404u16, 409u16, 413u16, 415u16, 422u16, 429u16,
            500u16, 503u16,
        ],
        deprecation: None,
    };
}
/// Lift the emergency stop.
pub mod emergency_resume {
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// Why.
        pub body: super::types::Request,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 200: The emergency stop as it stands now.
        Ok {
            /// The body.
            body: super::types::EmergencyStop,
        },
    }
    impl crate::api::IntoReply for Response {
        fn into_reply(self) -> crate::api::Reply {
            match self {
                Self::Ok { body } => crate::api::Reply::json(200u16, &body),
            }
        }
    }
    /// The parameters, the contract's headers aside.
    pub static PARAMETERS: [crate::contract::Parameter; 0usize] = [];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = Some(
        crate::contract::Schema::new(|| crate::contract::component(
            include_str!(concat!(env!("OUT_DIR"), "/v1alpha1.schemas.json")),
            "Request",
        )),
    );
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "emergencyResume",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Admin,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v1alpha1::REQUEST,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v1alpha1/resume",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[
            400u16, 401u16, 403u16, 413u16, 415u16, 422u16, 429u16, 500u16, 503u16,
        ],
        deprecation: None,
    };
}
/// Stop all changes of targets.
pub mod emergency_stop {
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// Why.
        pub body: super::types::Request,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 200: The emergency stop as it stands now.
        Ok {
            /// The body.
            body: super::types::EmergencyStop,
        },
    }
    impl crate::api::IntoReply for Response {
        fn into_reply(self) -> crate::api::Reply {
            match self {
                Self::Ok { body } => crate::api::Reply::json(200u16, &body),
            }
        }
    }
    /// The parameters, the contract's headers aside.
    pub static PARAMETERS: [crate::contract::Parameter; 0usize] = [];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = Some(
        crate::contract::Schema::new(|| crate::contract::component(
            include_str!(concat!(env!("OUT_DIR"), "/v1alpha1.schemas.json")),
            "Request",
        )),
    );
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "emergencyStop",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Approver,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v1alpha1::REQUEST,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v1alpha1/stop",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[
            400u16, 401u16, 403u16, 413u16, 415u16, 422u16, 429u16, 500u16, 503u16,
        ],
        deprecation: None,
    };
}
/// Watch remediations.
pub mod watch_remediations {
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// Only those with this status.
        #[serde(rename = "status")]
        pub status: Option<super::types::Status>,
        /// Only those whose target is in this namespace. Nothing acts on the agent's own namespace, so its name stands for the remediations that are stored there.
        #[serde(rename = "namespace")]
        pub namespace: Option<String>,
        /// Only those that this tool reported.
        #[serde(rename = "source")]
        pub source: Option<String>,
        /// Only those of this severity.
        #[serde(rename = "severity")]
        pub severity: Option<super::types::Severity>,
        /// When the stream ends.
        #[serde(rename = "timeout_seconds")]
        pub timeout_seconds: i64,
        /// The `id` of the last event that was seen; the stream goes on behind it. Any other text is refused with 400.
        #[serde(rename = "Last-Event-ID")]
        pub last_event_id: Option<String>,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 200: The stream.
        Ok {
            /// The body.
            body: crate::api::EventStream,
        },
    }
    impl crate::api::IntoReply for Response {
        fn into_reply(self) -> crate::api::Reply {
            match self {
                Self::Ok { body } => crate::api::Reply::events(200u16, body),
            }
        }
    }
    /// The parameters, the contract's headers aside.
    pub static PARAMETERS: [crate::contract::Parameter; 6usize] = [
        crate::contract::Parameter {
            name: "status",
            place: crate::contract::Place::Query,
            kind: crate::contract::Kind::String,
            required: false,
            default: None,
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"enum\":[\"pending\",\"in_progress\",\"succeeded\",\"failed\",\"rolled_back\",\"unknown\"],\"type\":\"string\"}",
            )),
        },
        crate::contract::Parameter {
            name: "namespace",
            place: crate::contract::Place::Query,
            kind: crate::contract::Kind::String,
            required: false,
            default: None,
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"maxLength\":63,\"minLength\":1,\"pattern\":\"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$\",\"type\":\"string\"}",
            )),
        },
        crate::contract::Parameter {
            name: "source",
            place: crate::contract::Place::Query,
            kind: crate::contract::Kind::String,
            required: false,
            default: None,
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"maxLength\":63,\"minLength\":1,\"pattern\":\"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$\",\"type\":\"string\"}",
            )),
        },
        crate::contract::Parameter {
            name: "severity",
            place: crate::contract::Place::Query,
            kind: crate::contract::Kind::String,
            required: false,
            default: None,
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"enum\":[\"critical\",\"high\",\"medium\",\"low\",\"info\"],\"type\":\"string\"}",
            )),
        },
        crate::contract::Parameter {
            name: "timeout_seconds",
            place: crate::contract::Place::Query,
            kind: crate::contract::Kind::Integer,
            required: false,
            default: Some("300"),
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"maximum\":300,\"minimum\":1,\"type\":\"integer\",\"x-bits\":64}",
            )),
        },
        crate::contract::Parameter {
            name: "Last-Event-ID",
            place: crate::contract::Place::Header,
            kind: crate::contract::Kind::String,
            required: false,
            default: None,
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"maxLength\":19,\"minLength\":1,\"pattern\":\"^[1-9][0-9]{0,18}$\",\"type\":\"string\"}",
            )),
        },
    ];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = None;
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "watchRemediations",
            version: Some(crate::contract::ContractVersion::V1Alpha1),
            role: crate::identity::Role::Viewer,
            media_types: &[],
        },
        method: ::http::Method::GET,
        path: "/v1alpha1/watch/remediations",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[400u16, 401u16, 403u16, 413u16, 429u16, 500u16, 503u16],
        deprecation: None,
    };
}
/// What a server of contract v1alpha1 does, one method an operation.
pub trait Api: crate::contract::v0::Api {
    /// Get the plan of a remediation (`GET /v1alpha1/remediations/{id}/plan`).
    fn get_plan(
        &self,
        request: crate::verify::Verified<get_plan::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<get_plan::Response, crate::problem::Problem>,
    > + Send;
    /// Try again what failed (`POST /v1alpha1/remediations/{id}/retry`).
    fn retry_remediation(
        &self,
        request: crate::verify::Verified<retry_remediation::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<retry_remediation::Response, crate::problem::Problem>,
    > + Send;
    /// Undo what succeeded (`POST /v1alpha1/remediations/{id}/rollback`).
    fn rollback_remediation(
        &self,
        request: crate::verify::Verified<rollback_remediation::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<rollback_remediation::Response, crate::problem::Problem>,
    > + Send;
    /// Lift the emergency stop (`POST /v1alpha1/resume`).
    fn emergency_resume(
        &self,
        request: crate::verify::Verified<emergency_resume::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<emergency_resume::Response, crate::problem::Problem>,
    > + Send;
    /// Stop all changes of targets (`POST /v1alpha1/stop`).
    fn emergency_stop(
        &self,
        request: crate::verify::Verified<emergency_stop::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<emergency_stop::Response, crate::problem::Problem>,
    > + Send;
    /// Watch remediations (`GET /v1alpha1/watch/remediations`).
    fn watch_remediations(
        &self,
        request: crate::verify::Verified<watch_remediations::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<watch_remediations::Response, crate::problem::Problem>,
    > + Send;
}
/// The routes that [`Service`] mounts.
pub static ROUTES: &[&crate::contract::Route] = &[
    &ingest_events::ROUTE,
    &ingest_falco::ROUTE,
    &ingest_kyverno::ROUTE,
    &ingest_trivy::ROUTE,
    &list_remediations::ROUTE,
    &get_remediation::ROUTE,
    &approve_remediation::ROUTE,
    &get_plan::ROUTE,
    &reject_remediation::ROUTE,
    &retry_remediation::ROUTE,
    &rollback_remediation::ROUTE,
    &emergency_resume::ROUTE,
    &emergency_stop::ROUTE,
    &watch_remediations::ROUTE,
];
/// The contract, self-contained, as it is served.
pub const DOCUMENT: &str = include_str!(
    concat!(env!("OUT_DIR"), "/v1alpha1.openapi.json")
);
static PARSED: ::std::sync::LazyLock<::serde_json::Value> = ::std::sync::LazyLock::new(||
crate::contract::parse(DOCUMENT));
/// Serves contract v1alpha1: the operations' routes and their description.
pub struct Service<A> {
    api: ::std::sync::Arc<A>,
    dispatcher: crate::api::Dispatcher,
}
impl<A: Api> Service<A> {
    /// A service that lets `api` answer what `dispatcher` lets through.
    pub fn new(api: ::std::sync::Arc<A>, dispatcher: crate::api::Dispatcher) -> Self {
        Self { api, dispatcher }
    }
}
impl<A: Api> ::poem_openapi::OpenApi for Service<A> {
    fn meta() -> Vec<::poem_openapi::registry::MetaApi> {
        vec![crate ::api::meta::api(& PARSED)]
    }
    fn register(registry: &mut ::poem_openapi::registry::Registry) {
        crate::api::meta::register(&PARSED, registry);
    }
    fn add_routes(self, table: &mut crate::api::RouteTable) {
        let mut mount = crate::api::Mount::new(self.api, self.dispatcher, table);
        mount
            .add(
                &ingest_events::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    crate::contract::v0::Api::ingest_events(&*api, request).await
                },
            );
        mount
            .add(
                &ingest_falco::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    crate::contract::v0::Api::ingest_falco(&*api, request).await
                },
            );
        mount
            .add(
                &ingest_kyverno::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    crate::contract::v0::Api::ingest_kyverno(&*api, request).await
                },
            );
        mount
            .add(
                &ingest_trivy::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    crate::contract::v0::Api::ingest_trivy(&*api, request).await
                },
            );
        mount
            .add(
                &list_remediations::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    crate::contract::v0::Api::list_remediations(&*api, request).await
                },
            );
        mount
            .add(
                &get_remediation::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    crate::contract::v0::Api::get_remediation(&*api, request).await
                },
            );
        mount
            .add(
                &approve_remediation::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    crate::contract::v0::Api::approve_remediation(&*api, request).await
                },
            );
        mount
            .add(
                &get_plan::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::get_plan(&*api, request).await
                },
            );
        mount
            .add(
                &reject_remediation::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    crate::contract::v0::Api::reject_remediation(&*api, request).await
                },
            );
        mount
            .add(
                &retry_remediation::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::retry_remediation(&*api, request).await
                },
            );
        mount
            .add(
                &rollback_remediation::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::rollback_remediation(&*api, request).await
                },
            );
        mount
            .add(
                &emergency_resume::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::emergency_resume(&*api, request).await
                },
            );
        mount
            .add(
                &emergency_stop::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::emergency_stop(&*api, request).await
                },
            );
        mount
            .add(
                &watch_remediations::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::watch_remediations(&*api, request).await
                },
            );
    }
}
