//! What goes wrong between the agent and the API server.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use futures::future::BoxFuture;
use http::{Request, Response};
use kube::{Client, client::Body};
use proptest::prelude::*;
use serde_json::json;

/// A call that goes wrong.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Which call, from none on.
    pub(crate) call: usize,
    /// How many from there on.
    pub(crate) calls: usize,
    /// The answer.
    pub(crate) code: u16,
    /// Whether it was done all the same.
    pub(crate) done: bool,
}

impl Fault {
    /// One of the first calls.
    pub(crate) fn within(first: usize) -> impl Strategy<Value = Self> {
        // 429, 503 and 504 are repeated by the client itself, with waits.
        let code = prop_oneof![Just(403_u16), Just(409), Just(422), Just(500)];
        (0..first, 1..3_usize, code, any::<bool>()).prop_map(|(call, calls, code, done)| Self { call, calls, code, done })
    }
}

/// The way of one caller to the API server.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Inner>);

#[derive(Default)]
struct Inner {
    calls: AtomicUsize,
    fault: Mutex<Option<Fault>>,
    /// At this call the agent is gone.
    crash: Mutex<Option<usize>>,
    crashed: tokio::sync::Notify,
    /// Before this call others act.
    amid: Mutex<Option<(usize, BoxFuture<'static, ()>)>>,
}

impl Faults {
    pub(crate) fn client(&self, client: Client) -> Client {
        let faults = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (faults, client) = (faults.clone(), client.clone());
            async move { faults.pass(&client, request).await }
        });
        Client::new(service, "default")
    }

    /// Before the next pass.
    pub(crate) fn plan(&self, fault: Option<&Fault>, crash: Option<usize>) {
        self.0.calls.store(0, Ordering::SeqCst);
        *self.0.fault.lock().unwrap() = fault.cloned();
        *self.0.crash.lock().unwrap() = crash;
    }

    /// What others do before one of the calls.
    pub(crate) fn amid(&self, deed: Option<(usize, BoxFuture<'static, ()>)>) {
        *self.0.amid.lock().unwrap() = deed;
    }

    /// Returns when the agent is gone.
    pub(crate) async fn crashed(&self) {
        self.0.crashed.notified().await;
    }

    async fn pass(&self, client: &Client, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let call = self.0.calls.fetch_add(1, Ordering::SeqCst);
        let deed = self.0.amid.lock().unwrap().take_if(|(before, _)| *before == call);
        if let Some((_, deed)) = deed {
            deed.await;
        }
        let crashes = *self.0.crash.lock().unwrap() == Some(call);
        let fault = self.0.fault.lock().unwrap().clone().filter(|fault| (fault.call..fault.call + fault.calls).contains(&call));
        if crashes {
            // Even calls are not made, odd ones are, and their answers are lost.
            if call % 2 == 1 {
                drop(client.send(request).await);
            }
            self.0.crashed.notify_one();
            return std::future::pending().await;
        }
        match fault {
            None => client.send(request).await,
            Some(fault) => {
                if fault.done {
                    drop(client.send(request).await);
                }
                Ok(refused(fault.code))
            }
        }
    }
}

fn refused(code: u16) -> Response<Body> {
    let reason = match code {
        403 => "Forbidden",
        409 => "Conflict",
        422 => "Invalid",
        _ => "InternalError",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": "a fault",
    });
    Response::builder().status(code).body(Body::from(status.to_string().into_bytes())).unwrap()
}
