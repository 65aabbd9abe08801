//! The body's type and size, before anything is made of it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
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
    contract::{MediaType, Operation},
    problem::{BUSY_WAIT, Code, Problem},
};

/// A body that takes longer holds a connection and memory for nothing.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How many of the largest bodies may be under way at once.
const LARGEST_AT_ONCE: usize = 16;
/// How long the rest of a body that is refused is thrown away before the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What of what the operation takes the body is written in, if it takes one; parameters of the type are ignored.
pub(super) fn check_type(headers: &HeaderMap, operation: &Operation) -> Result<Option<MediaType>, Problem> {
    if operation.media_types.is_empty() {
        return Ok(None);
    }
    let refused = || {
        let types: Vec<_> = operation.media_types.iter().map(|known| known.as_str()).collect();
        Problem::new(Code::UnsupportedMediaType, format!("Send the body as {}, without a content encoding", types.join(" or ")))
    };
    let sent = single(headers, &CONTENT_TYPE).map_err(|_| refused())?;
    let essence = sent.split(';').next().unwrap_or_default().trim();
    let known = operation.media_types.iter().find(|known| known.as_str().eq_ignore_ascii_case(essence)).copied();
    let plain = headers.get_all(CONTENT_ENCODING).iter().all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    known.filter(|_| plain).map(Some).ok_or_else(refused)
}

/// The bytes of all bodies that are read, until they are parsed. A body is read before its signature is
/// known to hold, so many large ones at once must not take all memory.
#[derive(Clone)]
pub(super) struct Buffers {
    taken: Arc<AtomicUsize>,
    most: usize,
}

/// A body, and what it takes of them; dropping it gives it back.
struct Buffered {
    read: BytesMut,
    buffers: Buffers,
    taken: usize,
}

impl Buffers {
    /// Room for [`LARGEST_AT_ONCE`] bodies of `limit` bytes, or for many more small ones.
    pub(super) fn new(limit: usize) -> Self {
        Self { taken: Arc::default(), most: limit.saturating_mul(LARGEST_AT_ONCE) }
    }
}

impl Buffered {
    fn add(&mut self, piece: &[u8]) -> Result<(), Problem> {
        self.taken += piece.len();
        if self.buffers.taken.fetch_add(piece.len(), Ordering::Relaxed) + piece.len() > self.buffers.most {
            let detail = "The agent reads too many bodies at once; send the request again";
            return Err(Problem::new(Code::Unavailable, detail).retry_after(BUSY_WAIT));
        }
        self.read.extend_from_slice(piece);
        Ok(())
    }
}

impl AsRef<[u8]> for Buffered {
    fn as_ref(&self) -> &[u8] {
        &self.read
    }
}

impl Drop for Buffered {
    fn drop(&mut self) {
        self.buffers.taken.fetch_sub(self.taken, Ordering::Relaxed);
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

    /// Reads the body, of which at most `limit` bytes are ever kept, whatever its Content-Length says. Its place
    /// among the buffers is free again when it is dropped.
    pub(super) async fn read(&mut self, headers: &HeaderMap, limit: usize, buffers: &Buffers) -> Result<Bytes, Problem> {
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let too_large = || Problem::new(Code::BodyTooLarge, format!("A body has at most {limit} bytes"));
        if declared.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        self.state = State::Open;
        let mut body = Buffered { read: BytesMut::new(), buffers: buffers.clone(), taken: 0 };
        let reading = async {
            while let Some(piece) = self.pieces.next().await {
                // The bytes that were signed are not all here, so that no signature can hold.
                let piece = piece.map_err(|_| Problem::new(Code::InvalidSignature, "The body ended before it was complete"))?;
                if body.taken + piece.len() > limit {
                    return Err(too_large());
                }
                body.add(&piece)?;
            }
            Ok(())
        };
        match tokio::time::timeout(READ_TIMEOUT, reading).await {
            Ok(Ok(())) => {
                self.state = State::Over;
                Ok(Bytes::from_owner(body))
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
    async fn bodies_share_a_bounded_memory_while_they_are_read_and_until_they_are_dropped() {
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
        // One that was read keeps its place; one that is given up leaves it.
        drop(ends.pop());
        let read = reading.pop().unwrap().await.unwrap();
        assert_eq!(Incoming::of(&headers, open().1).read(&headers, 1, &buffers).await.unwrap_err().code, Code::Unavailable);
        drop((ends.pop(), reading.pop()));
        let (end, body) = open();
        drop(end);
        assert_eq!(Incoming::of(&headers, body).read(&headers, 1, &buffers).await.unwrap(), "x");
        assert_eq!(read, "x");
        drop((read, reading));
        assert_eq!(buffers.taken.load(Ordering::Relaxed), 0);
    }
}
