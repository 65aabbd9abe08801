//! Answers that are no problems, before they are rendered with the request's id and version.

use std::time::Duration;

use futures::stream::BoxStream;
use http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{
    IntoResponse, Response,
    web::sse::{Event, SSE},
};
use serde::Serialize;

use super::problem::write_echo;
use crate::problem::Echo;

/// A stream of server-sent events; it ends when the handler ends it.
pub type EventStream = BoxStream<'static, Event>;

/// Comments sent so often keep proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What the generated response types turn into.
pub trait IntoReply {
    /// The reply.
    fn into_reply(self) -> Reply;
}

/// A status, a body and the headers that the handler decided on.
pub struct Reply {
    status: u16,
    content: Content,
    headers: Vec<(&'static str, String)>,
}

enum Content {
    Json(serde_json::Result<Vec<u8>>),
    Events(EventStream),
}

/// A reply that cannot be put on the wire: a defect.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unrenderable {
    /// The body is no JSON.
    #[error("the body cannot be written as JSON")]
    Body(#[from] serde_json::Error),
    /// The status is none.
    #[error("the status cannot be written")]
    Status(#[from] http::status::InvalidStatusCode),
    /// A header's value is none.
    #[error("a header cannot be written")]
    Header(#[from] http::header::InvalidHeaderValue),
}

impl Reply {
    /// A JSON document.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        Self { status, content: Content::Json(serde_json::to_vec(body)), headers: Vec::new() }
    }

    /// A stream of events.
    pub fn events(status: u16, events: EventStream) -> Self {
        Self { status, content: Content::Events(events), headers: Vec::new() }
    }

    /// The same with a header, if there is a value.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.headers.extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(super) fn render(self, echo: &Echo) -> Result<Response, Unrenderable> {
        let mut response = match self.content {
            Content::Json(body) => Response::builder().header(header::CONTENT_TYPE, "application/json").body(body?),
            Content::Events(events) => SSE::new(events).keep_alive(KEEP_ALIVE).into_response(),
        };
        response.set_status(StatusCode::from_u16(self.status)?);
        for (name, value) in self.headers {
            if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                response.headers_mut().insert(name, HeaderValue::try_from(value)?);
            }
        }
        write_echo(echo, &mut response);
        Ok(response)
    }
}
