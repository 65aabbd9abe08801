//! The public keys of tokens, from PEM and JWKS files.
//!
//! The algorithm is that of the key: RSA means RS256, P-256 ES256, Ed25519 EdDSA. What a token says
//! of its own algorithm only has to agree, so neither `none` nor HMAC with a public key gets in.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, Header,
    jwk::{AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use x509_parser::{
    pem::Pem,
    prelude::{FromDer, SubjectPublicKeyInfo},
    public_key::{PublicKey, RSAPublicKey},
};

use super::SetupError;

/// RSA keys of 2,048 to 8,192 bits, in bytes.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;
/// An uncompressed point on P-256: a 4, then x and y.
const P256_POINT_BYTES: usize = 65;
const ED25519_BYTES: usize = 32;

/// The public keys that tokens may be signed with.
#[derive(Default)]
pub struct TokenKeys(Vec<Key>);

pub(super) struct Key {
    /// From a JWKS; a PEM file names none.
    kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl TokenKeys {
    /// Adds the keys in a PEM file with public keys, or in a JWKS document.
    ///
    /// # Errors
    /// [`SetupError::TokenKey`] when it holds none that can be used, or what should not be there.
    pub fn add(&mut self, text: &str, origin: &str) -> Result<(), SetupError> {
        let read = if text.trim_start().starts_with('{') { jwks(text) } else { pem(text) };
        self.0.extend(read.map_err(|why| SetupError::TokenKey { origin: origin.to_owned(), why: why.to_owned() })?);
        Ok(())
    }

    /// Whether there is no key, so that no token is accepted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that may have signed a token with this header: the one it names, else those without a name.
    pub(super) fn candidates<'a>(&'a self, header: &'a Header) -> impl Iterator<Item = &'a Key> {
        let named = header.kid.is_some() && self.0.iter().any(|key| key.kid == header.kid);
        let fits = move |key: &Key| match &header.kid {
            None => true,
            Some(_) if named => key.kid == header.kid,
            Some(_) => key.kid.is_none(),
        };
        self.0.iter().filter(move |key| key.algorithm == header.alg && fits(key))
    }
}

fn pem(text: &str) -> Result<Vec<Key>, &'static str> {
    let mut keys = Vec::new();
    for block in Pem::iter_from_buffer(text.as_bytes()) {
        let block = block.map_err(|_| "a PEM block in it cannot be read")?;
        let (algorithm, key) = match block.label.as_str() {
            "PUBLIC KEY" => spki(&block.contents)?,
            "RSA PUBLIC KEY" => {
                let (_, key) = RSAPublicKey::from_der(&block.contents).map_err(|_| "an RSA key in it is malformed")?;
                rsa(key.modulus, key.exponent)?
            }
            label if label.ends_with("PRIVATE KEY") => {
                return Err("it holds a private key, which only the issuer may have; put the public key");
            }
            _ => {
                return Err("it holds something else than public keys; extract them with `openssl x509 -pubkey` or `openssl pkey -pubout`");
            }
        };
        keys.push(Key { kid: None, algorithm, key });
    }
    if keys.is_empty() { Err("neither PEM public keys nor a JWKS document") } else { Ok(keys) }
}

fn spki(der: &[u8]) -> Result<(Algorithm, DecodingKey), &'static str> {
    let (_, info) = SubjectPublicKeyInfo::from_der(der).map_err(|_| "a public key in it is malformed")?;
    match info.parsed().map_err(|_| "a public key in it is malformed")? {
        PublicKey::RSA(key) => rsa(key.modulus, key.exponent),
        PublicKey::EC(point) => p256(point.data()),
        PublicKey::Unknown(bytes) if info.algorithm.algorithm.to_id_string() == "1.3.101.112" => ed25519(bytes),
        _ => Err("a public key in it is neither RSA, P-256 nor Ed25519"),
    }
}

fn jwks(text: &str) -> Result<Vec<Key>, &'static str> {
    let set: JwkSet = serde_json::from_str(text).map_err(|_| "not a JWKS document (RFC 7517)")?;
    let mut keys = Vec::new();
    for jwk in &set.keys {
        // Keys for other purposes, and of other kinds, may stand in the same set.
        if let Some((algorithm, key)) = of_jwk(jwk)? {
            keys.push(Key { kid: jwk.common.key_id.clone(), algorithm, key });
        }
    }
    if keys.is_empty() { Err("no key for RS256, ES256 or EdDSA in it") } else { Ok(keys) }
}

fn of_jwk(jwk: &Jwk) -> Result<Option<(Algorithm, DecodingKey)>, &'static str> {
    let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| "a key in it is not base64url");
    let read = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) if verifies(&jwk.common, KeyAlgorithm::RS256) => rsa(&bytes(&key.n)?, &bytes(&key.e)?),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 && verifies(&jwk.common, KeyAlgorithm::ES256) => {
            p256(&[&[4][..], &bytes(&key.x)?, &bytes(&key.y)?].concat())
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 && verifies(&jwk.common, KeyAlgorithm::EdDSA) => {
            ed25519(&bytes(&key.x)?)
        }
        _ => return Ok(None),
    };
    read.map(Some)
}

/// Whether a key is for signatures of this algorithm, as far as it says.
fn verifies(common: &CommonParameters, algorithm: KeyAlgorithm) -> bool {
    common.key_algorithm.is_none_or(|declared| declared == algorithm)
        && common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify))
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<(Algorithm, DecodingKey), &'static str> {
    // A DER integer has a leading zero where it would else be negative.
    let unsigned = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
    let (modulus, exponent) = (unsigned(modulus), unsigned(exponent));
    if !RSA_BYTES.contains(&modulus.len()) {
        return Err("an RSA key in it has not 2048 to 8192 bits");
    }
    Ok((Algorithm::RS256, DecodingKey::from_rsa_raw_components(&modulus, &exponent)))
}

fn p256(point: &[u8]) -> Result<(Algorithm, DecodingKey), &'static str> {
    if point.len() != P256_POINT_BYTES || point[0] != 4 {
        return Err("an elliptic-curve key in it is not an uncompressed point on P-256");
    }
    Ok((Algorithm::ES256, DecodingKey::from_ec_der(point)))
}

fn ed25519(key: &[u8]) -> Result<(Algorithm, DecodingKey), &'static str> {
    if key.len() != ED25519_BYTES {
        return Err("an Edwards-curve key in it is not Ed25519");
    }
    Ok((Algorithm::EdDSA, DecodingKey::from_ed_der(key)))
}
