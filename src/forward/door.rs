//! Who may give events.
//!
//! | address | who | also |
//! |---|---|---|
//! | loopback | every program of this machine | no page in a browser: no `Origin`, and a `Host` of this machine (DNS rebinding) |
//! | loopback, with a token or a CA; any other address | who has the token, or a certificate of the CA | no page in a browser: no `Origin` |
//!
//! Of token and certificate one is enough: Falco can show a certificate but sends no header, the Trivy Operator sends headers but has
//! no certificate. Of several tokens, one a line, each does: so a new one is in force before callers have it, and the former one until
//! all have. A certificate needs TLS; a token should have it, and where it has not, the log says so at the start.

use std::{fs, io, path::Path, sync::Arc};

use http::{
    HeaderMap,
    header::{AUTHORIZATION, ORIGIN},
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::{TLS12, TLS13},
};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use tokio::{sync::watch, time::interval};
use tokio_rustls::TlsAcceptor;

use super::Options;
use crate::{
    problem::{Code, Problem},
    renewal::{self, Loaded, PERIOD},
    serve::{TlsError, tls},
};

/// A shorter token could be guessed.
const LEAST_TOKEN: usize = 16;
/// Each is compared with, by whoever asks.
const MOST_TOKENS: usize = 64;

/// Why it is not known who may give events.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Others than this machine could reach it, and nobody would be asked who he is.
    #[error(
        "{0} can be reached by other machines: give --token-file, or --client-ca with --tls-cert and --tls-key; or listen on 127.0.0.1"
    )]
    Open(std::net::SocketAddr),
    /// Client certificates are shown in TLS only.
    #[error("--client-ca needs --tls-cert and --tls-key")]
    CaWithoutTls,
    /// A file.
    #[error("{path} cannot be read: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The token.
    #[error(
        "--token-file holds no token, more than {MOST_TOKENS}, or one of fewer than {LEAST_TOKEN} characters or other than visible ASCII ones"
    )]
    Token,
    /// Certificate, key or CA.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Who may give events.
#[derive(Clone)]
pub(super) struct Door {
    /// The digests of those that do; none where no token is asked for.
    tokens: Vec<[u8; 32]>,
    certificates: bool,
    tls: Option<TlsAcceptor>,
    digest: [u8; 32],
}

impl Loaded for Door {
    fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl Door {
    /// What the options say, if it is safe to listen by them.
    pub(super) fn of(options: &Options) -> Result<Self, DoorError> {
        let Options { listen, token_file, client_ca, tls, .. } = options;
        let certificates = client_ca.is_some();
        if certificates && tls.is_none() {
            return Err(DoorError::CaWithoutTls);
        }
        if !listen.ip().is_loopback() && token_file.is_none() && !certificates {
            return Err(DoorError::Open(*listen));
        }
        let read_if = |path: Option<&Path>| path.map(read).transpose();
        let (chain, key) = tls.as_ref().map(|(chain, key)| (chain.as_path(), key.as_path())).unzip();
        let files = [read_if(token_file.as_deref())?, read_if(chain)?, read_if(key)?, read_if(client_ca.as_deref())?];
        let digest = renewal::digest(files.iter().map(|file| file.as_deref().unwrap_or_default()));
        let [token_text, chain, key, ca] = &files;
        let tokens = token_text.as_deref().map(tokens).transpose()?.unwrap_or_default();
        let tls = match chain.as_deref().zip(key.as_deref()) {
            Some((chain, key)) => Some(acceptor(chain, key, ca.as_deref(), !tokens.is_empty())?),
            None => None,
        };
        Ok(Self { tokens, certificates, tls, digest })
    }

    /// Warns of what is allowed, and better not done.
    pub(super) fn warn(&self, options: &Options) {
        if !self.tokens.is_empty() && self.tls.is_none() && !options.listen.ip().is_loopback() {
            tracing::warn!("the token is asked for in plain HTTP: whoever reads this network has it; give --tls-cert and --tls-key");
        }
    }

    pub(super) fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn tls(&self) -> Option<&TlsAcceptor> {
        self.tls.as_ref()
    }

    /// Whether this request's events are taken; `certified` is one that came with a certificate of the CA.
    pub(super) fn admits(&self, headers: &HeaderMap, certified: bool) -> Result<(), Problem> {
        let asks = !self.tokens.is_empty() || self.certificates;
        if headers.contains_key(ORIGIN) || !asks && !embedded_kube::is_from_here(headers) {
            let detail = "Events are taken from programs only, under a name of this machine such as 127.0.0.1: no Origin, no other Host";
            return Err(Problem::new(Code::InsufficientRole, detail));
        }
        if asks && !certified && !self.is_token(headers) {
            return Err(Problem::new(
                Code::InvalidToken,
                "Send `Authorization: Bearer` and the forwarder's token, or a client certificate",
            ));
        }
        Ok(())
    }

    fn is_token(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(AUTHORIZATION).and_then(|sent| sent.to_str().ok()?.strip_prefix("Bearer "));
        let Some(sent) = sent.map(|sent| digest(sent.trim())) else { return false };
        // All of them, so that which one it is takes no other time.
        self.tokens.iter().fold(Choice::from(0), |found, token| found | token.ct_eq(&sent)).into()
    }
}

/// Lets in by what the files hold, as soon as it can be used; until then, by what they held before.
pub(super) async fn keep(options: Options, doors: watch::Sender<Arc<Door>>) {
    let (mut due, mut failing) = (interval(PERIOD), false);
    let mut current = Door::clone(&doors.borrow());
    loop {
        due.tick().await;
        let at_hand = options.clone();
        match renewal::look(move || Door::of(&at_hand), &mut current).await {
            Ok(true) => {
                doors.send_replace(Arc::new(current.clone()));
                tracing::info!("the token or the certificates for the tools were renewed");
                failing = false;
            }
            Ok(false) => failing = false,
            Err(error) if !failing => {
                tracing::warn!(%error, "the token and the certificates for the tools cannot be read anew; the former ones are in force");
                failing = true;
            }
            Err(_) => {}
        }
    }
}

/// Of texts of any length, so that comparing takes the same time.
fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// One a line; one that cannot be used spoils the file, rather than to lock out who has it.
fn tokens(text: &[u8]) -> Result<Vec<[u8; 32]>, DoorError> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let one = |line: &[u8]| {
        let usable = line.len() >= LEAST_TOKEN && line.iter().all(u8::is_ascii_graphic);
        std::str::from_utf8(line).ok().filter(|_| usable).map(digest).ok_or(DoorError::Token)
    };
    let tokens = lines.map(one).collect::<Result<Vec<_>, _>>()?;
    if tokens.is_empty() || tokens.len() > MOST_TOKENS { Err(DoorError::Token) } else { Ok(tokens) }
}

fn read(path: &Path) -> Result<Vec<u8>, DoorError> {
    fs::read(path).map_err(|source| DoorError::File { path: path.display().to_string(), source })
}

/// With a CA its certificates are demanded, unless a token does in their place.
fn acceptor(chain: &[u8], key: &[u8], ca: Option<&[u8]>, or_token: bool) -> Result<TlsAcceptor, DoorError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[&TLS13, &TLS12]).map_err(TlsError::from)?;
    let builder = match ca {
        Some(ca) => {
            let roots = Arc::new(tls::client_ca(ca)?);
            let clients = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let clients = if or_token { clients.allow_unauthenticated() } else { clients };
            builder.with_client_cert_verifier(clients.build().map_err(TlsError::from)?)
        }
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(tls::chain(chain)?, tls::key(key)?).map_err(TlsError::from)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session would not look at the client's certificate again, even if it has ended since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
