//! The API's certificates, by their dates.

use std::{fs, path::Path};

use jiff::Timestamp;

use super::{Finding, Verdict};
use crate::config::TlsFiles;

/// Less than so many days are worth a warning.
const SOON: i64 = 14;
const DAY: i64 = 86_400;

pub(super) fn examine(files: &TlsFiles) -> Vec<Finding> {
    [("tls_cert_file", &files.cert), ("tls_client_ca_file", &files.client_ca)].map(|(check, path)| of_file(check, path)).into()
}

/// By the first of a file's certificates to end.
pub(super) fn of_file(check: &str, path: &Path) -> Finding {
    let dates = fs::read(path).ok().and_then(|pem| dates(&pem));
    match dates {
        Some((begins, ends)) => judge(check, path, Timestamp::now().as_second(), begins, ends),
        None => Finding::new(check, Verdict::Failed, format!("{} has a certificate that cannot be read", path.display())),
    }
}

/// The latest beginning and the earliest end.
fn dates(pem: &[u8]) -> Option<(i64, i64)> {
    let read = |pem: Result<x509_parser::pem::Pem, _>| {
        let pem = pem.ok()?;
        let validity = pem.parse_x509().ok()?.validity().clone();
        Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
    };
    let all = x509_parser::pem::Pem::iter_from_buffer(pem).map(read).collect::<Option<Vec<_>>>()?;
    Some((all.iter().map(|(begins, _)| *begins).max()?, all.iter().map(|(_, ends)| *ends).min()?))
}

fn judge(check: &str, path: &Path, now: i64, begins: i64, ends: i64) -> Finding {
    let (path, days) = (path.display(), (ends - now) / DAY);
    let at = |seconds: i64| Timestamp::from_second(seconds).map_or_else(|_| "a time that has no name".to_owned(), |at| at.to_string());
    let (result, message) = match () {
        () if now < begins => (Verdict::Failed, format!("{path} is not valid before {}", at(begins))),
        () if now > ends => (Verdict::Failed, format!("{path} expired at {}; renew it", at(ends))),
        () if days < SOON => (Verdict::Warning, format!("{path} expires at {}, in {days} days; renew it", at(ends))),
        () => (Verdict::Ok, format!("{path} is valid until {}", at(ends))),
    };
    Finding::new(check, result, message)
}

#[cfg(test)]
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
            assert_eq!(judge("tls_cert_file", Path::new("tls.crt"), now, 0, 100 * DAY).result, wanted, "{now}");
        }
    }
}
