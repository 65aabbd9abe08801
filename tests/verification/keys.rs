//! What a verifier is set up with: files of token keys, HMAC secrets, certificates' names.

use rcgen::{DnType, KeyPair};
use serde_json::{Value, json};
use zen_agent::verify::{PeerIdentity, SetupError, TokenKeys};

use super::{mint::claims, *};

fn read(text: &str) -> Result<TokenKeys, String> {
    let mut keys = TokenKeys::default();
    keys.add(text, "keys.pem").map(|()| keys).map_err(|error| error.to_string())
}

fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// Whether a gate with these key files takes a token.
async fn takes(files: &[&str], token: &str) -> bool {
    let gate = Gate::with(|setup| setup.keys = mint::setup(files).keys);
    gate.code_of_token(token).await.is_none()
}

#[tokio::test]
async fn rsa_p256_and_ed25519_keys_are_read_from_pem_and_from_jwks() {
    for key in [TokenKey::rs256(), TokenKey::es256(), TokenKey::ed25519()] {
        let token = key.token(&claims());
        assert!(takes(&[&key.public_pem], &token).await, "{:?} from PEM", key.algorithm);
        assert!(takes(&[&jwks(&[key.jwk("a")])], &token).await, "{:?} from JWKS", key.algorithm);
    }
}

#[tokio::test]
async fn every_key_of_a_pem_file_and_every_file_counts() {
    let (one, two, three) = (TokenKey::es256(), TokenKey::ed25519(), TokenKey::es256());
    let both = format!("{}{}", one.public_pem, two.public_pem);
    for key in [&one, &two, &three] {
        assert!(takes(&[&both, &three.public_pem], &key.token(&claims())).await);
    }
}

#[tokio::test]
async fn the_key_id_of_a_token_selects_among_keys_that_have_one() {
    let (one, two) = (TokenKey::es256(), TokenKey::es256());
    let with = |key: &TokenKey, kid: &str| {
        let mut header = key.header();
        header.kid = Some(kid.into());
        key.token_with(&header, &claims())
    };
    let set = jwks(&[one.jwk("one"), two.jwk("two")]);
    assert!(takes(&[&set], &with(&one, "one")).await);
    assert!(takes(&[&set], &two.token(&claims())).await, "without an id, any key may have signed");
    assert!(!takes(&[&set], &with(&one, "two")).await, "the key that is named has not signed");
    assert!(!takes(&[&set], &with(&one, "three")).await, "the key that is named is not there");
    assert!(takes(&[&set, &one.public_pem], &with(&one, "three")).await, "a PEM file names no key");
}

#[tokio::test]
async fn keys_for_other_purposes_in_a_jwks_are_passed_over() {
    let key = TokenKey::es256();
    let but = |name: &str, value: Value| {
        let mut jwk = key.jwk("a");
        jwk[name] = value;
        jwk
    };
    let symmetric = json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" });
    for other in [but("use", "enc".into()), but("key_ops", json!(["encrypt"])), but("alg", "ES384".into()), symmetric] {
        assert_eq!(
            read(&jwks(std::slice::from_ref(&other))).err().unwrap(),
            "token keys in keys.pem: no key for RS256, ES256 or EdDSA in it",
            "{other}"
        );
        assert!(takes(&[&jwks(&[other, key.jwk("a")])], &key.token(&claims())).await);
    }
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_refused_with_the_reason() {
    let key = TokenKey::es256();
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap().public_key_pem();
    let mut short = key.jwk("a");
    short["x"] = "AAAA".into();
    for (text, reason) in [
        (String::new(), "neither PEM"),
        ("hello".into(), "neither PEM"),
        ("{}".into(), "not a JWKS"),
        (key.private_pem.clone(), "private key"),
        (mint::Ca::new("ca").pem, "something else"),
        (p384, "P-256"),
        (jwks(&[short]), "P-256"),
        (format!("{}{}", key.public_pem, key.private_pem), "private key"),
    ] {
        let error = read(&text).err().unwrap();
        assert!(error.starts_with("token keys in keys.pem: ") && error.contains(reason), "{error}");
    }
}

#[test]
fn secrets_that_cannot_be_used_are_named_and_not_shown() {
    let key = TokenKey::es256();
    let error = |kid: &str, secret: &str| {
        let mut setup = mint::setup(&[&key.public_pem]);
        setup.secrets.values_mut().for_each(|keys| drop(keys.insert(kid.into(), secret.to_owned().into())));
        Verifier::new(setup, Metrics::new()).err().unwrap().to_string()
    };
    let short = "whsec_c2hvcnQ=";
    for (kid, secret) in [("k-9", short), ("k-9", "c2hvcnQ="), ("not a kid", short)] {
        let error = error(kid, secret);
        assert!(error.contains(kid) && error.contains(mint::TENANT) && !error.contains("c2hvcnQ"), "{error}");
    }
}

#[test]
fn a_verifier_that_could_let_nobody_in_is_not_made() {
    let key = TokenKey::es256();
    let mut setup = mint::setup(&[&key.public_pem]);
    setup.secrets.clear();
    assert!(matches!(Verifier::new(setup, Metrics::new()).err(), Some(SetupError::NoSecret)));
    assert!(matches!(Verifier::new(mint::setup(&[]), Metrics::new()).err(), Some(SetupError::NoTokenKey)));
}

#[test]
fn a_certificate_names_one_cluster_and_one_tenant_or_none() {
    let ca = mint::Ca::new("ca");
    let of = |subject: &[(DnType, &str)]| {
        let peer = PeerIdentity::of(&ca.client_named(subject, |_| {}).der).unwrap();
        (peer.cluster, peer.tenant.map(|tenant| tenant.to_string()))
    };
    let (cn, o) = ((DnType::CommonName, "c"), (DnType::OrganizationName, "t"));
    let second = |kind: &[u64], value| (DnType::CustomDnType(kind.to_vec()), value);
    assert_eq!(of(&[cn.clone(), o.clone()]), (Some("c".into()), Some("t".into())));
    assert_eq!(of(std::slice::from_ref(&cn)), (Some("c".into()), None));
    assert_eq!(of(std::slice::from_ref(&o)), (None, Some("t".into())));
    assert_eq!(of(&[cn.clone(), o.clone(), second(&[2, 5, 4, 3], "d")]), (None, Some("t".into())), "two CNs");
    assert_eq!(of(&[cn.clone(), o.clone(), second(&[2, 5, 4, 10], "u")]), (Some("c".into()), None), "two Os");
    assert_eq!(of(&[cn, (DnType::OrganizationName, "a/b")]), (Some("c".into()), None), "no name of a tenant");
    assert_eq!(of(&[(DnType::CommonName, "two\nlines"), o]), (None, Some("t".into())));
    assert_eq!(PeerIdentity::of(b"no certificate"), None);
}
