//! An operation that its contract deprecates says so in every answer. No contract has one by now.

use std::{collections::HashMap, sync::Arc};

use http::{Method, StatusCode};
use poem::{Endpoint as _, Request, Response};
use serde_json::{Value, json};

use super::caller::{Signed, verifier_and_caller};
use crate::{
    api::{Dispatcher, IntoReply, Mount, Reply, RouteTable},
    contract::{ContractVersion, Deprecation, Operation, Route, Schema},
    identity::Role,
    problem::Problem,
    telemetry::Metrics,
    verify::Verified,
};

static NO_BODY: Option<Schema> = None;

const fn route(path: &'static str, deprecation: Option<Deprecation>) -> Route {
    let operation = Operation { id: "listRemediations", version: Some(ContractVersion::V0), role: Role::Viewer, media_types: &[] };
    Route { operation, method: Method::GET, path, parameters: &[], body: &NO_BODY, successes: &[200], problems: &[400, 500], deprecation }
}

const SINCE: &str = "@1796083200";
const SUNSET: &str = "Tue, 01 Jun 2027 00:00:00 GMT";
static CURRENT: Route = route("/v0/current", None);
// As the generator writes them, which a test of the contracts compares: so that what it writes is known to compile.
static OLD: Route = route("/v0/old", Some(crate::contract::Deprecation { since: "@1796083200", sunset: None }));
static ENDING: Route =
    route("/v0/ending", Some(crate::contract::Deprecation { since: "@1796083200", sunset: Some("Tue, 01 Jun 2027 00:00:00 GMT") }));

struct Plain;

impl IntoReply for Plain {
    fn into_reply(self) -> Reply {
        Reply::json(200, &json!({}))
    }
}

fn mounted() -> (RouteTable, Signed) {
    let metrics = Metrics::new();
    let (verifier, caller) = verifier_and_caller(&metrics);
    let mut table = HashMap::new();
    let mut mount = Mount::new(Arc::new(()), Dispatcher::new(verifier, metrics), &mut table);
    for route in [&CURRENT, &OLD, &ENDING] {
        mount.add(route, |_, _: Verified<Value>| async { Ok::<_, Problem>(Plain) });
    }
    (table, caller)
}

fn told(response: &Response) -> [Option<&str>; 2] {
    ["deprecation", "sunset"].map(|name| response.headers().get(name).map(|value| value.to_str().unwrap()))
}

#[tokio::test]
async fn every_answer_of_what_is_deprecated_says_since_when_and_until_when() {
    let (table, caller) = mounted();
    for (path, wanted) in [("/v0/current", [None, None]), ("/v0/old", [Some(SINCE), None]), ("/v0/ending", [Some(SINCE), Some(SUNSET)])] {
        let endpoint = &table[path][&Method::GET];
        let answer = endpoint.call(caller.request(Method::GET, path, String::new())).await.unwrap();
        assert_eq!((answer.status(), told(&answer)), (StatusCode::OK, wanted), "{path}");
        let refusal = endpoint.call(Request::builder().uri(path.parse().unwrap()).finish()).await.unwrap();
        assert!(refusal.status().is_client_error() || refusal.status().is_server_error(), "{path}: {}", refusal.status());
        assert_eq!(told(&refusal), wanted, "{path}");
    }
}
