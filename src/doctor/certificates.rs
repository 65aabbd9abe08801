//! Certificates, by their dates.

use std::{fs, path::Path};

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Finding, Verdict};
use crate::config::TlsFiles;

/// Less than so many days are worth a warning.
const SOON: i64 = 14;
const DAY: i64 = 86_400;

/// What the certificates of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// One's own, and what leads from it to its CA: each has to be valid.
    Chain,
    /// Those who are trusted: one that is valid is enough, as while they are exchanged.
    Roots,
}

pub(super) fn examine(files: &TlsFiles) -> Vec<Finding> {
    vec![of_file("tls_cert_file", &files.cert, Held::Chain), of_file("tls_client_ca_file", &files.client_ca, Held::Roots)]
}

pub(super) fn of_file(check: &str, path: &Path, held: Held) -> Finding {
    let name = path.display();
    let (verdict, message) = match fs::read(path).ok().and_then(|pem| periods(&pem)) {
        Some(periods) => judge(held, Timestamp::now().as_second(), &periods),
        None => (Verdict::Failed, "has a certificate that cannot be read".to_owned()),
    };
    Finding::new(check, verdict, format!("{name} {message}"))
}

/// The beginning and the end of each certificate, of which there is one at least. Whatever else the file holds, such as a key, is passed over, as the agent does.
fn periods(pem: &[u8]) -> Option<Vec<(i64, i64)>> {
    let period = |der: Result<CertificateDer<'_>, _>| {
        let der = der.ok()?;
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        let validity = certificate.validity();
        Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
    };
    let periods = CertificateDer::pem_slice_iter(pem).map(period).collect::<Option<Vec<_>>>()?;
    (!periods.is_empty()).then_some(periods)
}

fn judge(held: Held, now: i64, periods: &[(i64, i64)]) -> (Verdict, String) {
    let all: Vec<_> = periods.iter().map(|period| judge_one(now, *period)).collect();
    let of = |wanted: Verdict| all.iter().find(|(verdict, _)| *verdict == wanted).cloned();
    let (failed, warned, well) = (of(Verdict::Failed), of(Verdict::Warning), of(Verdict::Ok));
    match (failed, held) {
        (Some((_, why)), Held::Roots) if warned.is_some() || well.is_some() => {
            (Verdict::Warning, format!("holds a certificate that {why}; take it out, others are valid"))
        }
        (Some((verdict, why)), _) => (verdict, format!("{why}; renew it")),
        (None, _) => warned.or(well).unwrap_or_else(|| (Verdict::Failed, "holds no certificate".to_owned())),
    }
}

fn judge_one(now: i64, (begins, ends): (i64, i64)) -> (Verdict, String) {
    let days = (ends - now) / DAY;
    let at = |seconds: i64| Timestamp::from_second(seconds).map_or_else(|_| "a time that has no name".to_owned(), |at| at.to_string());
    match () {
        () if now < begins => (Verdict::Failed, format!("is not valid before {}", at(begins))),
        () if now > ends => (Verdict::Failed, format!("expired at {}", at(ends))),
        () if days < SOON => (Verdict::Warning, format!("expires at {}, in {days} days; renew it", at(ends))),
        () => (Verdict::Ok, format!("is valid until {}", at(ends))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_judged_by_its_dates() {
        for (now, wanted) in [
            (-1, Verdict::Failed),
            (0, Verdict::Ok),
            (86 * DAY, Verdict::Ok),
            (87 * DAY, Verdict::Warning),
            (100 * DAY, Verdict::Warning),
            (100 * DAY + 1, Verdict::Failed),
        ] {
            for held in [Held::Chain, Held::Roots] {
                assert_eq!(judge(held, now, &[(0, 100 * DAY)]).0, wanted, "{now}");
            }
        }
    }

    #[test]
    fn each_of_a_chain_has_to_be_valid_and_of_those_who_are_trusted_one() {
        let (valid, over) = ((0, 100 * DAY), (-DAY, -1));
        assert_eq!(judge(Held::Chain, 0, &[valid, over]).0, Verdict::Failed);
        let (verdict, why) = judge(Held::Roots, 0, &[valid, over]);
        assert!(verdict == Verdict::Warning && why.contains("expired at 1969-12-31T23:59:59Z; take it out"), "{why}");
        assert_eq!(judge(Held::Roots, 0, &[over, over]).0, Verdict::Failed);
        assert_eq!(judge(Held::Roots, 90 * DAY, &[valid, (0, 1_000 * DAY)]).0, Verdict::Warning);
    }

    #[test]
    fn a_key_beside_the_certificate_is_passed_over_and_none_is_not() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (key, certificate) = (made.signing_key.serialize_pem(), made.cert.pem());
        assert_eq!(periods(format!("{key}{certificate}").as_bytes()).map(|all| all.len()), Some(1));
        assert_eq!(periods(key.as_bytes()), None);
    }
}
