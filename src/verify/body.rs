//! The body's type and size, before anything is made of it.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use poem::{Body, error::ReadBodyError};

use super::headers::single;
use crate::{
    contract::Operation,
    problem::{Code, Problem},
};

/// A body that takes longer holds a connection and memory for nothing.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

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

/// Reads the body, at most `limit` bytes, whatever its Content-Length says.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Code::BodyTooLarge, format!("A body has at most {limit} bytes"));
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    match tokio::time::timeout(READ_TIMEOUT, body.into_bytes_limit(limit)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(too_large()),
        // The bytes that were signed are not all here, so that no signature can hold.
        Ok(Err(_)) => Err(Problem::new(Code::InvalidSignature, "The body ended before it was complete")),
        Err(_) => Err(Problem::new(Code::Unavailable, "The body did not arrive within 30 seconds; send it again")),
    }
}
