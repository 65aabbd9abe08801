//! The body's type and size, before anything is made of it.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, future};
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT},
};
use http_body_util::{BodyDataStream, BodyExt as _, LengthLimitError, Limited};
use poem::Body;

use super::headers::single;
use crate::{
    contract::Operation,
    problem::{Code, Problem},
};

/// A body that takes longer holds a connection and memory for nothing.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the rest of a body that is too large is thrown away before it is refused.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the body is of a type that the operation takes; parameters of the type are ignored.
pub(super) fn check_type(headers: &HeaderMap, operation: &Operation) -> Result<(), Problem> {
    if operation.media_types.is_empty() {
        return Ok(());
    }
    let refused = || {
        let types = operation.media_types.join(" or ");
        Problem::new(Code::UnsupportedMediaType, format!("Send the body as {types}, without a content encoding"))
    };
    let sent = single(headers, &CONTENT_TYPE).map_err(|_| refused())?;
    let essence = sent.split(';').next().unwrap_or_default().trim();
    let known = operation.media_types.iter().any(|known| known.eq_ignore_ascii_case(essence));
    let plain = headers.get_all(CONTENT_ENCODING).iter().all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    (known && plain).then_some(()).ok_or_else(refused)
}

/// Reads the body, of which at most `limit` bytes are ever kept, whatever its Content-Length says.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut body = http_body_util::combinators::BoxBody::from(body);
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let too_large = || Problem::new(Code::BodyTooLarge, format!("A body has at most {limit} bytes"));
    if declared.is_some_and(|length| length > limit) {
        // Who asked first has sent nothing yet, and is not to start.
        if !headers.contains_key(EXPECT) {
            discard(body, limit).await;
        }
        return Err(too_large());
    }
    let reading = Limited::new(&mut body, limit).collect();
    match tokio::time::timeout(READ_TIMEOUT, reading).await {
        Ok(Ok(read)) => Ok(read.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            discard(body, limit).await;
            Err(too_large())
        }
        // The bytes that were signed are not all here, so that no signature can hold.
        Ok(Err(_)) => Err(Problem::new(Code::InvalidSignature, "The body ended before it was complete")),
        Err(_) => Err(Problem::new(Code::Unavailable, "The body did not arrive within 30 seconds; send it again")),
    }
}

/// Most clients read no answer before they have sent everything, so they are given the time to, up
/// to another `limit` bytes. Nothing of it is kept.
async fn discard(body: http_body_util::combinators::BoxBody<Bytes, std::io::Error>, limit: usize) {
    let mut left = limit;
    let rest = BodyDataStream::new(body).take_while(|chunk| {
        left = left.saturating_sub(chunk.as_ref().map_or(limit, Bytes::len));
        future::ready(left > 0)
    });
    let in_time = tokio::time::timeout(PATIENCE, rest.for_each(|_| future::ready(()))).await.is_ok();
    tracing::debug!(in_time, "the rest of a body that is too large was thrown away");
}
