//! A tenant's name.

use std::{borrow::Borrow, fmt, str::FromStr};

/// A tenant's name: a valid, non-empty Kubernetes label value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(String);

impl Tenant {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// As its text is ordered, so is the tenant.
impl Borrow<str> for Tenant {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tenant {
    type Err = NotATenant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        is_label_value(text).then(|| Self(text.to_owned())).ok_or(NotATenant)
    }
}

/// The text is no valid Kubernetes label value.
#[derive(Debug, thiserror::Error)]
#[error("a tenant is 1 to 63 letters, digits, '-', '_' or '.', and starts and ends with a letter or digit")]
pub struct NotATenant;

/// A label's value that is not empty, by the Kubernetes documentation ("Labels and Selectors: syntax and character set").
pub fn is_label_value(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let edges = [text.bytes().next(), text.bytes().next_back()];
    text.len() <= 63 && text.bytes().all(inner) && edges.iter().all(|edge| edge.is_some_and(|b| b.is_ascii_alphanumeric()))
}
