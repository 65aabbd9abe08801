//! A caller with every proof that verification asks for.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc};

use http::{Method, uri::Scheme};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use poem::{
    Request, RequestParts,
    web::{LocalAddr, RemoteAddr},
};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use secrecy::ExposeSecret as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    signature,
    telemetry::Metrics,
    verify::{PeerIdentity, Setup, TokenKeys, Verifier},
};

pub(super) const REQUEST_ID: &str = "0198c0de-0000-7000-8000-000000000001";
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Signs requests as an admin of tenant `acme` on cluster `cluster-1`.
pub(super) struct Signed {
    token: String,
    peer: Arc<PeerIdentity>,
}

/// A verifier, and a caller that it accepts.
pub(super) fn verifier_and_caller(metrics: &Metrics) -> (Verifier, Signed) {
    let key = KeyPair::generate().unwrap();
    let mut keys = TokenKeys::default();
    keys.add(&key.public_key_pem(), "test").unwrap();
    let setup = Setup {
        cluster: "cluster-1".into(),
        secrets: BTreeMap::from([("acme".parse().unwrap(), BTreeMap::from([("key-1".to_owned(), SECRET.into())]))]),
        issuer: "issuer".into(),
        audience: "audience".into(),
        keys,
        max_body: 10 << 20,
        requests_per_second: NonZeroU32::MAX,
    };
    let claims = json!({
        "iss": "issuer", "aud": "audience", "exp": Timestamp::now().as_second() + 600, "sub": "test",
        "tenant_id": "acme", "cluster_id": "cluster-1", "role": "admin",
    });
    let signing = EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).unwrap();
    let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &signing).unwrap();
    let mut certificate = CertificateParams::new([]).unwrap();
    certificate.distinguished_name = DistinguishedName::new();
    certificate.distinguished_name.push(DnType::CommonName, "cluster-1");
    certificate.distinguished_name.push(DnType::OrganizationName, "acme");
    let peer = PeerIdentity::of(certificate.self_signed(&key).unwrap().der()).unwrap();
    (Verifier::new(setup, metrics.clone()).unwrap(), Signed { token, peer: Arc::new(peer) })
}

impl Signed {
    /// A request in the version of its path; `/api/v1` is called in v0.
    pub(super) fn request(&self, method: Method, uri: &str, body: String) -> Request {
        self.request_of(method, uri, "application/json", body.into_bytes())
    }

    /// The same, of a media type.
    pub(super) fn request_of(&self, method: Method, uri: &str, media_type: &str, body: Vec<u8>) -> Request {
        let version = if uri.starts_with("/v1alpha1/") { "v1alpha1" } else { "v0" };
        let (now, digest) = (Timestamp::now().as_second(), Sha256::digest(&body).into());
        let base = signature::base_string(now, method.as_str(), uri, version, "acme", REQUEST_ID, &digest);
        let secret = signature::read_secret(SECRET).unwrap();
        // As the listener makes it: poem's own builder knows no original URI, which is what is signed.
        let request = http::Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "localhost")
            .header("authorization", format!("Bearer {}", self.token))
            .header("x-request-id", REQUEST_ID)
            .header("x-tenant-id", "acme")
            .header("x-zen-contract-version", version)
            .header("x-signature", signature::sign(secret.expose_secret(), "key-1", now, &base))
            .header("last-event-id", "41")
            .header("content-type", media_type)
            .extension(self.peer.clone())
            .body(());
        let (parts, ()) = request.unwrap().into_parts();
        let parts = RequestParts::from((parts, LocalAddr::default(), RemoteAddr::default(), Scheme::HTTPS));
        Request::from_parts(parts, body.into())
    }
}
