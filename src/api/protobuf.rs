//! A body in Protocol Buffers, which takes its share of the memory as it is read.
//!
//! A message of two bytes may be an object of 768, so nothing is built before its share is taken:
//!
//! ```text
//!  bytes ─▶ read ─▶ for each value: more than one body may take?  413
//!                                   more than is left of what all may take together?  503
//!                   ─▶ Value, and its share until the request is answered ─▶ schema ─▶ types
//! ```

use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::sync::SemaphorePermit;

use super::json::{CONTAINER, Memory, SCALAR, UNIT, busy, too_many};
use crate::{
    contract::proto::{Message, Refused, Weight},
    problem::{Code, Problem},
};

/// How many units are taken at a time.
const STEP: usize = 16;

impl Memory {
    /// Reads a body as the JSON that it stands for. What it takes is given back when the share is dropped.
    pub(super) fn read(&self, message: &'static Message, body: &[u8]) -> Result<(Value, SemaphorePermit<'_>), Problem> {
        let mut share = Share { memory: self, weight: 0, permit: self.acquire(0)? };
        share.take(body.len())?;
        let read = message.read(body, |weight| match weight {
            Weight::Container => share.take(CONTAINER),
            Weight::Scalar => share.take(SCALAR),
        });
        match read {
            // The type is not signed: of what is both, nobody knows which was meant.
            Ok(_) if body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(body).is_ok() => {
                Err(Problem::new(Code::InvalidJson, "The body is JSON as well, and its Content-Type is not signed."))
            }
            Ok(value) => Ok((value, share.permit)),
            Err(Refused::NoRoom(problem)) => Err(problem),
            Err(Refused::Malformed { at, why }) => {
                Err(Problem::new(Code::InvalidJson, format!("The body is no {}: at byte {at} is {why}.", message.name())))
            }
        }
    }

    fn acquire(&self, count: usize) -> Result<SemaphorePermit<'_>, Problem> {
        u32::try_from(count).ok().and_then(|count| self.free.try_acquire_many(count).ok()).ok_or_else(busy)
    }
}

/// What a body takes so far.
struct Share<'m> {
    memory: &'m Memory,
    weight: usize,
    permit: SemaphorePermit<'m>,
}

impl Share<'_> {
    fn take(&mut self, bytes: usize) -> Result<(), Problem> {
        self.weight = self.weight.saturating_add(bytes);
        if self.weight > self.memory.most {
            return Err(too_many());
        }
        let (had, all) = (self.permit.num_permits(), self.memory.most.div_ceil(UNIT));
        let wanted = self.weight.div_ceil(UNIT).next_multiple_of(STEP).min(all);
        if wanted > had {
            self.permit.merge(self.memory.acquire(wanted - had)?);
        }
        Ok(())
    }
}
