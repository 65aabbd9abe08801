//! `/livez`, `/readyz` and `/metrics`, in plain HTTP and without credentials: they show no event.

use poem::{
    EndpointExt, IntoResponse, Response, Route, get, handler,
    http::{StatusCode, header},
    listener::TcpAcceptor,
    web::Data,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use crate::{
    admin::{livez, verdict},
    telemetry::Health,
};

pub(super) async fn serve(listener: TcpListener, health: Health, metrics: Metrics, shutdown: CancellationToken) {
    let routes = Route::new().at("/livez", get(livez)).at("/readyz", get(readyz)).at("/metrics", get(scrape)).data(health).data(metrics);
    let ended = async {
        let acceptor = TcpAcceptor::from_tokio(listener)?;
        poem::Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(routes, shutdown.cancelled_owned(), None).await
    };
    if let Err(error) = ended.await {
        tracing::error!(%error, "health and metrics cannot be served");
    }
}

/// Ready is who can take events: whether the agent takes them is no reason to send none.
#[handler]
fn readyz(Data(health): Data<&Health>) -> Response {
    let unwell = health.degradations();
    verdict(unwell.is_empty(), json!({ "degraded": unwell }))
}

#[handler]
fn scrape(Data(metrics): Data<&Metrics>) -> Response {
    match metrics.render() {
        Ok(text) => text.with_header(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8").into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
