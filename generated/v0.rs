// Generated from contracts/ by build/codegen.rs; do not edit. `ZEN_UPDATE_GENERATED=1 cargo test --test contract` updates it.
pub use ::zen_agent_client::v0::types;
/// Carry out a task.
pub mod apply_remediation {
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// The task.
        pub body: super::types::Task,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 202: Stored.
        Accepted {
            /// The body.
            body: super::types::TaskReceipt,
            /// The header Idempotent-Replayed, where it is to be sent.
            idempotent_replayed: Option<bool>,
        },
    }
    impl crate::api::IntoReply for Response {
        fn into_reply(self) -> crate::api::Reply {
            match self {
                Self::Accepted { body, idempotent_replayed } => {
                    crate::api::Reply::json(202u16, &body)
                        .header("Idempotent-Replayed", idempotent_replayed)
                }
            }
        }
    }
    /// The parameters, the contract's headers aside.
    pub static PARAMETERS: [crate::contract::Parameter; 0usize] = [];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = Some(
        crate::contract::Schema::new(|| crate::contract::component(
            include_str!(concat!(env!("OUT_DIR"), "/v0.schemas.json")),
            "Task",
        )),
    );
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
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// Which task.
        pub body: super::types::Cancellation,
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
    pub static PARAMETERS: [crate::contract::Parameter; 0usize] = [];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = Some(
        crate::contract::Schema::new(|| crate::contract::component(
            include_str!(concat!(env!("OUT_DIR"), "/v0.schemas.json")),
            "Cancellation",
        )),
    );
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
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// The least age, counted from the end of the remediation, such as 90s, 30m, 12h or 7d.
        #[serde(rename = "older_than")]
        pub older_than: String,
        /// Which to delete, a list with commas of succeeded, failed and rolled_back; any other is refused with 400.
        #[serde(rename = "statuses")]
        pub statuses: String,
        /// Only counts what would be deleted.
        #[serde(rename = "dry_run")]
        pub dry_run: bool,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 200: What was deleted, or would be.
        Ok {
            /// The body.
            body: super::types::CleanupResult,
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
    pub static PARAMETERS: [crate::contract::Parameter; 3usize] = [
        crate::contract::Parameter {
            name: "older_than",
            place: crate::contract::Place::Query,
            kind: crate::contract::Kind::String,
            required: false,
            default: Some("7d"),
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"maxLength\":16,\"minLength\":2,\"pattern\":\"^[0-9]+(s|m|h|d)$\",\"type\":\"string\"}",
            )),
        },
        crate::contract::Parameter {
            name: "statuses",
            place: crate::contract::Place::Query,
            kind: crate::contract::Kind::String,
            required: false,
            default: Some("succeeded,failed"),
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"maxLength\":256,\"minLength\":1,\"type\":\"string\"}",
            )),
        },
        crate::contract::Parameter {
            name: "dry_run",
            place: crate::contract::Place::Query,
            kind: crate::contract::Kind::Boolean,
            required: false,
            default: Some("false"),
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"type\":\"boolean\"}",
            )),
        },
    ];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = None;
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
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// Up to 100 events of one cluster.
        pub body: super::types::EventBatch,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 202: Stored; one result for each event.
        Accepted {
            /// The body.
            body: super::types::Receipt,
            /// The header Idempotent-Replayed, where it is to be sent.
            idempotent_replayed: Option<bool>,
        },
    }
    impl crate::api::IntoReply for Response {
        fn into_reply(self) -> crate::api::Reply {
            match self {
                Self::Accepted { body, idempotent_replayed } => {
                    crate::api::Reply::json(202u16, &body)
                        .header("Idempotent-Replayed", idempotent_replayed)
                }
            }
        }
    }
    /// The parameters, the contract's headers aside.
    pub static PARAMETERS: [crate::contract::Parameter; 0usize] = [];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = Some(
        crate::contract::Schema::new(|| crate::contract::component(
            include_str!(concat!(env!("OUT_DIR"), "/v0.schemas.json")),
            "EventBatch",
        )),
    );
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "ingestEvents",
            version: Some(crate::contract::ContractVersion::V0),
            role: crate::identity::Role::Viewer,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::EVENT_BATCH,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v0/events",
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
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// The event as Falco writes it; fields that are not declared are accepted.
        pub body: super::types::FalcoEvent,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 202: Stored; one result for each event.
        Accepted {
            /// The body.
            body: super::types::Receipt,
            /// The header Idempotent-Replayed, where it is to be sent.
            idempotent_replayed: Option<bool>,
        },
    }
    impl crate::api::IntoReply for Response {
        fn into_reply(self) -> crate::api::Reply {
            match self {
                Self::Accepted { body, idempotent_replayed } => {
                    crate::api::Reply::json(202u16, &body)
                        .header("Idempotent-Replayed", idempotent_replayed)
                }
            }
        }
    }
    /// The parameters, the contract's headers aside.
    pub static PARAMETERS: [crate::contract::Parameter; 0usize] = [];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = Some(
        crate::contract::Schema::new(|| crate::contract::component(
            include_str!(concat!(env!("OUT_DIR"), "/v0.schemas.json")),
            "FalcoEvent",
        )),
    );
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "ingestFalco",
            version: Some(crate::contract::ContractVersion::V0),
            role: crate::identity::Role::Viewer,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::FALCO_EVENT,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v0/events/falco",
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
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// The result or report as Policy Reporter or Kyverno writes it; fields that are not declared are accepted.
        pub body: super::types::KyvernoPayload,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 202: Stored; one result for each event.
        Accepted {
            /// The body.
            body: super::types::Receipt,
            /// The header Idempotent-Replayed, where it is to be sent.
            idempotent_replayed: Option<bool>,
        },
    }
    impl crate::api::IntoReply for Response {
        fn into_reply(self) -> crate::api::Reply {
            match self {
                Self::Accepted { body, idempotent_replayed } => {
                    crate::api::Reply::json(202u16, &body)
                        .header("Idempotent-Replayed", idempotent_replayed)
                }
            }
        }
    }
    /// The parameters, the contract's headers aside.
    pub static PARAMETERS: [crate::contract::Parameter; 0usize] = [];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = Some(
        crate::contract::Schema::new(|| crate::contract::component(
            include_str!(concat!(env!("OUT_DIR"), "/v0.schemas.json")),
            "KyvernoPayload",
        )),
    );
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "ingestKyverno",
            version: Some(crate::contract::ContractVersion::V0),
            role: crate::identity::Role::Viewer,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::KYVERNO_PAYLOAD,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v0/events/kyverno",
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
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// The report as Trivy writes it; fields that are not declared are accepted.
        pub body: super::types::TrivyPayload,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 202: Stored; one result for each event.
        Accepted {
            /// The body.
            body: super::types::Receipt,
            /// The header Idempotent-Replayed, where it is to be sent.
            idempotent_replayed: Option<bool>,
        },
    }
    impl crate::api::IntoReply for Response {
        fn into_reply(self) -> crate::api::Reply {
            match self {
                Self::Accepted { body, idempotent_replayed } => {
                    crate::api::Reply::json(202u16, &body)
                        .header("Idempotent-Replayed", idempotent_replayed)
                }
            }
        }
    }
    /// The parameters, the contract's headers aside.
    pub static PARAMETERS: [crate::contract::Parameter; 0usize] = [];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = Some(
        crate::contract::Schema::new(|| crate::contract::component(
            include_str!(concat!(env!("OUT_DIR"), "/v0.schemas.json")),
            "TrivyPayload",
        )),
    );
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "ingestTrivy",
            version: Some(crate::contract::ContractVersion::V0),
            role: crate::identity::Role::Viewer,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::TRIVY_PAYLOAD,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v0/events/trivy",
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
        /// How many a page may hold.
        #[serde(rename = "limit")]
        pub limit: i64,
        /// The `continue` of the page before, sent with the same filters.
        #[serde(rename = "continue")]
        pub continue_: Option<String>,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 200: A page.
        Ok {
            /// The body.
            body: super::types::RemediationList,
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
            name: "limit",
            place: crate::contract::Place::Query,
            kind: crate::contract::Kind::Integer,
            required: false,
            default: Some("100"),
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"maximum\":500,\"minimum\":1,\"type\":\"integer\",\"x-bits\":64}",
            )),
        },
        crate::contract::Parameter {
            name: "continue",
            place: crate::contract::Place::Query,
            kind: crate::contract::Kind::String,
            required: false,
            default: None,
            schema: crate::contract::Schema::new(|| crate::contract::inline(
                "{\"maxLength\":4096,\"minLength\":1,\"pattern\":\"^[A-Za-z0-9._~-]+$\",\"type\":\"string\"}",
            )),
        },
    ];
    /// The body's schema.
    pub static BODY: Option<crate::contract::Schema> = None;
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "listRemediations",
            version: Some(crate::contract::ContractVersion::V0),
            role: crate::identity::Role::Viewer,
            media_types: &[],
        },
        method: ::http::Method::GET,
        path: "/v0/remediations",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[400u16, 401u16, 403u16, 413u16, 429u16, 500u16, 503u16],
        deprecation: None,
    };
}
/// Get one remediation.
pub mod get_remediation {
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// The remediation's `id`.
        #[serde(rename = "id")]
        pub id: String,
    }
    /// What the operation answers, problems aside.
    pub enum Response {
        /// 200: The remediation.
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
    pub static BODY: Option<crate::contract::Schema> = None;
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "getRemediation",
            version: Some(crate::contract::ContractVersion::V0),
            role: crate::identity::Role::Viewer,
            media_types: &[],
        },
        method: ::http::Method::GET,
        path: "/v0/remediations/{id}",
        parameters: &PARAMETERS,
        body: &BODY,
        successes: &[200u16],
        problems: &[400u16, 401u16, 403u16, 404u16, 413u16, 429u16, 500u16, 503u16],
        deprecation: None,
    };
}
/// Approve a proposal.
pub mod approve_remediation {
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// The remediation's `id`.
        #[serde(rename = "id")]
        pub id: String,
        /// Why.
        pub body: super::types::Decision,
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
            include_str!(concat!(env!("OUT_DIR"), "/v0.schemas.json")),
            "Decision",
        )),
    );
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "approveRemediation",
            version: Some(crate::contract::ContractVersion::V0),
            role: crate::identity::Role::Approver,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::DECISION,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v0/remediations/{id}/approve",
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
/// Reject a proposal.
pub mod reject_remediation {
    /// What the operation takes.
    #[derive(Clone, Debug, ::serde::Deserialize)]
    pub struct Request {
        /// The remediation's `id`.
        #[serde(rename = "id")]
        pub id: String,
        /// Why.
        pub body: super::types::Decision,
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
            include_str!(concat!(env!("OUT_DIR"), "/v0.schemas.json")),
            "Decision",
        )),
    );
    /// Where the operation is, and what it takes.
    pub static ROUTE: crate::contract::Route = crate::contract::Route {
        operation: crate::contract::Operation {
            id: "rejectRemediation",
            version: Some(crate::contract::ContractVersion::V0),
            role: crate::identity::Role::Approver,
            media_types: &[
                crate::contract::MediaType::Json,
                crate::contract::MediaType::Protobuf(
                    &crate::contract::proto::v0::DECISION,
                ),
            ],
        },
        method: ::http::Method::POST,
        path: "/v0/remediations/{id}/reject",
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
/// What a server of contract v0 does, one method an operation.
pub trait Api: Send + Sync + 'static {
    /// Carry out a task (`POST /api/v1/remediations/apply`).
    fn apply_remediation(
        &self,
        request: crate::verify::Verified<apply_remediation::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<apply_remediation::Response, crate::problem::Problem>,
    > + Send;
    /// Cancel a task (`POST /api/v1/remediations/cancel`).
    fn cancel_remediation(
        &self,
        request: crate::verify::Verified<cancel_remediation::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<cancel_remediation::Response, crate::problem::Problem>,
    > + Send;
    /// Delete old remediations (`DELETE /api/v1/remediations/cleanup`).
    fn cleanup_remediations(
        &self,
        request: crate::verify::Verified<cleanup_remediations::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<cleanup_remediations::Response, crate::problem::Problem>,
    > + Send;
    /// Ingest a batch of events (`POST /v0/events`).
    fn ingest_events(
        &self,
        request: crate::verify::Verified<ingest_events::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<ingest_events::Response, crate::problem::Problem>,
    > + Send;
    /// Ingest one Falco event (`POST /v0/events/falco`).
    fn ingest_falco(
        &self,
        request: crate::verify::Verified<ingest_falco::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<ingest_falco::Response, crate::problem::Problem>,
    > + Send;
    /// Ingest one Kyverno result or report (`POST /v0/events/kyverno`).
    fn ingest_kyverno(
        &self,
        request: crate::verify::Verified<ingest_kyverno::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<ingest_kyverno::Response, crate::problem::Problem>,
    > + Send;
    /// Ingest one Trivy report (`POST /v0/events/trivy`).
    fn ingest_trivy(
        &self,
        request: crate::verify::Verified<ingest_trivy::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<ingest_trivy::Response, crate::problem::Problem>,
    > + Send;
    /// List remediations (`GET /v0/remediations`).
    fn list_remediations(
        &self,
        request: crate::verify::Verified<list_remediations::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<list_remediations::Response, crate::problem::Problem>,
    > + Send;
    /// Get one remediation (`GET /v0/remediations/{id}`).
    fn get_remediation(
        &self,
        request: crate::verify::Verified<get_remediation::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<get_remediation::Response, crate::problem::Problem>,
    > + Send;
    /// Approve a proposal (`POST /v0/remediations/{id}/approve`).
    fn approve_remediation(
        &self,
        request: crate::verify::Verified<approve_remediation::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<approve_remediation::Response, crate::problem::Problem>,
    > + Send;
    /// Reject a proposal (`POST /v0/remediations/{id}/reject`).
    fn reject_remediation(
        &self,
        request: crate::verify::Verified<reject_remediation::Request>,
    ) -> impl ::std::future::Future<
        Output = Result<reject_remediation::Response, crate::problem::Problem>,
    > + Send;
}
/// The routes that [`Service`] mounts.
pub static ROUTES: &[&crate::contract::Route] = &[
    &apply_remediation::ROUTE,
    &cancel_remediation::ROUTE,
    &cleanup_remediations::ROUTE,
    &ingest_events::ROUTE,
    &ingest_falco::ROUTE,
    &ingest_kyverno::ROUTE,
    &ingest_trivy::ROUTE,
    &list_remediations::ROUTE,
    &get_remediation::ROUTE,
    &approve_remediation::ROUTE,
    &reject_remediation::ROUTE,
];
/// The contract, self-contained, as it is served.
pub const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/v0.openapi.json"));
static PARSED: ::std::sync::LazyLock<::serde_json::Value> = ::std::sync::LazyLock::new(||
crate::contract::parse(DOCUMENT));
/// Serves contract v0: the operations' routes and their description.
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
                &apply_remediation::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::apply_remediation(&*api, request).await
                },
            );
        mount
            .add(
                &cancel_remediation::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::cancel_remediation(&*api, request).await
                },
            );
        mount
            .add(
                &cleanup_remediations::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::cleanup_remediations(&*api, request).await
                },
            );
        mount
            .add(
                &ingest_events::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::ingest_events(&*api, request).await
                },
            );
        mount
            .add(
                &ingest_falco::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::ingest_falco(&*api, request).await
                },
            );
        mount
            .add(
                &ingest_kyverno::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::ingest_kyverno(&*api, request).await
                },
            );
        mount
            .add(
                &ingest_trivy::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::ingest_trivy(&*api, request).await
                },
            );
        mount
            .add(
                &list_remediations::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::list_remediations(&*api, request).await
                },
            );
        mount
            .add(
                &get_remediation::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::get_remediation(&*api, request).await
                },
            );
        mount
            .add(
                &approve_remediation::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::approve_remediation(&*api, request).await
                },
            );
        mount
            .add(
                &reject_remediation::ROUTE,
                |api: ::std::sync::Arc<A>, request| async move {
                    Api::reject_remediation(&*api, request).await
                },
            );
    }
}
