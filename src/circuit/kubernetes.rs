//! The circuit of the Kubernetes API: whatever is called shows how it is.
//!
//! Calls are only looked at, never refused: events, the lease and the probes have ways of their own to wait. While the circuit
//! is not closed no work is handed out (`runtime`), so that the workers do not hammer it, and what a caller of the agent's API waits
//! for ends within [`HASTE`]. Whoever calls next once its time is over is its trial; the look for readiness does every few
//! seconds.
//!
//! | counts as failed | counts as succeeded |
//! |---|---|
//! | 5xx, no connection, a call that was given up on after `GIVEN_UP` | any other answer |
//!
//! Only the head of an answer is looked at, so one that breaks off later counts as an answer. A failing webhook is a 500 of the
//! server's too. While other calls, such as renewals of the lease, are answered in between, the circuit stays closed; it opens when so
//! many workers wait for the webhook at once that five calls fail before any other is answered.

use std::time::Duration;

use http::{Request, Response};
use kube::{Client, client::Body};
use tokio::time::Instant;

use super::{Attempt, Circuit};
use crate::{
    breaker::{State, Temper},
    category::{Category, Retry},
    deadline::{HASTE, within},
};

/// When the Kubernetes API is left alone, and for how long: never for long, since its probe costs nothing.
pub const TEMPER: Temper =
    Temper { failures: 5, window: Duration::from_secs(60), first: Duration::from_secs(2), longest: Duration::from_secs(15) };
/// A call that is dropped so long after it was sent was waited for in vain.
const GIVEN_UP: Duration = Duration::from_secs(3);

/// A client that shows this circuit how its calls end.
pub fn observed(client: Client, circuit: Circuit) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, call) = (client.clone(), Call::begin(&circuit));
        async move {
            let answer = client.send(request).await;
            call.ended(&answer);
            answer
        }
    });
    Client::new(service, namespace)
}

/// A client for calls that somebody waits for: while this circuit is not closed, they end within [`HASTE`].
pub fn hasty(client: Client, circuit: &Circuit) -> Client {
    let (namespace, state) = (client.default_namespace().to_owned(), circuit.watch());
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, well) = (client.clone(), *state.borrow() == State::Closed);
        async move {
            let call = client.send(request);
            if well { call.await } else { within(HASTE, call).await }
        }
    });
    Client::new(service, namespace)
}

struct Call {
    /// None while the circuit is open.
    attempt: Option<Attempt>,
    sent: Instant,
}

impl Call {
    fn begin(circuit: &Circuit) -> Self {
        Self { attempt: circuit.attempt().ok(), sent: Instant::now() }
    }

    fn ended(mut self, answer: &Result<Response<Body>, kube::Error>) {
        let Some(attempt) = self.attempt.take() else { return };
        match answer {
            Ok(response) if response.status().is_server_error() => attempt.failed(),
            Ok(_) => attempt.succeeded(),
            Err(error) if Category::of(error).retry() == Retry::Backoff => attempt.failed(),
            // The request was not to be sent.
            Err(_) => drop(attempt),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take().filter(|_| self.sent.elapsed() >= GIVEN_UP) {
            attempt.failed();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Api;
    use prometheus::IntGauge;

    use super::*;
    use crate::{
        deadline::CALL,
        test_api::{Failure, TestApi},
    };

    struct Ground {
        api: TestApi,
        circuit: Circuit,
        maps: Api<ConfigMap>,
    }

    impl Ground {
        async fn new() -> Self {
            let (api, circuit) = (TestApi::start().await, Circuit::new(TEMPER, IntGauge::new("circuit", "a circuit").unwrap()));
            let maps = Api::default_namespaced(observed(api.client(), circuit.clone()));
            Self { api, circuit, maps }
        }

        async fn call(&self) -> bool {
            within(CALL, self.maps.get_opt("nosuch")).await.is_ok()
        }

        fn state(&self) -> State {
            *self.circuit.watch().borrow()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_are_no_outage_leave_it_closed() {
        let ground = Ground::new().await;
        for code in [403, 404, 409, 422] {
            ground.api.fail("GET", Failure::With(code, "no", usize::MAX));
            for _ in 0..10 {
                drop(ground.maps.get("nosuch").await);
            }
            assert_eq!(ground.state(), State::Closed, "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_opens_it_and_the_next_call_after_its_time_that_is_answered_closes_it() {
        let ground = Ground::new().await;
        ground.api.fail("GET", Failure::With(500, "no", usize::MAX));
        for _ in 0..5 {
            assert!(!ground.call().await);
        }
        assert_eq!(ground.state(), State::Open);
        ground.api.recover();
        assert!(ground.call().await, "no call is refused");
        assert_eq!(ground.state(), State::Open, "before its time is over none counts");
        tokio::time::advance(TEMPER.first).await;
        assert!(ground.call().await);
        assert_eq!(ground.state(), State::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_are_never_answered_open_it() {
        let ground = Ground::new().await;
        ground.api.fail("GET", Failure::Hold);
        for _ in 0..5 {
            assert!(!ground.call().await);
        }
        assert_eq!(ground.state(), State::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_call_waits_shortly_while_it_is_open() {
        let ground = Ground::new().await;
        let maps = Api::<ConfigMap>::default_namespaced(hasty(ground.maps.clone().into_client(), &ground.circuit));
        ground.api.fail("GET", Failure::Hold);
        let took = async || {
            let begun = Instant::now();
            let error = within(CALL, maps.get_opt("nosuch")).await.unwrap_err();
            assert_eq!(Category::of(&error), Category::Timeout);
            begun.elapsed()
        };
        for _ in 0..5 {
            assert!(took().await >= CALL);
        }
        assert_eq!(ground.state(), State::Open);
        assert!(took().await < CALL / 5);
        ground.api.recover();
        assert!(within(CALL, maps.get_opt("nosuch")).await.is_ok());
    }
}
