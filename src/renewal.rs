//! Files that are read again and again, so that renewed ones are in force without a restart: the API's certificates
//! ([`runtime`](crate::runtime)), and what a forwarder asks of its callers ([`forward`](crate::forward)).
//!
//! Half-way through a replacement of several they cannot be used together: then, and as long as one cannot be read, what was there
//! before stays in force.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// How often they are read.
pub(crate) const PERIOD: Duration = Duration::from_secs(5);

/// What was made of files.
pub(crate) trait Loaded: Send + 'static {
    /// Of all of them: tells whether they changed, without keeping a secret.
    fn digest(&self) -> &[u8; 32];
}

/// The digest of these files, whose number and order is always the same.
pub(crate) fn digest<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    files.into_iter().fold(Sha256::new(), |all, file| all.chain_update(Sha256::digest(file))).finalize().into()
}

/// Reads the files; whether what they hold is something else, and has taken the place of what was there.
pub(crate) async fn look<T: Loaded, E: Send + 'static>(
    load: impl FnOnce() -> Result<T, E> + Send + 'static,
    current: &mut T,
) -> Result<bool, E> {
    // It fails only where the process ends.
    let Ok(found) = tokio::task::spawn_blocking(load).await else { return Ok(false) };
    let found = found?;
    let changed = found.digest() != current.digest();
    if changed {
        *current = found;
    }
    Ok(changed)
}
