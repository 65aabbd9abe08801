//! `prometheus`: a query to the one Prometheus that the configuration names, and a comparison that every value has to hold.
//!
//! | what comes of it | answer |
//! |---|---|
//! | a scalar, or a vector, of which all values hold | pass |
//! | a value that does not hold | failure |
//! | an empty vector, NaN, an answer with warnings, such as one that lacks a part | inconclusive |
//! | another type, a malformed or too large answer, another status, none in time | error |
//!
//! Of what came nothing is told but whether it held: who may write a probe could otherwise read every metric.

use std::path::PathBuf;

use reqwest::{Client, Url, header};
use rustls::RootCertStore;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::http::{PATIENCE, SetupError, builder};
use crate::{
    causes::chain,
    remediation::{Answer, PrometheusProbe},
};

/// Bytes of an answer.
const MAX_BODY: usize = 256 * 1_024;

/// Where Prometheus is.
#[derive(Clone, Debug)]
pub(super) struct Prometheus {
    query: Url,
    client: Client,
    /// Read for each query, since it may be renewed.
    token: Option<PathBuf>,
}

impl Prometheus {
    /// From the settings' texts.
    pub(super) fn new(base: &str, token: Option<PathBuf>, roots: &RootCertStore) -> Result<Self, SetupError> {
        let not_an_address = || SetupError::NotAnAddress(base.to_owned());
        let is_bare = |url: &Url| {
            url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none() && url.has_host()
        };
        let mut query =
            Url::parse(base).ok().filter(|url| matches!(url.scheme(), "http" | "https") && is_bare(url)).ok_or_else(not_an_address)?;
        if query.scheme() == "https" && roots.is_empty() {
            return Err(SetupError::NoCa(base.to_owned()));
        }
        query.path_segments_mut().map_err(|()| not_an_address())?.pop_if_empty().extend(["api", "v1", "query"]);
        Ok(Self { query, client: builder(roots)?.build()?, token })
    }

    /// Asks a query that every Prometheus answers.
    pub(super) async fn reach(&self) -> Result<(), String> {
        self.values("vector(1)").await.map(drop)
    }

    pub(super) async fn ask(&self, probe: &PrometheusProbe) -> Answer {
        match self.values(&probe.query).await {
            Ok(Values::Some(values)) => judge(&values, probe),
            Ok(Values::Partial) => Answer::Inconclusive("Prometheus warns that its answer may lack a part".to_owned()),
            Err(why) => Answer::Error(why),
        }
    }

    async fn values(&self, query: &str) -> Result<Values, String> {
        let answer = async {
            let mut url = self.query.clone();
            url.query_pairs_mut().append_pair("query", query);
            let mut request = self.client.get(url);
            if let Some(path) = &self.token {
                let token = tokio::fs::read_to_string(path).await.map_err(|error| format!("the token cannot be read: {error}"))?;
                let token = SecretString::from(token);
                let mut value = header::HeaderValue::from_str(&format!("Bearer {}", token.expose_secret().trim()))
                    .map_err(|_| "the token is none".to_owned())?;
                value.set_sensitive(true);
                request = request.header(header::AUTHORIZATION, value);
            }
            let failed = |error: reqwest::Error| chain(&error.without_url());
            let mut response = request.send().await.map_err(failed)?;
            if response.status() != 200 {
                return Err(format!("Prometheus answered {}", response.status().as_u16()));
            }
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(failed)? {
                if body.len() + chunk.len() > MAX_BODY {
                    return Err(format!("the answer has more than {} KiB", MAX_BODY / 1_024));
                }
                body.extend_from_slice(&chunk);
            }
            read(&body).ok_or_else(|| "the answer is neither a scalar nor a vector".to_owned())
        };
        let in_time = tokio::time::timeout(PATIENCE, answer).await;
        in_time.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
    }
}

/// What a query gave.
#[derive(Debug, PartialEq)]
enum Values {
    Some(Vec<f64>),
    Partial,
}

