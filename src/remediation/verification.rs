//! What has to hold after the change, beside what its action looks at: probes, and how long and how often they are asked.
//!
//! ```text
//!   effect of the action seen ─▶ initial delay ─▶ all probes, each interval ── all pass, for the soak time ──▶ succeeded
//!                                                   │ another answer: counted, and the soak time begins anew
//!                                                   └─ more of one kind than its limit, or the timeout ──▶ undone
//! ```
//!
//! Where the effect is gone, or cannot be looked at, the soak time begins anew as well. What cannot be undone (restart,
//! delete-pod, evict) ends failed, RollbackUnsupported, instead. Limits are of each probe, and of its whole verification.
//!
//! | answer | when | default limit |
//! |---|---|---|
//! | pass | it is as wanted | |
//! | failure | it is not | 0 |
//! | inconclusive | it was looked at, and says nothing | 0 |
//! | error | it could not be looked at | 3 |

mod probe;
mod progress;
mod spec;

pub use probe::{Check, ConditionProbe, ConditionStatus, Expected, HttpProbe, Probe, ProbeKind, ProbedObject, PrometheusProbe};
pub use progress::{Answer, Excess, ProbeStatus, VerificationStatus};
pub use spec::Verification;
