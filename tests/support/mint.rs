//! Everything a client needs to be let in, made on the spot: certificates, tokens, signatures.
//!
//! [`Draft`] is a request in terms of what it means; [`Draft::sent`] signs it and writes the
//! headers. So a test says what is wrong with a request, and the rest of it is right.

#![allow(dead_code, unreachable_pub, reason = "several binaries include this file, and each uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use poem::web::{LocalAddr, RemoteAddr};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyPair, RevokedCertParams, RsaKeySize, SerialNumber, date_time_ymd,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zen_agent::{
    signature,
    verify::{PeerIdentity, Setup, TokenKeys},
};

pub const TENANT: &str = "acme";
pub const CLUSTER: &str = "cluster-1";
pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "zen-agent";
pub const KID: &str = "k-1";
pub const SECRET: [u8; 32] = [7; 32];
pub const REQUEST_ID: &str = "0198c0de-0000-7000-8000-000000000001";
/// When drafts are sent, unless they say otherwise.
pub const NOW: i64 = 1_760_000_000;

/// A certificate authority.
pub struct Ca {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Leaf {
    pub cert: String,
    pub key: String,
    pub der: Vec<u8>,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().unwrap();
        Self { pem: params.self_signed(&key).unwrap().pem(), issuer: Issuer::new(params, key) }
    }

    /// A list that revokes the certificates of these serial numbers, and whose time is over with this year.
    pub fn revokes(&self, serials: &[u64], until: i32) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2001, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2001, 1, 1),
            next_update: date_time_ymd(until, 12, 31),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    /// A client's certificate of this serial number.
    pub fn numbered(&self, serial: u64) -> Leaf {
        let subject = [(DnType::CommonName, CLUSTER), (DnType::OrganizationName, TENANT)];
        self.client_named(&subject, |params| params.serial_number = Some(SerialNumber::from(serial)))
    }

    pub fn server(&self) -> Leaf {
        self.leaf(&[(DnType::CommonName, "server")], ExtendedKeyUsagePurpose::ServerAuth, |_| {})
    }

    pub fn client(&self, cluster: &str, tenant: &str) -> Leaf {
        self.client_named(&[(DnType::CommonName, cluster), (DnType::OrganizationName, tenant)], |_| {})
    }

    pub fn client_named(&self, subject: &[(DnType, &str)], edit: impl FnOnce(&mut CertificateParams)) -> Leaf {
        self.leaf(subject, ExtendedKeyUsagePurpose::ClientAuth, edit)
    }

    fn leaf(&self, subject: &[(DnType, &str)], usage: ExtendedKeyUsagePurpose, edit: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        params.extended_key_usages = vec![usage];
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { cert: cert.pem(), key: key.serialize_pem(), der: cert.der().to_vec() }
    }
}

/// A key that signs tokens.
pub struct TokenKey {
    pub public_pem: String,
    pub private_pem: String,
    pub algorithm: Algorithm,
    encoding: EncodingKey,
    public: Vec<u8>,
}

impl TokenKey {
    pub fn es256() -> Self {
        Self::of(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(), Algorithm::ES256)
    }

    pub fn ed25519() -> Self {
        Self::of(KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(), Algorithm::EdDSA)
    }

    pub fn rs256() -> Self {
        Self::of(KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap(), Algorithm::RS256)
    }

    fn of(pair: KeyPair, algorithm: Algorithm) -> Self {
        let private_pem = pair.serialize_pem();
        let encoding = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_pem(private_pem.as_bytes()),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(private_pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(private_pem.as_bytes()),
        };
        Self {
            public_pem: pair.public_key_pem(),
            private_pem,
            algorithm,
            encoding: encoding.unwrap(),
            public: pair.public_key_raw().to_vec(),
        }
    }

    pub fn jwk(&self, kid: &str) -> Value {
        if self.algorithm == Algorithm::EdDSA {
            return json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "x": BASE64_URL_SAFE_NO_PAD.encode(&self.public) });
        }
        let mut jwk = Jwk::from_encoding_key(&self.encoding, self.algorithm).unwrap();
        jwk.common.key_id = Some(kid.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    pub fn header(&self) -> Header {
        Header::new(self.algorithm)
    }

    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&self.header(), claims)
    }

    pub fn token_with(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.encoding).unwrap()
    }
}

/// A token whose algorithm is `none`.
pub fn unsigned_token(claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT" })), part(claims))
}

