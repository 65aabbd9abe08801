//! The admin listener: health, metrics and documentation, in plain HTTP and without credentials.
//!
//! It changes nothing and shows no tenant's data; expose it inside the cluster only.

use poem::{
    EndpointExt, IntoEndpoint, IntoResponse, Response, Route, get, handler,
    http::{StatusCode, header},
    web::{Data, Json},
};
use serde_json::{Value, json};

use crate::{
    contract::ContractVersion,
    emergency::{self, EmergencyStop},
    telemetry::{Health, Metrics},
};

/// The routes `/livez`, `/readyz`, `/health` and `/metrics`, and what `contracts` adds to them.
pub fn router(
    health: Health,
    metrics: Metrics,
    emergency: EmergencyStop,
    contracts: impl IntoEndpoint<Endpoint: 'static>,
) -> impl IntoEndpoint {
    Route::new()
        .at("/livez", get(livez))
        .at("/readyz", get(readyz))
        .at("/health", get(overview))
        .at("/metrics", get(scrape))
        .nest("/", contracts)
        .data(health)
        .data(metrics)
        .data(emergency)
}

#[handler]
pub(crate) fn livez(Data(health): Data<&Health>) -> Response {
    let stuck = health.stuck();
    verdict(stuck.is_empty(), json!({ "stuck": stuck }))
}

#[handler]
fn readyz(Data(health): Data<&Health>) -> Response {
    let checks = health.readiness();
    let ready = checks.values().all(Option::is_none);
    let checks: Value = checks.into_iter().map(|(name, why)| (name, why.unwrap_or_else(|| "ok".to_owned()))).collect();
    verdict(ready, json!({ "checks": checks }))
}

pub(crate) fn verdict(good: bool, mut body: Value) -> Response {
    let degraded = body["degraded"].as_object().is_some_and(|degraded| !degraded.is_empty());
    let word = match good {
        true if degraded => "degraded",
        true => "ok",
        false => "unavailable",
    };
    body["status"] = word.into();
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Json(body).with_status(status).into_response()
}

#[handler]
fn overview(Data(health): Data<&Health>, Data(emergency): Data<&EmergencyStop>) -> Json<Value> {
    let checks = health.readiness();
    let ready = checks.values().all(Option::is_none) && health.stuck().is_empty();
    let degraded = health.degradations();
    let state = |well: bool| json!({ "status": if well { "ok" } else { "unavailable" } });
    let of_check = |name: &str| state(checks[name].is_none());
    let mut dependencies = json!({ "kubernetes": of_check("kubernetes"), "cache": of_check("cache") });
    if let Some(well) = health.saas() {
        dependencies["saas"] = state(well);
    }
    Json(json!({
        "status": match ready {
            true if degraded.is_empty() => "ok",
            true => "degraded",
            false => "unavailable",
        },
        "degraded": degraded,
        "version": env!("CARGO_PKG_VERSION"),
        "contract_version": ContractVersion::V0.as_str(),
        "supported_versions": ContractVersion::ALL.map(ContractVersion::as_str),
        "uptime_seconds": health.uptime().as_secs(),
        "emergency_stop": emergency.order().halt().map(emergency::Halt::public),
        "dependencies": dependencies,
    }))
}

#[handler]
fn scrape(Data(metrics): Data<&Metrics>) -> Response {
    exposition(metrics.render())
}

/// What Prometheus scrapes (exposition format 0.0.4).
pub(crate) fn exposition(rendered: Result<String, prometheus::Error>) -> Response {
    match rendered {
        Ok(text) => text.with_header(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8").into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
