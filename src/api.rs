//! The HTTP API: from a request to a verified, validated, typed call, and back.
//!
//! ```text
//!  request ─▶ Operations ─▶ OpenApiService ─▶ Dispatcher ───────────────────────────────▶ answer
//!             404, 405      routes of one     1 verify    2 parameters   3 JSON, or a message that stands for it
//!             as problems   contract          4 schema    5 types        6 handler    7 render
//! ```
//!
//! Which operations there are, and what they take and answer, is generated from the contract
//! ([`crate::contract`]); this module is what the generated code runs on.

mod dispatch;
mod handlers;
pub(crate) mod json;
pub mod meta;
mod mount;
mod parameters;
pub(crate) mod problem;
mod protobuf;
mod reply;
mod routes;
pub mod view;

pub use dispatch::Dispatcher;
pub use handlers::{Handlers, Places};
pub use mount::{Mount, RouteTable};
pub use reply::{EventStream, IntoReply, Reply};
pub use routes::{Operations, Surface};

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
