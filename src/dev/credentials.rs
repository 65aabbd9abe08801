//! Throw-away credentials: a CA, a server and a client certificate, a token and an HMAC key.
//!
//! ```text
//! STATE/client/   what a client needs: ca.crt tls.crt tls.key token hmac.key hmac.kid tenant url
//! STATE/server/   what only the server may read: ca.crt ca.key tls.crt tls.key jwt.key jwt.pub
//! ```
//!
//! Whatever exists is reused; token and certificates are renewed while less than a day remains. A lock on `STATE/lock`
//! keeps a second process from preparing the same files at the same time.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::json;
use x509_parser::pem::Pem;

use super::{CLUSTER, TENANT, files};

/// What `iss` says in tokens of `zen-agent dev`.
pub const ISSUER: &str = "zen-agent-dev";
/// What `aud` says in them.
pub const AUDIENCE: &str = "zen-agent";
/// The id of the HMAC key.
pub const HMAC_KID: &str = "dev-1";

/// Below this, a token or certificate is renewed at start.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
const CERTIFICATE_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
const CA_LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// Why the credentials could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file could not be read or written.
    #[error("{path}: {source}; check that the state directory is yours and not full")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate could not be made from the stored CA.
    #[error("cannot issue certificates from the stored CA ({0}); remove the state directory's `server` and `client` to start afresh")]
    Certificate(#[from] rcgen::Error),
    /// The token could not be signed with the stored key.
    #[error("cannot sign a token with the stored key ({0}); remove the state directory's `server` and `client` to start afresh")]
    Token(#[from] jsonwebtoken::errors::Error),
    /// The operating system has no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// The credentials' files below a state directory.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// What a client needs.
    pub client: PathBuf,
    /// What only the server may read.
    pub server: PathBuf,
}

impl Credentials {
    /// Makes what is missing below `state`, and renews what ends soon.
    ///
    /// # Errors
    /// See [`CredentialsError`].
    pub fn prepare(state: &Path, url: &str, now: Timestamp) -> Result<Self, CredentialsError> {
        let this = Self { client: state.join("client"), server: state.join("server") };
        files::private_dir(state)?;
        files::alone(state, || this.write(url, now))?;
        Ok(this)
    }

    fn write(&self, url: &str, now: Timestamp) -> Result<(), CredentialsError> {
        files::private_dir(&self.client)?;
        files::private_dir(&self.server)?;
        let renewed_ca = self.prepare_ca(now)?;
        self.prepare_leaves(now, renewed_ca)?;
        self.prepare_token(now)?;
        self.prepare_hmac()?;
        files::write(&self.client.join("tenant"), TENANT)?;
        files::write(&self.client.join("url"), url)
    }

    fn prepare_ca(&self, now: Timestamp) -> Result<bool, CredentialsError> {
        let (cert, key) = (self.server.join("ca.crt"), self.server.join("ca.key"));
        if remaining(&cert, now) > MARGIN && key.exists() {
            return Ok(false);
        }
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "zen-agent dev CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity(&mut params, now, CA_LIFE);
        let pair = KeyPair::generate()?;
        files::write(&key, &pair.serialize_pem())?;
        files::write(&cert, &params.self_signed(&pair)?.pem())?;
        Ok(true)
    }

    fn prepare_leaves(&self, now: Timestamp, renewed_ca: bool) -> Result<(), CredentialsError> {
        let ca = files::read(&self.server.join("ca.crt"))?;
        files::write(&self.client.join("ca.crt"), &ca)?;
        let issuer = Issuer::from_ca_cert_pem(&ca, KeyPair::from_pem(&files::read(&self.server.join("ca.key"))?)?)?;
        for (dir, names, usage) in [
            (&self.server, vec!["localhost", "127.0.0.1", "::1"], ExtendedKeyUsagePurpose::ServerAuth),
            (&self.client, vec![], ExtendedKeyUsagePurpose::ClientAuth),
        ] {
            let (cert, key) = (dir.join("tls.crt"), dir.join("tls.key"));
            if !renewed_ca && remaining(&cert, now) > MARGIN && key.exists() {
                continue;
            }
            let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
            if usage == ExtendedKeyUsagePurpose::ServerAuth {
                params.distinguished_name.push(DnType::CommonName, "zen-agent dev");
            } else {
                params.distinguished_name.push(DnType::CommonName, CLUSTER);
                params.distinguished_name.push(DnType::OrganizationName, TENANT);
            }
            // Strict verifiers (Python's VERIFY_X509_STRICT for one) refuse a leaf without these.
            params.is_ca = IsCa::ExplicitNoCa;
            params.use_authority_key_identifier_extension = true;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![usage];
            validity(&mut params, now, CERTIFICATE_LIFE);
            let pair = KeyPair::generate()?;
            files::write(&key, &pair.serialize_pem())?;
            files::write(&cert, &params.signed_by(&pair, &issuer)?.pem())?;
        }
        Ok(())
    }

    fn prepare_token(&self, now: Timestamp) -> Result<(), CredentialsError> {
        let (key, public, token) = (self.server.join("jwt.key"), self.server.join("jwt.pub"), self.client.join("token"));
        let fresh = !key.exists() || !public.exists();
        if fresh {
            let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
            files::write(&key, &pair.serialize_pem())?;
            files::write(&public, &pair.public_key_pem())?;
        }
        let ends = fs::read_to_string(&token).ok().and_then(|text| expiry(text.trim()));
        if !fresh && ends.is_some_and(|ends| ends.duration_since(now) > MARGIN) {
            return Ok(());
        }
        let (iat, exp) = (now.as_second(), now.as_second() + TOKEN_LIFE.as_secs());
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "dev", "iat": iat, "nbf": iat, "exp": exp,
            "tenant_id": TENANT, "cluster_id": CLUSTER, "role": "admin",
        });
        let signing = EncodingKey::from_ec_pem(files::read(&key)?.as_bytes())?;
        files::write(&token, &jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &signing)?)
    }

    fn prepare_hmac(&self) -> Result<(), CredentialsError> {
        let key = self.client.join("hmac.key");
        if !key.exists() {
            let mut secret = [0_u8; 32];
            getrandom::fill(&mut secret)?;
            files::write(&key, &format!("whsec_{}", BASE64_STANDARD.encode(secret)))?;
        }
        files::write(&self.client.join("hmac.kid"), HMAC_KID)
    }
}

