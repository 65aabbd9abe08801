//! The SaaS: whether its address answers with a certificate of its CA, and takes the agent's credentials.
//!
//! | what is seen | finding |
//! |---|---|
//! | no connection, another CA's certificate, no answer in time, 401, 403, a redirect | failed |
//! | 5xx, 429 | warning: it would be told later |
//! | anything else | ok: nobody serves a GET there, so 404 and 405 are usual |

use std::time::Duration;

use http::StatusCode;
use tokio::time::timeout;

use super::{
    Finding, Verdict,
    certificates::{self, Held},
};
use crate::{causes::chain, saas::Peer};

const SAAS: &str = "saas";
/// How long it may take, the connection included.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn examine(peer: &Peer) -> Vec<Finding> {
    let ca = match &peer.ca {
        Some(file) => certificates::of_file("tls_ca_file", file, Held::Roots),
        None => certificates::of_file("saas_credentials_dir", &peer.credentials.join("ca.crt"), Held::Roots),
    };
    vec![certificates::of_file("saas_credentials_dir", &peer.credentials.join("tls.crt"), Held::Chain), ca, answers(peer).await]
}

async fn answers(peer: &Peer) -> Finding {
    let failed = |why: String| Finding::new(SAAS, Verdict::Failed, why);
    let client = match peer.client() {
        Ok(client) => client,
        Err(error) => return failed(chain(&error)),
    };
    match timeout(PATIENCE, client.knock()).await {
        Ok(Ok(status)) => judge(status),
        Ok(Err(error)) => failed(format!("does not answer at {}: {}", peer.base, chain(&error))),
        Err(_) => failed(format!("does not answer at {} within {} s", peer.base, PATIENCE.as_secs())),
    }
}

fn judge(status: StatusCode) -> Finding {
    match status.as_u16() {
        code @ (401 | 403) => {
            let message = format!("answers {code}: it does not take the credentials of SAAS_CREDENTIALS_DIR; get new ones of this tenant");
            Finding::new(SAAS, Verdict::Failed, message)
        }
        code @ 300..=399 => {
            Finding::new(SAAS, Verdict::Failed, format!("answers {code}; a redirect is not followed: correct SAAS_API_BASE"))
        }
        code @ (429 | 500..) => Finding::new(SAAS, Verdict::Warning, format!("answers {code}; what it is to be told waits meanwhile")),
        code => Finding::new(SAAS, Verdict::Ok, format!("answers, with {code}, and does not refuse the agent's credentials")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_answers_is_judged() {
        for (code, wanted) in [
            (200, Verdict::Ok),
            (204, Verdict::Ok),
            (404, Verdict::Ok),
            (405, Verdict::Ok),
            (302, Verdict::Failed),
            (401, Verdict::Failed),
            (403, Verdict::Failed),
            (429, Verdict::Warning),
            (500, Verdict::Warning),
            (503, Verdict::Warning),
        ] {
            assert_eq!(StatusCode::from_u16(code).map(|status| judge(status).result).ok(), Some(wanted), "{code}");
        }
    }
}
