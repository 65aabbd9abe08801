//! What is compared with the contracts of this binary: a folder laid out like `contracts/`, or an admin listener.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{ErrorKind, Read as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use reqwest::{Client, StatusCode, Url, redirect::Policy};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

use super::CALLED;
use crate::{causes::chain, contract::DOCUMENTS, contracts::Document};

/// Most bytes of a document; ours have some 200 KiB.
const MAX_DOCUMENT: u64 = 8 << 20;
/// Most schemas that a folder's documents may refer to.
const MAX_PAYLOADS: usize = 64;
/// How long a server may take to answer one request.
const PATIENCE: Duration = Duration::from_secs(15);
/// The documents that are there; without any there is nothing to tell of.
pub(super) async fn all(source: &str) -> Result<BTreeMap<String, Document>, String> {
    let (texts, payloads) = if source.contains("://") {
        (fetch(source).await?, BTreeMap::new())
    } else {
        (folder(Path::new(source))?, payloads(&Path::new(source).join("agent"))?)
    };
    if texts.keys().all(|name| *name == CALLED) {
        return Err(format!("{source} has no contract: neither v0 nor v1alpha1"));
    }
    let parsed = texts.into_iter().map(|(name, text)| {
        let document = Document::parse(&text, &payloads).map_err(|error| format!("{name} of {source} is no contract: {error}"))?;
        Ok((name.to_owned(), document))
    });
    parsed.collect()
}

fn folder(folder: &Path) -> Result<BTreeMap<&'static str, String>, String> {
    let mut texts = BTreeMap::new();
    for (name, _) in DOCUMENTS {
        if let Some(text) = text(&folder.join(name).join("openapi.yaml"))? {
            texts.insert(name, text);
        }
    }
    Ok(texts)
}

/// The text of a file, if it is there.
fn text(path: &Path) -> Result<Option<String>, String> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot(error)),
    };
    let mut text = String::new();
    file.take(MAX_DOCUMENT + 1).read_to_string(&mut text).map_err(cannot)?;
    if text.len() as u64 > MAX_DOCUMENT {
        return Err(format!("{} has more than {MAX_DOCUMENT} bytes", path.display()));
    }
    Ok(Some(text))
}

/// The schemas of the tools' payloads, by the paths that documents refer to them with.
fn payloads(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(cannot(error)),
    };
    let mut payloads = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(cannot)?.path();
        let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|extension| extension == "json")) else { continue };
        if payloads.len() == MAX_PAYLOADS {
            return Err(format!("{} has more than {MAX_PAYLOADS} schemas", folder.display()));
        }
        if let Some(text) = text(&path)? {
            payloads.insert(format!("../agent/{}", name.to_string_lossy()), text);
        }
    }
    Ok(payloads)
}

async fn fetch(source: &str) -> Result<BTreeMap<&'static str, String>, String> {
    let url = Url::parse(source).ok().filter(|url| url.scheme() == "http" && url.has_host());
    let url = url.ok_or_else(|| format!("{source} is no address of an admin listener, such as http://127.0.0.1:9090"))?;
    let client = client().map_err(|error| format!("the HTTP client cannot start: {error}"))?;
    let mut texts = BTreeMap::new();
    for (name, _) in DOCUMENTS.iter().filter(|(name, _)| *name != CALLED) {
        let url = format!("{}/{name}/openapi.json", url.as_str().trim_end_matches('/'));
        if let Some(text) = get(&client, &url).await? {
            texts.insert(*name, text);
        }
    }
    Ok(texts)
}

/// The admin listener speaks plain HTTP, so nobody's certificate is trusted.
fn client() -> Result<Client, Box<dyn std::error::Error>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let tls = tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    Ok(Client::builder().tls_backend_preconfigured(tls).redirect(Policy::none()).no_proxy().timeout(PATIENCE).build()?)
}

/// The document at `url`, if it is served.
async fn get(client: &Client, url: &str) -> Result<Option<String>, String> {
    let failed = |error: reqwest::Error| format!("{url} does not answer: {}", chain(&error.without_url()));
    let mut answer = client.get(url).send().await.map_err(failed)?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Ok(None),
        status => return Err(format!("{url} answers {status}")),
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() as u64 > MAX_DOCUMENT {
            return Err(format!("{url} has more than {MAX_DOCUMENT} bytes"));
        }
    }
    String::from_utf8(body).map(Some).map_err(|_| format!("{url} is no text"))
}
