//! The API's certificates: read again and again, so that renewed ones are served without a restart, and
//! judged by their dates.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::{sync::watch, time::interval};
use tokio_util::sync::CancellationToken;

use super::{RunError, read};
use crate::{
    config::TlsFiles,
    renewal::{self, PERIOD},
    serve,
    telemetry::{Health, health::Ready},
};

/// What the files hold, usable together.
pub(super) struct Loaded {
    chain: Vec<u8>,
    digest: [u8; 32],
    pub(super) config: Arc<ServerConfig>,
}

impl Loaded {
    pub(super) fn from(files: &TlsFiles) -> Result<Self, RunError> {
        let [chain, key, client_ca] = [&files.cert, &files.key, &files.client_ca].map(|path| read(path));
        let (chain, key, client_ca) = (chain?, key?, client_ca?);
        let crl = files.client_crl.as_deref().map(read).transpose()?;
        let digest = renewal::digest([&chain, &key, &client_ca].map(Vec::as_slice).into_iter().chain(crl.as_deref()));
        Ok(Self { digest, config: serve::tls_config(&chain, &key, &client_ca, crl.as_deref())?, chain })
    }

    fn validity(&self, now: Timestamp) -> Result<(), String> {
        let read = x509_parser::pem::Pem::iter_from_buffer(&self.chain).flatten().next();
        let validity = read.as_ref().and_then(|pem| pem.parse_x509().ok().map(|certificate| certificate.validity().clone()));
        match validity {
            None => Err("the server's certificate cannot be read".to_owned()),
            Some(validity) if now.as_second() < validity.not_before.timestamp() => {
                Err("the server's certificate is not valid yet".to_owned())
            }
            Some(validity) if now.as_second() > validity.not_after.timestamp() => Err("the server's certificate has expired".to_owned()),
            Some(_) => Ok(()),
        }
    }
}

impl renewal::Loaded for Loaded {
    fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// Serves what the files hold, as soon as it can be used; until then, what they held before.
pub(super) async fn keep(
    files: TlsFiles,
    mut served: Loaded,
    tls: watch::Sender<Arc<ServerConfig>>,
    health: Health,
    stop: CancellationToken,
) {
    let (mut due, mut failing) = (interval(PERIOD), false);
    while stop.run_until_cancelled(due.tick()).await.is_some() {
        match look(&files, &mut served, &tls).await {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                tracing::warn!(%error, "the API's certificates cannot be read anew; the former ones are served");
                failing = true;
            }
            Err(_) => {}
        }
        health.set(Ready::Certificates, served.validity(Timestamp::now()));
    }
}

/// Puts into force what the files hold, if it is something else and can be used: half-way through a replacement
/// of several it cannot.
async fn look(files: &TlsFiles, served: &mut Loaded, tls: &watch::Sender<Arc<ServerConfig>>) -> Result<(), RunError> {
    let files = files.clone();
    if renewal::look(move || Loaded::from(&files), served).await? {
        tls.send_replace(Arc::clone(&served.config));
        tracing::info!("the API's certificates were renewed");
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::{fs, path::Path, time::Duration};

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

    use super::*;

    /// Replaces the three files; a certificate that ends with this year.
    fn renew(directory: &Path, year: i32) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(year, 12, 31));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        for (name, text) in [("tls.crt", &certificate), ("tls.key", &key.serialize_pem()), ("ca.crt", &certificate)] {
            fs::write(directory.join(name), text).unwrap();
        }
    }

    async fn says(health: &Health, expected: Option<&str>) {
        let said = async {
            while health.readiness()["certificates"].as_deref() != expected {
                tokio::time::sleep(Duration::from_millis(5)).await; // pacing of a poll with a deadline
            }
        };
        let in_time = tokio::time::timeout(4 * PERIOD, said).await;
        assert!(in_time.is_ok(), "{:?} instead of {expected:?}", health.readiness()["certificates"]);
    }

    fn files(directory: &Path) -> TlsFiles {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let path = |name: &str| directory.join(name);
        TlsFiles { cert: path("tls.crt"), key: path("tls.key"), client_ca: path("ca.crt"), client_crl: None }
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_certificate_is_not_ready_and_a_renewed_one_is_served_and_ready_again() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        renew(directory.path(), 2001);
        let loaded = Loaded::from(&files).unwrap();
        let (tls, mut served) = watch::channel(Arc::clone(&loaded.config));
        let (health, stop) = (Health::default(), CancellationToken::new());
        let keeping = tokio::spawn(keep(files, loaded, tls, health.clone(), stop.clone()));
        says(&health, Some("the server's certificate has expired")).await;
        renew(directory.path(), 4000);
        says(&health, None).await;
        assert!(served.has_changed().unwrap());
        served.mark_unchanged();
        renew(directory.path(), 2002);
        says(&health, Some("the server's certificate has expired")).await;
        assert!(served.has_changed().unwrap());
        stop.cancel();
        keeping.await.unwrap();
    }

    #[tokio::test]
    async fn half_of_a_replacement_changes_nothing_and_the_whole_does() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        renew(directory.path(), 4000);
        let mut served = Loaded::from(&files).unwrap();
        let (tls, seen) = watch::channel(Arc::clone(&served.config));
        fs::write(&files.key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(look(&files, &mut served, &tls).await.is_err());
        assert!(!seen.has_changed().unwrap());
        renew(directory.path(), 4000);
        look(&files, &mut served, &tls).await.unwrap();
        assert!(seen.has_changed().unwrap() && Arc::ptr_eq(&served.config, &seen.borrow()));
    }
}