/// A token that is signed by HMAC, with a public key's text as the secret.
pub fn confused_token(public_pem: &str, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(public_pem.as_bytes())).unwrap()
}

/// The claims of an admin of [`TENANT`] in [`CLUSTER`].
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "tester", "nbf": NOW - 60, "exp": NOW + 3_600,
        "tenant_id": TENANT, "cluster_id": CLUSTER, "role": "admin",
    })
}

/// A setup that accepts [`Draft`]s, at no more than 4 KiB a body.
pub fn setup(public_keys: &[&str]) -> Setup {
    let mut keys = TokenKeys::default();
    for text in public_keys {
        keys.add(text, "test").unwrap();
    }
    let secret = |bytes: [u8; 32]| format!("whsec_{}", BASE64_STANDARD.encode(bytes)).into();
    let of = |kid: &str, bytes| BTreeMap::from([(kid.to_owned(), secret(bytes))]);
    let mut own = of(KID, SECRET);
    own.extend(of("k-2", [8; 32]));
    Setup {
        cluster: CLUSTER.to_owned(),
        secrets: BTreeMap::from([(TENANT.parse().unwrap(), own), ("umbrella".parse().unwrap(), of("k-umbrella", [9; 32]))]),
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys,
        max_body: 4_096,
        requests_per_second: NonZeroU32::MAX,
    }
}

/// A request, before it is signed.
#[derive(Clone)]
pub struct Draft {
    pub method: &'static str,
    pub target: String,
    pub version: String,
    pub request_id: String,
    pub tenant: String,
    pub claims: Value,
    pub content_type: String,
    pub body: Vec<u8>,
    pub timestamp: i64,
    pub kid: String,
    pub secret: [u8; 32],
    /// What the client's certificate says.
    pub peer: PeerIdentity,
}

impl Draft {
    pub fn new() -> Self {
        Self {
            method: "POST",
            target: "/v0/events".into(),
            version: "v0".into(),
            request_id: REQUEST_ID.into(),
            tenant: TENANT.into(),
            claims: claims(),
            content_type: "application/json".into(),
            body: br#"{"events":[]}"#.to_vec(),
            timestamp: NOW,
            kid: KID.into(),
            secret: SECRET,
            peer: PeerIdentity { cluster: Some(CLUSTER.into()), tenant: TENANT.parse().ok(), fingerprint: [1; 32] },
        }
    }

    /// Signed, with a token by `key`.
    pub fn sent(self, key: &TokenKey) -> Sent {
        let token = key.token(&self.claims);
        self.sent_with(&token)
    }

    pub fn sent_with(self, token: &str) -> Sent {
        let digest: [u8; 32] = Sha256::digest(&self.body).into();
        let base =
            signature::base_string(self.timestamp, self.method, &self.target, &self.version, &self.tenant, &self.request_id, &digest);
        let headers = [
            ("host", "localhost".into()),
            ("x-zen-contract-version", self.version),
            ("x-request-id", self.request_id),
            ("x-tenant-id", self.tenant),
            ("authorization", format!("Bearer {token}")),
            ("content-type", self.content_type),
            ("content-length", self.body.len().to_string()),
            ("x-signature", signature::sign(&self.secret, &self.kid, self.timestamp, &base)),
        ];
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Sent { method: self.method, target: self.target, headers, body: self.body, peer: Some(self.peer) }
    }
}

/// A request as it goes over the wire.
#[derive(Clone)]
pub struct Sent {
    pub method: &'static str,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub peer: Option<PeerIdentity>,
}

impl Sent {
    pub fn get(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str()).unwrap()
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.add(name, value);
    }

    pub fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(header, _)| header != name);
    }

    /// The request as the listener hands it to the endpoint.
    pub fn received(self) -> poem::Request {
        let mut request = http::Request::builder().method(self.method).uri(self.target);
        for (name, value) in self.headers {
            request = request.header(name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let parts = (parts, LocalAddr::default(), RemoteAddr::default(), http::uri::Scheme::HTTPS).into();
        let mut request = poem::Request::from_parts(parts, poem::Body::from(self.body));
        if let Some(peer) = self.peer {
            request.set_data(Arc::new(peer));
        }
        request
    }

    /// The request in HTTP/1.1, on a connection that closes after it.
    pub fn http1(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        [text.as_bytes(), &self.body].concat()
    }
}
