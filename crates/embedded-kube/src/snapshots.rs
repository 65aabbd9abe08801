//! Continue tokens: all pages of one listing come from one snapshot.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::ByteString;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::error::ApiError;
use crate::store::Snapshot;

/// So many listings may be under way at once; the one that waited longest makes room.
const MAX_SNAPSHOTS: usize = 64;
/// So long after its last page a listing may go on; a real API server compacts every 5 minutes.
const MAX_AGE: Duration = Duration::from_secs(300);

/// The snapshots of listings under way, by resourceVersion.
#[derive(Default)]
pub(crate) struct Snapshots(Mutex<HashMap<u64, (Arc<Snapshot>, Instant)>>);

impl Snapshots {
    /// Keeps a snapshot for the next page.
    pub(crate) fn keep(&self, snapshot: Arc<Snapshot>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(snapshot.revision, (snapshot, Instant::now()));
        if kept.len() > MAX_SNAPSHOTS
            && let Some(oldest) = kept.iter().min_by_key(|(_, (_, used))| *used).map(|(revision, _)| *revision)
        {
            kept.remove(&oldest);
        }
    }

    /// The snapshot of this resourceVersion, if it is still there.
    pub(crate) fn get(&self, revision: u64) -> Option<Arc<Snapshot>> {
        self.expire();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&revision).map(|(snapshot, _)| snapshot.clone())
    }

    /// Lets go of listings that were given up, so that the file can reuse their pages.
    pub(crate) fn expire(&self) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (_, used)| used.elapsed() < MAX_AGE);
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Where a listing goes on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    #[serde(rename = "v")]
    version: TokenVersion,
    /// The snapshot; `None` goes on with whatever is stored then.
    #[serde(rename = "rv")]
    pub revision: Option<u64>,
    /// The last key of the page before.
    #[serde(rename = "start")]
    pub after: String,
    /// How many objects the pages before passed, for `remainingItemCount`; unknown after a gap.
    pub seen: Option<u64>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum TokenVersion {
    #[serde(rename = "meta.k8s.io/v1")]
    V1,
}

impl Token {
    pub(crate) fn new(revision: Option<u64>, after: String, seen: Option<u64>) -> Self {
        Self { version: TokenVersion::V1, revision, after, seen }
    }

    /// Base64url without padding, so that it stands in a URL as it is.
    pub(crate) fn encode(&self) -> Result<String, ApiError> {
        let standard = serde_json::to_value(ByteString(serde_json::to_vec(self)?))?;
        let standard = standard.as_str().unwrap_or_default();
        Ok(standard.trim_end_matches('=').replace('+', "-").replace('/', "_"))
    }

    /// # Errors
    /// 400 for what [`Token::encode`] did not write.
    pub(crate) fn decode(token: &str) -> Result<Self, ApiError> {
        let padding = "=".repeat((4 - token.len() % 4) % 4);
        let standard = token.replace('-', "+").replace('_', "/") + &padding;
        let bytes = serde_json::from_value::<ByteString>(standard.into()).ok();
        let token = bytes.and_then(|bytes| serde_json::from_slice(&bytes.0).ok());
        token.ok_or_else(|| ApiError::bad_request("continue key is not valid"))
    }

    /// 410 for a token whose snapshot is gone, with one that goes on inconsistently.
    pub(crate) fn expired(self) -> ApiError {
        let message = "The provided continue parameter is too old to display a consistent list result. You can start a new list without \
                       the continue parameter, or use the continue token in this response to retrieve the remainder of the results. \
                       Continuing with the provided token results in an inconsistent list - objects that were created, modified, or \
                       deleted between the time the first chunk was returned and now may show up in the list.";
        ApiError::expired(message, Self { revision: None, seen: None, ..self }.encode().ok())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_needs_no_escaping() {
        for after in ["/pods/a/b", "zen.kube-zen.io/x/ns/ü?>~", "/p/n/abc"] {
            let token = Token::new(Some(7), after.into(), Some(500));
            let text = token.encode().unwrap();
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
            assert_eq!(Token::decode(&text).unwrap(), token);
        }
    }

    #[test]
    fn a_foreign_token_is_refused() {
        for wrong in ["abc", "", "e30", "%%%"] {
            assert_eq!(Token::decode(wrong).map_err(|error| error.code()), Err(400), "{wrong}");
        }
    }
}