fn validity(params: &mut CertificateParams, now: Timestamp, life: SignedDuration) {
    // Five minutes back, for clients whose clock is a little late.
    let at = |second: i64| time::OffsetDateTime::from_unix_timestamp(second).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    params.not_before = at(now.as_second() - 300);
    params.not_after = at(now.as_second() + life.as_secs());
}

/// The time until a certificate ends; zero when there is none to read.
fn remaining(cert: &Path, now: Timestamp) -> SignedDuration {
    let read = || {
        let pem = Pem::iter_from_buffer(&fs::read(cert).ok()?).next()?.ok()?;
        let ends = pem.parse_x509().ok()?.validity().not_after.timestamp();
        Some(Timestamp::from_second(ends).ok()?.duration_since(now))
    };
    read().unwrap_or(SignedDuration::ZERO)
}

/// The `exp` of a token that this process signed itself, so that reading it needs no proof.
fn expiry(token: &str) -> Option<Timestamp> {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims["exp"].as_i64()?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
mod tests {
    use super::*;

    fn contents(credentials: &Credentials) -> Vec<String> {
        let names = ["ca.crt", "tls.crt", "tls.key", "token", "hmac.key", "hmac.kid", "tenant"];
        names.iter().map(|name| fs::read_to_string(credentials.client.join(name)).unwrap()).collect()
    }

    #[test]
    fn a_second_start_reuses_everything() {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let first = contents(&Credentials::prepare(dir.path(), "https://127.0.0.1:8443", now).unwrap());
        let second = contents(&Credentials::prepare(dir.path(), "https://127.0.0.1:8443", now).unwrap());
        assert_eq!(first, second);
    }

    #[test]
    fn what_ends_within_a_day_is_renewed_and_the_rest_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let first = contents(&Credentials::prepare(dir.path(), "https://127.0.0.1:8443", now).unwrap());
        let later = now + TOKEN_LIFE - SignedDuration::from_hours(23);
        let second = contents(&Credentials::prepare(dir.path(), "https://127.0.0.1:8443", later).unwrap());
        assert_ne!(first[3], second[3], "the token has 23 hours left, so it is renewed");
        assert_eq!((&first[..3], &first[4..]), (&second[..3], &second[4..]));
        let latest = now + CERTIFICATE_LIFE - SignedDuration::from_hours(23);
        let third = contents(&Credentials::prepare(dir.path(), "https://127.0.0.1:8443", latest).unwrap());
        assert_eq!(first[0], third[0], "the CA lives on");
        assert_ne!(first[1], third[1], "the certificate has 23 hours left, so it is renewed");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let credentials = Credentials::prepare(dir.path(), "https://127.0.0.1:8443", Timestamp::now()).unwrap();
        for entry in fs::read_dir(&credentials.client).unwrap().chain(fs::read_dir(&credentials.server).unwrap()) {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600);
        }
    }
}
