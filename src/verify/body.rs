//! The body's type and size, before anything is made of it.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, future};
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT},
};
use http_body_util::{BodyDataStream, combinators::BoxBody};
use poem::Body;

use super::headers::single;
use crate::{
    contract::Operation,
    problem::{Code, Problem},
};

/// A body that takes longer holds a connection and memory for nothing.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How many of the largest bodies may be under way at once.
const LARGEST_AT_ONCE: usize = 16;
/// When to come back if there are more.
const BUSY_WAIT: Duration = Duration::from_secs(1);
/// How long the rest of a body that is refused is thrown away before the answer.
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

/// The bytes of all bodies that are being read. A body is read before its signature is known to hold, so
/// many large ones at once must not take all memory.
pub(super) struct Buffers {
    taken: AtomicUsize,
    most: usize,
}

/// What one body takes of them; dropping it gives it back.
struct Share<'a> {
    buffers: &'a Buffers,
    bytes: usize,
}

impl Buffers {
    /// Room for [`LARGEST_AT_ONCE`] bodies of `limit` bytes, or for many more small ones.
    pub(super) fn new(limit: usize) -> Self {
        Self { taken: AtomicUsize::new(0), most: limit.saturating_mul(LARGEST_AT_ONCE) }
    }
}

impl Share<'_> {
    fn take(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        if self.buffers.taken.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.buffers.most {
            return Ok(());
        }
        Err(Problem::new(Code::Unavailable, "The agent reads too many bodies at once; send the request again").retry_after(BUSY_WAIT))
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.buffers.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A request's body, before and while it is read.
pub(super) struct Incoming {
    pieces: BodyDataStream<BoxBody<Bytes, io::Error>>,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    /// The client asked first (`Expect: 100-continue`): it has sent nothing, and is told to start by the first read.
    Asked,
    /// More may come.
    Open,
    /// Nothing more comes, or not in time.
    Over,
}

impl Incoming {
    pub(super) fn of(headers: &HeaderMap, body: Body) -> Self {
        let state = if headers.contains_key(EXPECT) { State::Asked } else { State::Open };
        Self { pieces: BodyDataStream::new(BoxBody::from(body)), state }
    }

    /// Reads the body, of which at most `limit` bytes are ever kept, whatever its Content-Length says.
    pub(super) async fn read(&mut self, headers: &HeaderMap, limit: usize, buffers: &Buffers) -> Result<Bytes, Problem> {
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let too_large = || Problem::new(Code::BodyTooLarge, format!("A body has at most {limit} bytes"));
        if declared.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        self.state = State::Open;
        let (mut read, mut share) = (BytesMut::new(), Share { buffers, bytes: 0 });
        let reading = async {
            while let Some(piece) = self.pieces.next().await {
                // The bytes that were signed are not all here, so that no signature can hold.
                let piece = piece.map_err(|_| Problem::new(Code::InvalidSignature, "The body ended before it was complete"))?;
                if read.len() + piece.len() > limit {
                    return Err(too_large());
                }
                share.take(piece.len())?;
                read.extend_from_slice(&piece);
            }
            Ok(())
        };
        match tokio::time::timeout(READ_TIMEOUT, reading).await {
            Ok(Ok(())) => {
                self.state = State::Over;
                Ok(read.freeze())
            }
            Ok(Err(problem)) => Err(problem),
            Err(_) => {
                self.state = State::Over;
                Err(Problem::new(Code::Unavailable, "The body did not arrive within 30 seconds; send it again"))
            }
        }
    }

    /// Throws away up to `limit` bytes of what still comes. Most clients read no answer before they have
    /// sent everything; were the connection closed under them, the answer would be lost.
    pub(super) async fn discard(self, limit: usize) {
        if self.state != State::Open {
            return;
        }
        let mut left = limit;
        let rest = self.pieces.take_while(|piece| {
            left = left.saturating_sub(piece.as_ref().map_or(limit, Bytes::len));
            future::ready(left > 0)
        });
        let in_time = tokio::time::timeout(PATIENCE, rest.for_each(|_| future::ready(()))).await.is_ok();
        tracing::debug!(in_time, "the rest of a refused body was thrown away");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// A body of one byte whose end comes when the sender is dropped.
    fn open() -> (futures::channel::mpsc::UnboundedSender<io::Result<Bytes>>, Body) {
        let (sender, pieces) = futures::channel::mpsc::unbounded();
        sender.unbounded_send(Ok(Bytes::from_static(b"x"))).unwrap();
        (sender, Body::from_bytes_stream(pieces))
    }

    #[tokio::test]
    async fn bodies_that_are_read_at_once_share_a_bounded_memory() {
        let (buffers, headers) = (Buffers::new(1), HeaderMap::new());
        let (mut ends, mut reading) = (Vec::new(), Vec::new());
        for _ in 0..LARGEST_AT_ONCE {
            let (end, body) = open();
            ends.push(end);
            let (buffers, headers) = (&buffers, &headers);
            let mut read = Box::pin(async move { Incoming::of(headers, body).read(headers, 1, buffers).await });
            assert!(futures::poll!(&mut read).is_pending());
            reading.push(read);
        }
        let refused = Incoming::of(&headers, open().1).read(&headers, 1, &buffers).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::Unavailable, Some(BUSY_WAIT)));
        // One is read to its end, another is given up: both leave their place.
        drop(ends.pop());
        assert_eq!(reading.pop().unwrap().await.unwrap(), "x");
        drop((ends.pop(), reading.pop()));
        let (end, body) = open();
        drop(end);
        assert_eq!(Incoming::of(&headers, body).read(&headers, 1, &buffers).await.unwrap(), "x");
        drop(reading);
        assert_eq!(buffers.taken.load(Ordering::Relaxed), 0);
    }
}
