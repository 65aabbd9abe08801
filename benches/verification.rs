//! What verification costs beside the sum of what it cannot do without.
//!
//! `cargo bench --bench verification` prints medians of one run, in which the rows take turns: what
//! slows the machine down slows all of them. A ratio of 1 would mean that order, headers, limits and
//! bookkeeping are free.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed bench")]

#[path = "../tests/support/mint.rs"]
mod mint;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use jsonwebtoken::{DecodingKey, Validation};
use sha2::{Digest as _, Sha256};
use zen_agent::{
    contract::{ContractVersion, MediaType, Operation, v0},
    identity::Role,
    signature::{base_string, mac},
    telemetry::Metrics,
    verify::Verifier,
};

use mint::{Draft, Sent, TokenKey};

const ROUNDS: usize = 400;
/// Calls between two looks at the clock, so that looking costs nothing.
const BATCH: u32 = 25;
const BODY: usize = 2_048;

static OPERATION: Operation =
    Operation { id: "ingest", version: Some(ContractVersion::V0), role: Role::Viewer, media_types: &[MediaType::Json] };

/// Something to be timed; it returns what it took, so that its preparation does not count.
struct Row<'a> {
    name: &'static str,
    run: Box<dyn FnMut() -> Duration + 'a>,
    took: Vec<Duration>,
}

impl<'a> Row<'a> {
    fn new(name: &'static str, run: impl FnMut() -> Duration + 'a) -> Self {
        Self { name, run: Box::new(run), took: Vec::with_capacity(ROUNDS) }
    }

    fn median(&self) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        took[took.len() / 2]
    }
}

fn timed<T>(mut call: impl FnMut() -> T) -> Duration {
    let begun = Instant::now();
    for _ in 0..BATCH {
        black_box(call());
    }
    begun.elapsed() / BATCH
}

/// The time for `requests`, which are made before the clock starts.
fn verified(runtime: &tokio::runtime::Runtime, verifier: &Verifier, requests: Vec<Sent>) -> Duration {
    let requests: Vec<_> = requests.into_iter().map(Sent::received).collect();
    let begun = Instant::now();
    for request in requests {
        let verified = runtime.block_on(verifier.verify(&OPERATION, request));
        assert!(black_box(verified).is_ok(), "the bench times what is accepted");
    }
    begun.elapsed() / BATCH
}

fn main() {
    // `cargo test --benches` runs this too, to see that it works: one round is enough for that.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let key = TokenKey::es256();
    let now = jiff::Timestamp::from_second(mint::NOW).unwrap();
    let verifier = Verifier::with_clock(mint::setup(&[&key.public_pem]), Metrics::new(), move || now).unwrap();

    let draft = Draft { body: event(), ..Draft::new() };
    let (token, digest): (String, [u8; 32]) = (key.token(&draft.claims), Sha256::digest(&draft.body).into());
    let base = base_string(draft.timestamp, draft.method, &draft.target, &draft.version, &draft.tenant, &draft.request_id, &digest);
    let cache = moka::sync::Cache::new(10_000);
    let token_digest: [u8; 32] = Sha256::digest(&token).into();
    cache.insert(token_digest, std::sync::Arc::new(()));
    let decoding = DecodingKey::from_ec_pem(key.public_pem.as_bytes()).unwrap();
    let mut validation = Validation::new(key.algorithm);
    validation.set_audience(&[mint::AUDIENCE]);
    (validation.validate_exp, validation.validate_nbf) = (false, false);

    let parsed: serde_json::Value = serde_json::from_slice(&draft.body).unwrap();
    let schema = v0::ingest_falco::BODY.as_ref().unwrap();

    let sent = draft.clone().sent_with(&token);
    let mut serial = 0_u64;
    let mut rows = [
        Row::new("SHA-256 of the body", || timed(|| Sha256::digest(&draft.body))),
        Row::new("HMAC-SHA256 of the base string", || timed(|| mac(&mint::SECRET, &base))),
        Row::new("token digest and cache hit", || timed(|| cache.get(&<[u8; 32]>::from(Sha256::digest(&token))))),
        Row::new("token verified (ES256)", || timed(|| jsonwebtoken::decode::<serde_json::Value>(&token, &decoding, &validation).unwrap())),
        Row::new("JSON parsed", || timed(|| serde_json::from_slice::<serde_json::Value>(&draft.body).unwrap())),
        Row::new("schema checked", || timed(|| schema.check(&parsed, BODY).unwrap())),
        Row::new("request, token known", || verified(&runtime, &verifier, vec![sent.clone(); BATCH as usize])),
        Row::new("request, token new", || {
            let fresh = |_| {
                serial += 1;
                let mut draft = draft.clone();
                draft.claims["jti"] = serial.into();
                draft.sent(&key)
            };
            verified(&runtime, &verifier, (0..BATCH).map(fresh).collect())
        }),
    ];
    for _ in 0..rounds {
        for row in &mut rows {
            let took = (row.run)();
            row.took.push(took);
        }
    }

    println!("a request with {BODY} bytes: medians of {rounds} rounds of {BATCH}\n");
    for row in &rows {
        println!("  {:<32}{:>9.2} µs", row.name, micros(row.median()));
    }
    let [body, hmac, hit, decode, json, schema, known, new] = rows.each_ref().map(|row| micros(row.median()));
    let (of_known, of_new) = (body + hmac + hit, body + hmac + hit + decode);
    println!("\n  known token: {known:.2} µs, of which {of_known:.2} cannot be done without: ratio {:.2}", known / of_known);
    println!("  new token:   {new:.2} µs, of which {of_new:.2} cannot be done without: ratio {:.2}", new / of_new);
    println!("  both are followed by JSON and schema: {:.2} µs more", json + schema);
}

/// A Falco event of exactly [`BODY`] bytes.
fn event() -> Vec<u8> {
    let mut event: serde_json::Value = serde_json::from_str(include_str!("../tests/samples/falco-shell-in-container.json")).unwrap();
    let missing = BODY - event.to_string().len();
    let padded = format!("{}{}", event["output"].as_str().unwrap(), "x".repeat(missing));
    event["output"] = padded.into();
    event.to_string().into_bytes()
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
