//! The files that settings name, read and judged as those who will use them do.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rustls::RootCertStore;

use super::{Settings, TlsFiles, validate::Errors};
use crate::{
    identity::Tenant,
    pipeline::Reach,
    policy::Policy,
    remediation::ActionKind,
    saas::{self, Peer},
    serve::tls,
    verify::TokenKeys,
};

/// Why the file should have other permissions, if everybody on the machine may read it.
pub fn readable_by_all(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o004 != 0)
        .then(|| format!("{} holds a secret, and every user of the machine may read it; take that away (chmod o-r)", path.display()))
}

impl Errors {
    pub(super) fn read(&mut self, name: &str, value: Option<&str>) -> Option<(PathBuf, Vec<u8>)> {
        let path = PathBuf::from(self.required(name, value.map(str::to_owned))?);
        let read = fs::read(&path).map_err(|error| self.add(name, format_args!("cannot read {}: {error}", path.display())));
        Some((path, read.ok()?))
    }

    pub(super) fn read_secret_file(&mut self, name: &str, value: Option<&str>) -> Option<(PathBuf, Vec<u8>)> {
        let (path, content) = self.read(name, value)?;
        if let Some(why) = readable_by_all(&path) {
            self.warn(name, why);
        }
        Some((path, content))
    }
}

/// The listener's files: each for itself, then together.
pub(super) fn tls(errors: &mut Errors, settings: &Settings) -> Option<TlsFiles> {
    let cert = errors.read("tls_cert_file", settings.tls_cert_file.as_deref());
    let key = errors.read_secret_file("tls_key_file", settings.tls_key_file.as_deref());
    let ca = errors.read("tls_client_ca_file", settings.tls_client_ca_file.as_deref());
    let crl = settings.tls_client_crl_file.as_deref().map(|path| errors.read("tls_client_crl_file", Some(path)));
    let judged = [
        ("tls_cert_file", cert.as_ref().map(|(_, pem)| tls::chain(pem).map(drop))),
        ("tls_key_file", key.as_ref().map(|(_, pem)| tls::key(pem).map(drop))),
        ("tls_client_ca_file", ca.as_ref().map(|(_, pem)| tls::client_ca(pem).map(drop))),
        ("tls_client_crl_file", crl.as_ref().and_then(Option::as_ref).map(|(_, pem)| tls::revoked(pem).map(drop))),
    ];
    let mut each_holds = true;
    for (name, judged) in judged {
        if let Some(Err(error)) = judged {
            each_holds = false;
            errors.add(name, error);
        }
    }
    let ((cert, cert_pem), (key, key_pem), (client_ca, ca_pem)) = (cert?, key?, ca?);
    let (client_crl, crl_pem) = match crl {
        Some(read) => read.map(|(path, pem)| (Some(path), Some(pem)))?,
        None => (None, None),
    };
    if each_holds && let Err(error) = tls::tls_config(&cert_pem, &key_pem, &ca_pem, crl_pem.as_deref()) {
        errors.add("tls_cert_file, tls_key_file, tls_client_ca_file, tls_client_crl_file", error);
    }
    Some(TlsFiles { cert, key, client_ca, client_crl })
}

/// The files with the keys of tokens, comma-separated.
pub(super) fn token_keys(errors: &mut Errors, value: Option<String>) -> Vec<PathBuf> {
    let Some(list) = errors.required("jwt_key_files", value) else { return Vec::new() };
    let mut paths = Vec::new();
    for path in list.split(',').map(str::trim).filter(|path| !path.is_empty()) {
        let Some((path, text)) = errors.read("jwt_key_files", Some(path)) else { continue };
        if let Err(error) = TokenKeys::default().add(&String::from_utf8_lossy(&text), &path.display().to_string()) {
            errors.add("jwt_key_files", error);
        }
        paths.push(path);
    }
    paths
}

/// The SaaS, where there is one: credentials of the agent's own tenant, and a folder for the spool.
pub(super) fn saas(errors: &mut Errors, settings: &Settings, tenant: Option<&Tenant>, cluster: Option<&str>) -> Option<saas::Settings> {
    let base = settings.saas_api_base.clone()?;
    let credentials = errors.required("saas_credentials_dir", settings.saas_credentials_dir.clone()).map(PathBuf::from);
    let folder = errors.required("spool_dir", settings.spool_dir.clone()).map(PathBuf::from);
    let peer = Peer { base, credentials: credentials?, ca: settings.tls_ca_file.clone().map(PathBuf::from) };
    for secret in ["tls.key", "token", "hmac.key"] {
        if let Some(why) = readable_by_all(&peer.credentials.join(secret)) {
            errors.warn("saas_credentials_dir", why);
        }
    }
    match peer.read() {
        Err(error) => errors.add("saas_credentials_dir, tls_ca_file", error),
        Ok(credentials) if tenant.is_some_and(|tenant| tenant != credentials.tenant()) => {
            errors.add("saas_credentials_dir", "its tenant is not the TENANT_ID, whose remediations are told");
        }
        Ok(_) => {
            if let Err(error) = peer.client() {
                errors.add("saas_api_base", error);
            }
        }
    }
    let namespace = settings.remediation_namespace.clone()?;
    Some(saas::Settings { peer, folder: folder?, cluster: cluster?.to_owned(), tenant: tenant?.clone(), namespace })
}

/// What probes may reach.
pub(super) fn reach(errors: &mut Errors, settings: &Settings) -> Reach {
    let mut roots = RootCertStore::empty();
    if let Some((_, pem)) = settings.probe_ca_file.as_deref().and_then(|path| errors.read("probe_ca_file", Some(path))) {
        match tls::client_ca(&pem) {
            Ok(read) => roots = read,
            Err(_) => errors.add("probe_ca_file", "has no usable PEM certificate"),
        }
    }
    let mut reach = Reach::default();
    if let Some(listed) = &settings.probe_http_origins {
        match reach.clone().to_origins(listed, &roots) {
            Ok(more) => reach = more,
            Err(error) => errors.add("probe_http_origins", error),
        }
    }
    if let Some(base) = &settings.prometheus_url {
        let token = settings.prometheus_token_file.as_deref();
        let token = token.and_then(|path| errors.read_secret_file("prometheus_token_file", Some(path))).map(|(path, _)| path);
        match reach.clone().to_prometheus(base, token, &roots) {
            Ok(more) => reach = more,
            Err(error) => errors.add("prometheus_url", error),
        }
    }
    reach
}

/// The policy file, where there is one: valid, and content with the actions that are enabled.
pub(super) fn policy(errors: &mut Errors, value: Option<&str>, actions: &BTreeSet<ActionKind>) -> Option<PathBuf> {
    let (path, text) = errors.read("policy_file", Some(value?))?;
    match String::from_utf8(text) {
        Err(_) => errors.add("policy_file", format_args!("{} is no UTF-8 text", path.display())),
        Ok(text) => match Policy::parse(&text).map(|policy| policy.needs_only(actions)) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => errors.add("policy_file", error),
            Err(error) => error.problems().iter().for_each(|problem| errors.add("policy_file", problem)),
        },
    }
    Some(path)
}