#[derive(Deserialize)]
struct Response {
    status: String,
    data: Data,
    #[serde(default)]
    warnings: Vec<Value>,
}

/// <https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats>
#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Scalar((Value, String)),
    Vector(Vec<Series>),
}

#[derive(Deserialize)]
struct Series {
    value: (Value, String),
}

fn read(body: &[u8]) -> Option<Values> {
    let Response { status, data, warnings } = serde_json::from_slice(body).ok()?;
    let texts = match data {
        Data::Scalar((_, text)) => vec![text],
        Data::Vector(series) => series.into_iter().map(|series| series.value.1).collect(),
    };
    // `NaN`, `+Inf` and `-Inf` are numbers to both.
    let values = texts.iter().map(|text| text.parse().ok()).collect::<Option<Vec<f64>>>()?;
    (status == "success").then_some(if warnings.is_empty() { Values::Some(values) } else { Values::Partial })
}

fn judge(values: &[f64], probe: &PrometheusProbe) -> Answer {
    let Some(expected) = probe.expected() else { return Answer::Error("what is expected is no comparison".to_owned()) };
    if values.is_empty() {
        return Answer::Inconclusive("the query gave no value".to_owned());
    }
    if values.iter().any(|value| !value.is_nan() && !expected.holds(*value)) {
        return Answer::Failure(format!("a value is not {}", probe.expect));
    }
    if values.iter().any(|value| value.is_nan()) {
        return Answer::Inconclusive("a value is none that can be compared".to_owned());
    }
    Answer::Pass
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(values: Value, expect: &str) -> &'static str {
        let probe = PrometheusProbe { query: "q".to_owned(), expect: expect.to_owned() };
        let series: Vec<_> = values.as_array().unwrap().iter().map(|value| json!({ "metric": {}, "value": [1.5, value] })).collect();
        let body = json!({ "status": "success", "data": { "resultType": "vector", "result": series } });
        let Some(Values::Some(values)) = read(body.to_string().as_bytes()) else { panic!("{body}") };
        judge(&values, &probe).label()
    }

    #[test]
    fn every_value_has_to_hold_and_what_is_none_says_nothing() {
        for (values, expect, answer) in [
            (json!(["0.5"]), "< 1", "pass"),
            (json!(["1"]), "< 1", "failure"),
            (json!(["1"]), "<= 1", "pass"),
            (json!(["0", "0", "0"]), "== 0", "pass"),
            (json!(["0", "2", "0"]), "== 0", "failure"),
            (json!(["0", "NaN"]), "== 0", "inconclusive"),
            (json!(["1", "NaN"]), "== 0", "failure"),
            (json!(["NaN"]), "!= 0", "inconclusive"),
            (json!([]), "!= 0", "inconclusive"),
            (json!(["+Inf"]), "> 0", "pass"),
            (json!(["-Inf"]), ">= 0", "failure"),
        ] {
            assert_eq!(said(values.clone(), expect), answer, "{values} {expect}");
        }
    }

    #[test]
    fn an_answer_of_another_form_is_none() {
        let of = |body: Value| read(body.to_string().as_bytes());
        let scalar = json!({ "resultType": "scalar", "result": [1.5, "7"] });
        assert_eq!(of(json!({ "status": "success", "data": scalar })), Some(Values::Some(vec![7.0])));
        assert_eq!(of(json!({ "status": "success", "data": scalar, "warnings": ["a store is away"] })), Some(Values::Partial));
        for body in [
            json!({ "status": "error", "data": scalar }),
            json!({ "status": "success" }),
            json!({ "status": "success", "data": { "resultType": "matrix", "result": [] } }),
            json!({ "status": "success", "data": { "resultType": "string", "result": [1, "7"] } }),
            json!({ "status": "success", "data": { "resultType": "scalar", "result": [1, "seven"] } }),
            json!({ "status": "success", "data": { "resultType": "scalar", "result": [1, 7] } }),
            json!([]),
        ] {
            assert_eq!(of(body.clone()), None, "{body}");
        }
        assert_eq!(read(b"<html>"), None);
    }
}
