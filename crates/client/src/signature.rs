//! `X-Signature`: what is signed, how the header is written, and how strictly it is read.
//!
//! ```text
//!  "v1" LF timestamp LF METHOD LF path?query LF version LF tenant LF request id LF hex(SHA-256(body))
//!                                      │ HMAC-SHA256 with the tenant's secret of this kid
//!                                      ▼
//!  X-Signature: t=<unix seconds>,kid=<key id>,v1=<lowercase hex>
//! ```
//!
//! The client writes it, the verifier reads it, and `contracts/signature-vectors.json` lets any
//! other program check its own code. Whether the time is near enough, the kid is known and the MAC
//! is right is for the verifier to say.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::SecretSlice;
use sha2::Sha256;

/// Secrets are at least this long: the output of the hash, below which HMAC loses strength.
pub const MIN_SECRET_BYTES: usize = 32;
/// What stands before the base64 text of a secret in its file, as in Standard Webhooks.
pub const SECRET_PREFIX: &str = "whsec_";
const MAX_KID: usize = 64;
const MAX_TIMESTAMP_DIGITS: usize = 12;

/// The text that is signed; `path_and_query` is exactly what stands on the request line.
pub fn base_string(
    timestamp: i64,
    method: &str,
    path_and_query: &str,
    version: &str,
    tenant: &str,
    request_id: &str,
    body_sha256: &[u8; 32],
) -> String {
    format!("v1\n{timestamp}\n{method}\n{path_and_query}\n{version}\n{tenant}\n{request_id}\n{}", hex::encode(body_sha256))
}

/// HMAC-SHA256 of a base string. Compare it in constant time only.
pub fn mac(secret: &[u8], base_string: &str) -> [u8; 32] {
    match Hmac::<Sha256>::new_from_slice(secret) {
        Ok(hmac) => hmac.chain_update(base_string.as_bytes()).finalize().into_bytes().into(),
        Err(impossible) => unreachable!("HMAC takes keys of any length: {impossible}"),
    }
}

/// Signs a base string and writes the header's value; `timestamp` is the one in the base string.
pub fn sign(secret: &[u8], kid: &str, timestamp: i64, base_string: &str) -> String {
    Signature { timestamp, kid: kid.to_owned(), mac: mac(secret, base_string) }.to_string()
}

/// Whether `text` can be a key id: 1 to 64 of `A-Z a-z 0-9 . _ -`.
pub fn is_kid(text: &str) -> bool {
    (1..=MAX_KID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Reads a secret as its file holds it: `whsec_` and base64; white space around it is ignored.
///
/// # Errors
/// Says what is wrong with the text without repeating any of it.
pub fn read_secret(text: &str) -> Result<SecretSlice<u8>, SecretError> {
    let encoded = text.trim().strip_prefix(SECRET_PREFIX).ok_or(SecretError::Prefix)?;
    let secret = SecretSlice::from(STANDARD.decode(encoded).map_err(|_| SecretError::Base64)?);
    if secrecy::ExposeSecret::expose_secret(&secret).len() < MIN_SECRET_BYTES {
        return Err(SecretError::TooShort);
    }
    Ok(secret)
}

/// Why a text is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The prefix is missing.
    #[error("an HMAC secret starts with `whsec_`")]
    Prefix,
    /// The rest is no base64.
    #[error("an HMAC secret is standard base64, with padding, after `whsec_`")]
    Base64,
    /// Too few bytes.
    #[error("an HMAC secret has at least 32 bytes; generate one with `openssl rand -base64 32`")]
    TooShort,
}

/// The header, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Unix seconds at which it was signed.
    pub timestamp: i64,
    /// Which of the tenant's secrets it was signed with.
    pub kid: String,
    /// The HMAC-SHA256 that the sender computed.
    pub mac: [u8; 32],
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t={},kid={},v1={}", self.timestamp, self.kid, hex::encode(self.mac))
    }
}

/// The header is not exactly `t=<unix seconds>,kid=<key id>,v1=<64 lowercase hex digits>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("X-Signature is `t=<unix seconds>,kid=<key id>,v1=<lowercase hex HMAC-SHA256>`")]
pub struct MalformedSignature;

impl FromStr for Signature {
    type Err = MalformedSignature;

    // One spelling only: two readers can then never understand one header differently.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("t=").ok_or(MalformedSignature)?;
        let (timestamp, rest) = rest.split_once(",kid=").ok_or(MalformedSignature)?;
        let (kid, mac) = rest.split_once(",v1=").ok_or(MalformedSignature)?;

        let canonical = timestamp == "0" || !timestamp.starts_with('0');
        let digits = (1..=MAX_TIMESTAMP_DIGITS).contains(&timestamp.len()) && timestamp.bytes().all(|b| b.is_ascii_digit());
        if !canonical || !digits || !is_kid(kid) || mac.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(MalformedSignature);
        }
        let timestamp = timestamp.parse().map_err(|_| MalformedSignature)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(mac, &mut bytes).map_err(|_| MalformedSignature)?;
        Ok(Self { timestamp, kid: kid.to_owned(), mac: bytes })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text = sign(b"secret", "k-1._Z", 1_760_000_000, "base");
        let read: Signature = text.parse().unwrap();
        assert_eq!((read.timestamp, read.kid.as_str(), read.mac), (1_760_000_000, "k-1._Z", mac(b"secret", "base")));
        assert_eq!(read.to_string(), text);
    }

    #[test]
    fn the_base_string_has_eight_lines_and_no_final_line_feed() {
        let text = base_string(7, "POST", "/v0/events?a=b", "v0", "acme", "id", &[0; 32]);
        assert_eq!(text, format!("v1\n7\nPOST\n/v0/events?a=b\nv0\nacme\nid\n{}", "0".repeat(64)));
    }

    #[test]
    fn secrets_are_prefixed_base64_of_32_bytes_or_more() {
        let text = format!("whsec_{}\n", STANDARD.encode([7; 32]));
        assert_eq!(read_secret(&text).unwrap().expose_secret(), [7; 32]);
        let refused = |text: &str| read_secret(text).unwrap_err();
        assert_eq!(refused(&STANDARD.encode([7; 32])), SecretError::Prefix);
        assert_eq!(refused("whsec_***"), SecretError::Base64);
        assert_eq!(refused(&format!("whsec_{}", STANDARD.encode([7; 31]))), SecretError::TooShort);
    }
}
