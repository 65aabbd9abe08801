//! An agent that works on one remediation, in this process or in one of its own that may be killed.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use kube::{Api, Client};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use zen_agent::{
    emergency::EmergencyStop,
    kube_events::Events,
    lease::Tenure,
    pipeline::{Pipeline, Reach, Settings},
    policy::{Guardrails, Live, Policy},
    remediation::{ActionKind, ZenAgentRemediation},
    telemetry::Metrics,
};

use crate::tap::{Boundary, Course, Tap};

/// The environment variable that holds the orders.
pub(crate) const ORDERS: &str = "CRASH_MATRIX_ORDERS";

/// What an agent is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) kubeconfig: PathBuf,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) course: Course,
    pub(crate) boundary: Option<Boundary>,
}

/// Works on the remediation until it has ended, or this process has.
pub(crate) async fn end(client: Client, orders: &Orders) -> ZenAgentRemediation {
    let remediations: Api<ZenAgentRemediation> = Api::namespaced(client.clone(), &orders.namespace);
    let remediation = remediations.get(&orders.name).await.unwrap();
    let tap = Arc::new(Tap::new(client.clone(), orders.course, orders.boundary, &remediation));
    let service = tower::service_fn(move |request| {
        let tap = tap.clone();
        async move { tap.pass(request).await }
    });
    let tapped = Client::new(service, "default");
    let settings = Settings {
        watch_namespace: Some(orders.namespace.clone()),
        actions: BTreeSet::from(ActionKind::ALL),
        validation_timeout: match orders.course {
            Course::Undone => Duration::from_millis(300),
            // Of these it is no part, however slow the machine is.
            Course::Holds | Course::Asked | Course::Verified | Course::Refuted => Duration::from_secs(3_600),
        },
        reach: Reach::default(),
    };
    let metrics = Metrics::new();
    let events = Events::start(client, metrics.clone());
    let policy = Live::new(Policy::observing(Guardrails::none()), "zen-agent");
    let pipeline = Pipeline::new(tapped, settings, policy, events, metrics, Tenure::endless(), EmergencyStop::never());
    loop {
        match pipeline.reconcile(&orders.namespace, &orders.name).await {
            Ok(progress) => match progress.expect("it is there").next {
                Some(wait) => sleep(wait).await,
                None => return remediations.get(&orders.name).await.unwrap(),
            },
            // As a worker: a while later.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

#[tokio::test]
#[ignore = "it is a process of the other tests, which give it its orders"]
async fn works_as_it_is_told_and_may_be_killed() {
    let orders: Orders = serde_json::from_str(&std::env::var(ORDERS).expect("somebody gave orders")).unwrap();
    let client = controlplane::client(&orders.kubeconfig).await;
    end(client, &orders).await;
}
