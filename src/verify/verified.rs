//! The proof that a request passed every check.

use super::Caller;

/// A value that came with a request whose certificate, headers, token and signature all hold.
///
/// Only `verify` can make one; it can be turned into another by [`Verified::map`] and
/// [`Verified::try_map`], so a handler that takes a `Verified<T>` cannot be reached around the checks.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    caller: Caller,
    value: T,
}

impl<T> Verified<T> {
    /// The only constructor; visible to the verifier alone.
    pub(super) fn new(caller: Caller, value: T) -> Self {
        Self { caller, value }
    }

    /// Who sent the request, as proven by certificate, token and signature.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What was sent.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Takes the proof apart, once a handler needs both halves by value.
    pub fn into_parts(self) -> (Caller, T) {
        (self.caller, self.value)
    }

    /// Carries the proof over to what `f` makes of the value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Verified<U> {
        Verified { value: f(self.value), caller: self.caller }
    }

    /// Like [`Verified::map`], for a step that can fail.
    ///
    /// # Errors
    /// Whatever `f` returns.
    pub fn try_map<U, E>(self, f: impl FnOnce(T) -> Result<U, E>) -> Result<Verified<U>, E> {
        Ok(Verified { value: f(self.value)?, caller: self.caller })
    }
}
