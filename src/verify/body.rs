//! The body's type and size, before anything is made of it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, future};
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use poem::Body;

use super::headers::single;
use crate::{
    contract::Operation,
    problem::{Code, Problem},
};

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

/// Reads the body, at most `limit` bytes, whatever its Content-Length says.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut stream = body.into_bytes_stream();
    let mut read = BytesMut::with_capacity(declared.unwrap_or_default().min(64 * 1024));
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Problem::new(Code::InvalidJson, "The body ended early"))?;
        if declared.is_some_and(|length| length > limit) || read.len() + chunk.len() > limit {
            drop(read);
            // Most clients read no answer before they have sent everything, so they are given the time to.
            let rest = stream.take_while(|chunk| future::ready(chunk.is_ok())).scan(limit, |left, chunk| {
                *left = left.saturating_sub(chunk.map_or(0, |chunk| chunk.len()));
                future::ready((*left > 0).then_some(()))
            });
            let drained = tokio::time::timeout(PATIENCE, rest.for_each(|()| future::ready(()))).await;
            tracing::debug!(in_time = drained.is_ok(), "the rest of a body that is too large was thrown away");
            return Err(Problem::new(Code::BodyTooLarge, format!("A body has at most {limit} bytes")));
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.freeze())
}
