//! What `zen-agent doctor` finds of those whom the agent calls: the SaaS, and the Prometheus of its probes.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;
use zen_agent::dev::credentials::Credentials;

use super::{Answer, serve::serve, standin::StandIn};

/// How long one check may take, and what is before and after it.
const LONGEST: Duration = Duration::from_secs(20);

/// The findings by check, worst last, with what `serve` would be told here and this on top.
fn examined(state: &Path, more: &[(&str, &str)]) -> BTreeMap<String, Vec<(String, String)>> {
    let serve = serve(&state.join("no-cluster"), state, "127.0.0.1:0");
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    doctor.args(["doctor", "-o", "json"]).envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let (credentials, spool) = (state.join("client"), state.join("spool"));
    doctor.env("SAAS_CREDENTIALS_DIR", &credentials).env("SPOOL_DIR", spool).envs(more.iter().copied());
    let begun = Instant::now();
    let output = doctor.output().unwrap();
    assert!(begun.elapsed() < LONGEST, "it took {:?}", begun.elapsed());
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for secret in ["token", "hmac.key", "tls.key"] {
        let secret = fs::read_to_string(credentials.join(secret)).unwrap();
        let line = secret.lines().find(|line| !line.starts_with("-----")).unwrap().trim();
        assert!(!said.contains(line) && !said.contains(line.trim_start_matches("whsec_")), "{said}");
    }
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let mut by_check: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for finding in found {
        let text = |field: &str| finding[field].as_str().unwrap().to_owned();
        by_check.entry(text("check")).or_default().push((text("result"), text("message")));
    }
    by_check
}

fn is(found: &BTreeMap<String, Vec<(String, String)>>, check: &str, result: &str, words: &str) {
    let of_check = found.get(check).unwrap_or_else(|| panic!("{check}: {found:?}"));
    assert!(of_check.iter().any(|(verdict, message)| verdict == result && message.contains(words)), "{check} {result} {words}: {found:?}");
}

fn prepared() -> tempfile::TempDir {
    let state = tempfile::tempdir().unwrap();
    Credentials::prepare(state.path(), "https://127.0.0.1:0", jiff::Timestamp::now()).unwrap();
    state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saas_that_answers_is_well_unless_it_does_not_take_the_credentials() {
    let state = prepared();
    let saas = StandIn::start(state.path()).await;
    let base = saas.url();
    let settings = [("SAAS_API_BASE", base.as_str())];
    for (answer, result, words) in [(204, "ok", "204"), (404, "ok", "404"), (401, "failed", "401"), (503, "warning", "503")] {
        saas.usually(Answer::Status(answer));
        is(&examined(state.path(), &settings), "saas", result, words);
    }
    saas.usually(Answer::Close);
    is(&examined(state.path(), &settings), "saas", "failed", "does not answer");
    // Without a SaaS there is nothing to say.
    assert!(!examined(state.path(), &[]).contains_key("saas"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saas_of_another_ca_and_a_client_certificate_that_has_expired_are_told() {
    let (state, other) = (prepared(), prepared());
    let saas = StandIn::start(state.path()).await;
    let (base, ca) = (saas.url(), other.path().join("client/ca.crt"));
    let of_another_ca = examined(state.path(), &[("SAAS_API_BASE", &base), ("TLS_CA_FILE", ca.to_str().unwrap())]);
    is(&of_another_ca, "saas", "failed", "certificate");

    let key = rcgen::KeyPair::generate().unwrap();
    let mut expired = rcgen::CertificateParams::new(Vec::new()).unwrap();
    expired.not_before = rcgen::date_time_ymd(2020, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2020, 2, 1);
    let folder = state.path().join("expired");
    fs::create_dir(&folder).unwrap();
    for file in ["ca.crt", "token", "hmac.key", "hmac.kid", "tenant"] {
        fs::copy(state.path().join("client").join(file), folder.join(file)).unwrap();
    }
    fs::write(folder.join("tls.crt"), expired.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
    let expired = examined(state.path(), &[("SAAS_API_BASE", &base), ("SAAS_CREDENTIALS_DIR", folder.to_str().unwrap())]);
    is(&expired, "saas_credentials_dir", "failed", "expired at 2020-02-01");
    is(&expired, "saas", "failed", "does not answer");
}

#[test]
fn a_saas_that_is_not_there_or_silent_is_told_in_time() {
    let state = prepared();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    // It takes connections, and never says a word.
    is(&examined(state.path(), &[("SAAS_API_BASE", &base)]), "saas", "failed", "does not answer");
    drop(listener);
    is(&examined(state.path(), &[("SAAS_API_BASE", &base)]), "saas", "failed", "refused");
}

#[test]
fn the_prometheus_of_probes_is_asked_where_there_is_one() {
    let state = prepared();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let settings = [("PROMETHEUS_URL", url.as_str())];
    assert!(!examined(state.path(), &[]).contains_key("prometheus"));
    let answers = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let read = client.read(&mut request).unwrap();
        let body = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"1"]}]}}"#;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        client.write_all(format!("{head}{body}").as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    is(&examined(state.path(), &settings), "prometheus", "ok", "answers queries");
    assert!(answers.join().unwrap().contains("/api/v1/query"));
    is(&examined(state.path(), &settings), "prometheus", "warning", "refused");
}
