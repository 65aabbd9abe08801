//! The messages of `contracts/proto` that may be bodies of requests, and how one is read: as the JSON that it stands for.
//!
//! ```text
//!  bytes ─▶ read, by the tables that the build makes ─▶ Value ─▶ from here on as a body that was JSON: schema, types, handler
//! ```
//!
//! So the schemas judge, once, whatever a body was written in. Stricter than Protocol Buffers ask for, since a body is an order: what
//! is not declared is a violation, and what may stand once stands once.

mod read;

use std::fmt;

pub use read::{Refused, Weight};

#[allow(missing_docs, reason = "the messages are documented in contracts/proto")]
mod tables {
    include!(concat!(env!("OUT_DIR"), "/proto.rs"));
}
pub use tables::*;

/// A message.
pub struct Message {
    name: &'static str,
    form: Form,
    fields: &'static [Field],
}

impl Message {
    /// Its full name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// Messages refer to each other in circles, so their names have to do.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a message is in JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// An object with a member for each field.
    Object,
    /// The value of the one field that is set.
    Union,
    /// An object: its one field, a map.
    Map,
    /// A list: its one field.
    List,
}

/// A field of a message.
struct Field {
    number: u32,
    /// Its name in JSON.
    name: &'static str,
    label: Label,
    kind: Kind,
}

/// How many values a field has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    One,
    List,
    /// By texts.
    Map,
}

/// Of what kind a value is.
enum Kind {
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    /// Numbers, and what they are in JSON.
    Enum(&'static [(i32, &'static str)]),
    Message(&'static Message),
}
