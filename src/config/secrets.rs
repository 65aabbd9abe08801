//! The HMAC secrets: of all tenants from a file, of the agent's own from two settings.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::{HmacSecrets, Settings, validate::Errors};
use crate::{
    identity::Tenant,
    signature::{is_kid, read_secret},
};

/// The secrets of the keys file, and HMAC_SECRET as one more key of the agent's own tenant.
pub(super) fn read(errors: &mut Errors, settings: &Settings, tenant: Option<&Tenant>) -> HmacSecrets {
    let mut keys = settings.hmac_keys_file.as_deref().map(|path| from_file(errors, path)).unwrap_or_default();
    match (&settings.hmac_key_id, &settings.hmac_secret) {
        (Some(kid), Some(secret)) => {
            if let Some(tenant) = tenant {
                keys.entry(tenant.clone()).or_default().insert(kid.clone(), secret.clone().into());
            }
        }
        (None, None) => {}
        _ => errors.add("hmac_key_id, hmac_secret", "set both or neither"),
    }
    if keys.is_empty() && settings.hmac_keys_file.is_none() && settings.hmac_secret.is_none() {
        errors.add("hmac", "no tenant has a key; set HMAC_KEY_ID and HMAC_SECRET, or HMAC_KEYS_FILE");
    }
    for (tenant, secrets) in &keys {
        for (kid, secret) in secrets {
            // A secret that stands where its id should is not repeated.
            let kid = if is_kid(kid) && !kid.starts_with("whsec_") {
                kid
            } else {
                errors.add("hmac", format_args!("a key id of tenant {tenant} is not 1 to 64 letters, digits, '.', '_' or '-'"));
                "with that id"
            };
            if let Err(error) = read_secret(secret.expose_secret()) {
                errors.add("hmac", format_args!("key {kid} of tenant {tenant}: {error}"));
            }
        }
    }
    keys
}

fn from_file(errors: &mut Errors, path: &str) -> HmacSecrets {
    let Some((_, text)) = errors.read_secret_file("hmac_keys_file", Some(path)) else { return BTreeMap::new() };
    // A YAML error can quote what it stands at, so only its place is told.
    let parsed = serde_yaml_ng::from_slice::<BTreeMap<String, BTreeMap<String, SecretString>>>(&text);
    let tenants = parsed.unwrap_or_else(|error| {
        let why = match error.location() {
            Some(at) => format!("line {} is not of the form tenant → key id → secret", at.line()),
            None => "not of the form tenant → key id → secret".to_owned(),
        };
        errors.add("hmac_keys_file", why);
        BTreeMap::new()
    });
    tenants.into_iter().filter_map(|(name, secrets)| Some((errors.parsed::<Tenant>("hmac_keys_file", Some(&name))?, secrets))).collect()
}
