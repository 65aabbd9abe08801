//! `/livez`, `/readyz` and `/metrics`, in plain HTTP and without credentials: they show no event.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use poem::{Endpoint, EndpointExt, Response, Route, get, handler, listener::TcpAcceptor, web::Data};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Event, Tool, metrics::Metrics};
use crate::{
    admin::{exposition, livez, verdict},
    spool::Spool,
    telemetry::Health,
};

/// The spool, once it is open: after a crash all of it is looked through before, which takes its time.
pub(super) type Opened = Arc<OnceLock<Spool<Event>>>;

pub(super) async fn serve(listener: TcpListener, health: Health, spool: Opened, metrics: Metrics, shutdown: CancellationToken) {
    let routes = routes(health, spool, metrics);
    let ended = async {
        let acceptor = TcpAcceptor::from_tokio(listener)?;
        poem::Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(routes, shutdown.cancelled_owned(), None).await
    };
    if let Err(error) = ended.await {
        tracing::error!(%error, "health and metrics cannot be served");
    }
}

fn routes(health: Health, spool: Opened, metrics: Metrics) -> impl Endpoint {
    let routes = Route::new().at("/livez", get(livez)).at("/readyz", get(readyz)).at("/metrics", get(scrape));
    routes.data(health).data(spool).data(metrics)
}

/// Ready is who can take events, which needs the spool: whether the agent takes them is no reason to send none. A tool whose share of the spool is full is
/// told, and keeps nobody from being ready while others have room.
#[handler]
fn readyz(Data(health): Data<&Health>, Data(spool): Data<&Opened>) -> Response {
    let unwell = health.degradations();
    let Some(spool) = spool.get() else { return verdict(false, json!({ "degraded": unwell })) };
    let full: Vec<_> = Tool::ALL.into_iter().filter(|tool| spool.is_full(*tool)).map(Tool::as_str).collect();
    let ready = unwell.is_empty() && full.len() < Tool::ALL.len();
    let full = full.into_iter().map(|tool| (tool, "the agent does not take its events, and no more of them fit into the spool"));
    let degraded: BTreeMap<_, _> = unwell.into_iter().chain(full).collect();
    verdict(ready, json!({ "degraded": degraded }))
}

#[handler]
fn scrape(Data(metrics): Data<&Metrics>) -> Response {
    exposition(metrics.render())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use poem::{endpoint::EndpointExt as _, test::TestClient};

    use super::*;
    use crate::{
        spool::{Bounds, Unreadable},
        telemetry::health::Degraded,
    };

    #[tokio::test]
    async fn a_full_share_is_told_and_nobody_is_ready_who_has_no_room_for_anybody() {
        let (folder, health) = (tempfile::tempdir().unwrap(), Health::default());
        let bounds = Bounds { records: 1, bytes: u64::MAX };
        let spool = Spool::open(folder.path(), bounds, Unreadable::Refuse, health.clone(), Degraded::ForwardSpool).unwrap();
        let client = TestClient::new(readyz.data(health).data(Opened::new(OnceLock::from(spool.clone()))));
        let mut told = Vec::new();
        for tool in Tool::ALL {
            spool.put(Event::new(&"acme".parse().unwrap(), tool, "{}".to_owned(), 0)).await.unwrap();
            let answer = client.get("/").send().await.0;
            let status = answer.status().as_u16();
            let body: serde_json::Value = serde_json::from_str(&answer.into_body().into_string().await.unwrap()).unwrap();
            told.push((status, body["status"].as_str().unwrap().to_owned(), body["degraded"].as_object().unwrap().len()));
        }
        let of = |status, word: &str, full| (status, word.to_owned(), full);
        assert_eq!(told, [of(200, "degraded", 1), of(200, "degraded", 2), of(503, "unavailable", 3)]);
    }

    #[tokio::test]
    async fn it_lives_and_shows_its_metrics_and_is_not_ready_while_the_spool_is_opened() {
        let (folder, health, spool) = (tempfile::tempdir().unwrap(), Health::default(), Opened::default());
        let client = TestClient::new(routes(health.clone(), spool.clone(), Metrics::new()));
        let status = async |path: &str| client.get(path).send().await.0.status().as_u16();
        assert_eq!((status("/livez").await, status("/readyz").await, status("/metrics").await), (200, 503, 200));
        let bounds = Bounds { records: 1, bytes: u64::MAX };
        let opened = Spool::open(folder.path(), bounds, Unreadable::Refuse, health, Degraded::ForwardSpool).unwrap();
        spool.set(opened).ok().unwrap();
        assert_eq!((status("/livez").await, status("/readyz").await), (200, 200));
    }
}
