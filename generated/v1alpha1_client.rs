// Generated from contracts/ by build/codegen.rs; do not edit. `ZEN_UPDATE_GENERATED=1 cargo test --test contract` updates it.
/// The contract's types.
pub mod types {
    pub use crate::v0::types::*;
    ///The emergency stop.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct EmergencyStop {
        ///The token's subject that switched it.
        pub by: ::std::string::String,
        ///Why.
        pub reason: ::std::string::String,
        ///Whether targets are left alone.
        pub stopped: bool,
    }
    ///What will be done, or was, and to what.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Plan {
        ///What is done, such as `label` or `scale`.
        pub action: ::std::string::String,
        ///What is written, in this order; none where the target already reads as wanted.
        pub changes: ::std::vec::Vec<PlannedChange>,
        ///Of action, target, changes, previous state and verification: `sha256:` and hexadecimal digits.
        pub digest: ::std::string::String,
        ///What the agent must be allowed to do.
        pub permissions: ::std::vec::Vec<::std::string::String>,
        ///What was there, enough to undo it, under the action's name.
        pub previous: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
        ///Whether it is on the remediation; else it was made for this answer.
        pub recorded: bool,
        ///Whether it can be undone; what is disruptive leaves nothing to undo, what is destructive is gone for good.
        pub reversibility: PlanReversibility,
        pub target: crate::v0::types::Target,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub verification: ::std::option::Option<crate::v0::types::Verification>,
    }
    ///Whether it can be undone; what is disruptive leaves nothing to undo, what is destructive is gone for good.
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
    pub enum PlanReversibility {
        #[serde(rename = "reversible")]
        Reversible,
        #[serde(rename = "disruptive")]
        Disruptive,
        #[serde(rename = "destructive")]
        Destructive,
    }
    impl ::std::fmt::Display for PlanReversibility {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Reversible => f.write_str("reversible"),
                Self::Disruptive => f.write_str("disruptive"),
                Self::Destructive => f.write_str("destructive"),
            }
        }
    }
    impl ::std::str::FromStr for PlanReversibility {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "reversible" => Ok(Self::Reversible),
                "disruptive" => Ok(Self::Disruptive),
                "destructive" => Ok(Self::Destructive),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for PlanReversibility {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for PlanReversibility {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///One write to the cluster.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct PlannedChange {
        ///What reads there now, in the form of the patch; null is not there.
        #[serde(default, skip_serializing_if = "::serde_json::Map::is_empty")]
        pub former: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
        pub object: crate::v0::types::Target,
        ///`create`, `patch`, `apply`, `delete` or `evict`; others may come. What is applied to an object that is not there creates it.
        pub operation: ::std::string::String,
        ///An object to create, or a merge patch whose lists are merged by the names of their items; null takes a field away.
        #[serde(default, skip_serializing_if = "::serde_json::Map::is_empty")]
        pub patch: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
        ///The part of it that is written, such as `scale`.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub subresource: ::std::option::Option<::std::string::String>,
    }
    ///The data of one server-sent event.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct RemediationChange {
        pub remediation: crate::v0::types::Remediation,
        ///What happened.
        #[serde(rename = "type")]
        pub type_: RemediationChangeType,
    }
    ///What happened.
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
    pub enum RemediationChangeType {
        #[serde(rename = "added")]
        Added,
        #[serde(rename = "changed")]
        Changed,
        #[serde(rename = "deleted")]
        Deleted,
    }
    impl ::std::fmt::Display for RemediationChangeType {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Added => f.write_str("added"),
                Self::Changed => f.write_str("changed"),
                Self::Deleted => f.write_str("deleted"),
            }
        }
    }
    impl ::std::str::FromStr for RemediationChangeType {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "added" => Ok(Self::Added),
                "changed" => Ok(Self::Changed),
                "deleted" => Ok(Self::Deleted),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for RemediationChangeType {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for RemediationChangeType {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///What an approver asks for.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
    pub struct Request {
        ///Why; kept on the remediation. More than white space.
        pub reason: ::std::string::String,
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

Takes signed security events and shows what became of them. Alpha: may change, never silently. Every request carries a client certificate, a bearer token, and a signature over its exact bytes. A body is JSON, or the message of contracts/proto that x-protobuf-message names and that stands for the same JSON; an answer is JSON.

Version: 0.2.0-alpha.1*/
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
        "0.2.0-alpha.1"
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
        body: &'a crate::v1alpha1::types::Task,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::TaskReceipt>,
        Error<crate::v1alpha1::types::Problem>,
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
        body: &'a crate::v1alpha1::types::Cancellation,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::Remediation>,
        Error<crate::v1alpha1::types::Problem>,
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
        ResponseValue<crate::v1alpha1::types::CleanupResult>,
        Error<crate::v1alpha1::types::Problem>,
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

Sends a `POST` request to `/v1alpha1/events`

Arguments:
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: Up to 100 events of one cluster.
*/
    pub async fn ingest_events<'a, B: Into<reqwest::Body>>(
        &'a self,
        x_request_id: &'a str,
        body: B,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::Receipt>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!("{}/v1alpha1/events", self.baseurl,);
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

Sends a `POST` request to `/v1alpha1/events/falco`

Arguments:
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: The event as Falco writes it; fields that are not declared are accepted.
*/
    pub async fn ingest_falco<'a, B: Into<reqwest::Body>>(
        &'a self,
        x_request_id: &'a str,
        body: B,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::Receipt>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!("{}/v1alpha1/events/falco", self.baseurl,);
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

Sends a `POST` request to `/v1alpha1/events/kyverno`

Arguments:
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: The result or report as Policy Reporter or Kyverno writes it; fields that are not declared are accepted.
*/
    pub async fn ingest_kyverno<'a, B: Into<reqwest::Body>>(
        &'a self,
        x_request_id: &'a str,
        body: B,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::Receipt>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!("{}/v1alpha1/events/kyverno", self.baseurl,);
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

Sends a `POST` request to `/v1alpha1/events/trivy`

Arguments:
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: The report as Trivy writes it; fields that are not declared are accepted.
*/
    pub async fn ingest_trivy<'a, B: Into<reqwest::Body>>(
        &'a self,
        x_request_id: &'a str,
        body: B,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::Receipt>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!("{}/v1alpha1/events/trivy", self.baseurl,);
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

Sends a `GET` request to `/v1alpha1/remediations`

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
        severity: Option<&'a crate::v1alpha1::types::Severity>,
        source: Option<&'a str>,
        status: Option<&'a crate::v1alpha1::types::Status>,
        x_request_id: &'a str,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::RemediationList>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!("{}/v1alpha1/remediations", self.baseurl,);
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

Sends a `GET` request to `/v1alpha1/remediations/{id}`

Arguments:
- `id`: The remediation's `id`.
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
*/
    pub async fn get_remediation<'a>(
        &'a self,
        id: &'a str,
        x_request_id: &'a str,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::Remediation>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!(
            "{}/v1alpha1/remediations/{}", self.baseurl, encode_path(& id.to_string()),
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

Sends a `POST` request to `/v1alpha1/remediations/{id}/approve`

Arguments:
- `id`: The remediation's `id`.
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: Why.
*/
    pub async fn approve_remediation<'a>(
        &'a self,
        id: &'a str,
        x_request_id: &'a str,
        body: &'a crate::v1alpha1::types::Decision,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::Remediation>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!(
            "{}/v1alpha1/remediations/{}/approve", self.baseurl, encode_path(& id
            .to_string()),
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
    /**Get the plan of a remediation

What will be done, or was: what is on the remediation, and before anything is, what would be now. One whose plan is not known any more, or that cannot be planned, is 409 state_conflict, which says why.

Sends a `GET` request to `/v1alpha1/remediations/{id}/plan`

Arguments:
- `id`: The remediation's `id`.
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
*/
    pub async fn get_plan<'a>(
        &'a self,
        id: &'a str,
        x_request_id: &'a str,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::Plan>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!(
            "{}/v1alpha1/remediations/{}/plan", self.baseurl, encode_path(& id
            .to_string()),
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
            operation_id: "get_plan",
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

Sends a `POST` request to `/v1alpha1/remediations/{id}/reject`

Arguments:
- `id`: The remediation's `id`.
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: Why.
*/
    pub async fn reject_remediation<'a>(
        &'a self,
        id: &'a str,
        x_request_id: &'a str,
        body: &'a crate::v1alpha1::types::Decision,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::Remediation>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!(
            "{}/v1alpha1/remediations/{}/reject", self.baseurl, encode_path(& id
            .to_string()),
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
    /**Try again what failed

Makes a failed remediation pending again, as if it were new: it is planned again, and waits for an approval again unless its mode is automatic. What was rejected, may have left something on its target, or was tried again twenty times is 409 state_conflict. Sending it again is harmless, whenever that is.

Sends a `POST` request to `/v1alpha1/remediations/{id}/retry`

Arguments:
- `id`: The remediation's `id`.
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: Why.
*/
    pub async fn retry_remediation<'a>(
        &'a self,
        id: &'a str,
        x_request_id: &'a str,
        body: &'a crate::v1alpha1::types::Request,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::Remediation>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!(
            "{}/v1alpha1/remediations/{}/retry", self.baseurl, encode_path(& id
            .to_string()),
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
            operation_id: "retry_remediation",
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
    /**Undo what succeeded

Asks for a remediation that has succeeded to be undone, from the state that was recorded before the change; what another party has changed since stays. It begins as soon as no other remediation works on the target, and ends as rolled_back, reason RollbackRequested. What cannot be undone is 409 state_conflict. Sending it again is harmless.

Sends a `POST` request to `/v1alpha1/remediations/{id}/rollback`

Arguments:
- `id`: The remediation's `id`.
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: Why.
*/
    pub async fn rollback_remediation<'a>(
        &'a self,
        id: &'a str,
        x_request_id: &'a str,
        body: &'a crate::v1alpha1::types::Request,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::Remediation>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!(
            "{}/v1alpha1/remediations/{}/rollback", self.baseurl, encode_path(& id
            .to_string()),
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
            operation_id: "rollback_remediation",
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
    /**Lift the emergency stop

Lifts the emergency stop: what was held goes on where it was, and what had begun is executed or rolled back to its end. Only for the agent's own tenant. Sending it again is harmless.

Sends a `POST` request to `/v1alpha1/resume`

Arguments:
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: Why.
*/
    pub async fn emergency_resume<'a>(
        &'a self,
        x_request_id: &'a str,
        body: &'a crate::v1alpha1::types::Request,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::EmergencyStop>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!("{}/v1alpha1/resume", self.baseurl,);
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
            operation_id: "emergency_resume",
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
    /**Stop all changes of targets

Sets the emergency stop for all replicas. Within seconds nothing is executed or rolled back any more, and what is under way is cut off between two writes; events are still taken. Only for the agent's own tenant. Sending it again is harmless.

Sends a `POST` request to `/v1alpha1/stop`

Arguments:
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
- `body`: Why.
*/
    pub async fn emergency_stop<'a>(
        &'a self,
        x_request_id: &'a str,
        body: &'a crate::v1alpha1::types::Request,
    ) -> Result<
        ResponseValue<crate::v1alpha1::types::EmergencyStop>,
        Error<crate::v1alpha1::types::Problem>,
    > {
        let url = format!("{}/v1alpha1/stop", self.baseurl,);
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
            operation_id: "emergency_stop",
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
    /**Watch remediations

Server-sent events, one for each remediation that is added, changes its status or is deleted: the `event` is the change's `type`, the `data` the change as JSON (x-event-data), the `id` what Last-Event-ID takes. Without Last-Event-ID the stream begins with what there is: a `reset` (its data is an empty object), what is there as `added`, and an `id` at the end. So does a stream whose position has expired, and whatever was known before a `reset` is void. An event of nothing but an `id` moves the position on. With `status`, a remediation that leaves that status is `changed`, with the one that it has now. A deletion is told when it begins. The stream ends after `timeout_seconds`, or when the token expires; a certificate has at most 32 at a time, and all together 256.

Sends a `GET` request to `/v1alpha1/watch/remediations`

Arguments:
- `namespace`: Only those whose target is in this namespace. Nothing acts on the agent's own namespace, so its name stands for the remediations that are stored there.
- `severity`: Only those of this severity.
- `source`: Only those that this tool reported.
- `status`: Only those with this status.
- `timeout_seconds`: When the stream ends.
- `last_event_id`: The `id` of the last event that was seen; the stream goes on behind it. Any other text is refused with 400.
- `x_request_id`: A UUID or ULID, new for each request; sending a request again with the same one has effect once.
*/
    pub async fn watch_remediations<'a>(
        &'a self,
        namespace: Option<&'a str>,
        severity: Option<&'a crate::v1alpha1::types::Severity>,
        source: Option<&'a str>,
        status: Option<&'a crate::v1alpha1::types::Status>,
        timeout_seconds: Option<i64>,
        last_event_id: Option<&'a str>,
        x_request_id: &'a str,
    ) -> Result<ResponseValue<ByteStream>, Error<crate::v1alpha1::types::Problem>> {
        let url = format!("{}/v1alpha1/watch/remediations", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(3usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        if let Some(value) = last_event_id {
            header_map.append("Last-Event-ID", value.to_string().try_into()?);
        }
        header_map.append("X-Request-Id", x_request_id.to_string().try_into()?);
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .query(&progenitor_client::QueryParam::new("namespace", &namespace))
            .query(&progenitor_client::QueryParam::new("severity", &severity))
            .query(&progenitor_client::QueryParam::new("source", &source))
            .query(&progenitor_client::QueryParam::new("status", &status))
            .query(
                &progenitor_client::QueryParam::new("timeout_seconds", &timeout_seconds),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "watch_remediations",
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
            200u16 => Ok(ResponseValue::stream(response)),
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
}
/// Items consumers will typically use such as the Client.
pub mod prelude {
    #[allow(unused_imports)]
    pub use super::Client;
}
