//! The HMAC over the exact bytes; see [`crate::signature`] for its form.

use std::collections::{BTreeMap, HashMap};

use http::{HeaderMap, HeaderName, Method, Uri};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use subtle::ConstantTimeEq;

use super::{
    CLOCK_SKEW, SetupError,
    headers::{Named, single},
};
use crate::{
    identity::Tenant,
    problem::{Code, Problem},
    signature::{Signature, base_string, is_kid, mac, read_secret},
};

pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("x-signature");

/// The secrets of every tenant, by key id. A tenant without one can send nothing.
pub(super) struct Secrets(HashMap<Tenant, HashMap<String, SecretSlice<u8>>>);

/// What is signed.
pub(super) struct Signed<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) named: &'a Named,
    pub(super) body_digest: &'a [u8; 32],
}

impl Secrets {
    pub(super) fn read(tenants: &BTreeMap<Tenant, BTreeMap<String, SecretString>>) -> Result<Self, SetupError> {
        let mut read = HashMap::new();
        for (tenant, keys) in tenants {
            let mut secrets = HashMap::new();
            for (kid, text) in keys {
                let bad = |why: String| SetupError::Secret { tenant: tenant.clone(), kid: kid.clone(), why };
                if !is_kid(kid) {
                    return Err(bad("the key id is not 1 to 64 of A-Z a-z 0-9 . _ -".to_owned()));
                }
                let secret = read_secret(text.expose_secret()).map_err(|error| bad(error.to_string()))?;
                secrets.insert(kid.clone(), secret);
            }
            read.insert(tenant.clone(), secrets);
        }
        if read.values().all(HashMap::is_empty) {
            return Err(SetupError::NoSecret);
        }
        Ok(Self(read))
    }

    pub(super) fn check(&self, headers: &HeaderMap, signed: &Signed<'_>, now: Timestamp) -> Result<(), Problem> {
        let refused = |why: &'static str| Problem::new(Code::InvalidSignature, why);
        let sent = single(headers, &SIGNATURE).map_err(|_| refused("X-Signature is missing, or there more than once"))?;
        let signature: Signature =
            sent.parse().map_err(|_| refused("X-Signature is not of the form t=<unix seconds>,kid=<key id>,v1=<lowercase hex>"))?;
        if signature.timestamp.abs_diff(now.as_second()) > CLOCK_SKEW.unsigned_abs() {
            return Err(refused("The signature's time is more than 120 seconds off; check the clock"));
        }
        let named = signed.named;
        let secret = self.0.get(&named.tenant).and_then(|keys| keys.get(&signature.kid));
        let secret = secret.ok_or_else(|| refused("The signature's key id is unknown"))?;
        // Exactly as sent: what a proxy or router made of the path is not what was signed.
        let target = signed.uri.path_and_query().map_or("/", |target| target.as_str());
        let base = base_string(
            signature.timestamp,
            signed.method.as_str(),
            target,
            named.version.as_str(),
            named.tenant.as_str(),
            named.request_id.as_sent(),
            signed.body_digest,
        );
        let expected = mac(secret.expose_secret(), &base);
        bool::from(expected.ct_eq(&signature.mac)).then_some(()).ok_or_else(|| refused("The signature does not match the request"))
    }
}
