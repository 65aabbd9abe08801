//! The gate: what gets through verification and what does not, and the listener in front of it.
//!
//! `order`, `tokens` and `signatures` ask the verifier directly, with a clock that stands still;
//! `handshake`, `limits`, `shutdown` and `wire` ask a `listener` over real sockets on loopback.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod handshake;
mod keys;
mod limits;
mod listener;
#[path = "../support/log.rs"]
mod log;
#[path = "../support/mint.rs"]
mod mint;
mod order;
mod shutdown;
mod signatures;
mod tokens;
mod wire;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::Timestamp;
use zen_agent::{
    contract::{ContractVersion, MediaType, Operation},
    identity::Role,
    problem::Code,
    telemetry::Metrics,
    verify::{Received, Refusal, Setup, Verified, Verifier},
};

use mint::{Draft, NOW, Sent, TokenKey};

/// Takes JSON; for approvers.
static APPROVE: Operation =
    Operation { id: "approve", version: Some(ContractVersion::V0), role: Role::Approver, media_types: &[MediaType::Json] };
/// Takes no body, and either version; for viewers.
static READ: Operation = Operation { id: "read", version: None, role: Role::Viewer, media_types: &[] };

/// What is done to a request after it was signed.
type After = fn(&mut Sent);

/// A verifier whose clock stands at [`NOW`] until it is set.
struct Gate {
    verifier: Verifier,
    metrics: Metrics,
    key: TokenKey,
    clock: Arc<AtomicI64>,
}

impl Gate {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(edit: impl FnOnce(&mut Setup)) -> Self {
        let key = TokenKey::es256();
        let mut setup = mint::setup(&[&key.public_pem]);
        edit(&mut setup);
        let (metrics, clock) = (Metrics::new(), Arc::new(AtomicI64::new(NOW)));
        let now = Arc::clone(&clock);
        let now = move || Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap();
        Self { verifier: Verifier::with_clock(setup, metrics.clone(), now).unwrap(), metrics, key, clock }
    }

    fn set_clock(&self, second: i64) {
        self.clock.store(second, Ordering::Relaxed);
    }

    async fn ask(&self, operation: &'static Operation, sent: Sent) -> Result<Verified<Received>, Refusal> {
        self.verifier.verify(operation, sent.received()).await
    }

    /// The code that a request for [`APPROVE`] is refused with.
    async fn code(&self, sent: Sent) -> Option<Code> {
        self.ask(&APPROVE, sent).await.err().map(|refusal| refusal.problem.code)
    }

    async fn code_of_draft(&self, edit: impl FnOnce(&mut Draft)) -> Option<Code> {
        let mut draft = Draft::new();
        edit(&mut draft);
        self.code(draft.sent(&self.key)).await
    }

    async fn code_of_token(&self, token: &str) -> Option<Code> {
        self.code(Draft::new().sent_with(token)).await
    }
}
