//! What happens to a request that has a route.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use futures::FutureExt as _;
use poem::{Request, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Echo, IntoReply, parameters, problem};
use crate::{
    contract::Route,
    problem::{Code, Problem, Violation},
    telemetry::Metrics,
    verify::{Received, Verified, Verifier},
};

/// Verifies, reads, calls, renders. Cloning shares it.
#[derive(Clone)]
pub struct Dispatcher(Arc<Parts>);

struct Parts {
    verifier: Verifier,
    metrics: Metrics,
}

impl Dispatcher {
    /// A dispatcher that lets through what `verifier` accepts.
    pub fn new(verifier: Verifier, metrics: Metrics) -> Self {
        Self(Arc::new(Parts { verifier, metrics }))
    }

    /// Answers a request for `route`.
    pub async fn dispatch<T, U, H, F>(&self, route: &'static Route, request: Request, handler: H) -> Response
    where
        T: DeserializeOwned,
        U: IntoReply,
        H: FnOnce(Verified<T>) -> F,
        F: Future<Output = Result<U, Problem>> + Send,
    {
        let begun = Instant::now();
        // 1. Verify: who it is, and that every byte is theirs. The verifier counts what it refuses.
        let response = match self.0.verifier.verify(&route.operation, request).await {
            Err(refusal) => {
                let echo = Echo { request_id: refusal.request_id, version: refusal.version };
                problem::render(&self.declared(route, refusal.problem), &echo)
            }
            Ok(received) => {
                let echo = Echo::of(received.caller());
                // 2.–6. Read and call.
                let answered = self.answer(route, received, handler).await;
                // 7. Render.
                let rendered =
                    answered.and_then(|reply| reply.into_reply().render(&echo).map_err(|defect| failed(route, &defect.to_string())));
                rendered.unwrap_or_else(|refused| {
                    let refused = self.declared(route, refused);
                    self.0.metrics.rejected(refused.code);
                    problem::render(&refused, &echo)
                })
            }
        };
        self.0.metrics.answered(route.operation.id, response.status(), begun.elapsed());
        response
    }

    async fn answer<T, U, H, F>(&self, route: &'static Route, received: Verified<Received>, handler: H) -> Result<U, Problem>
    where
        T: DeserializeOwned,
        H: FnOnce(Verified<T>) -> F,
        F: Future<Output = Result<U, Problem>> + Send,
    {
        // 2.–5. Parameters, JSON, schema, types.
        let typed = received.try_map(|received| read(route, &received))?;
        // 6. The handler; its panic costs this request, not the process.
        let called = AssertUnwindSafe(async { handler(typed).await }).catch_unwind().await;
        called.unwrap_or_else(|_| {
            self.0.metrics.panics.inc();
            Err(failed(route, "the handler panicked"))
        })
    }

    /// A problem whose status the contract does not declare for the operation is a defect of the agent.
    fn declared(&self, route: &Route, problem: Problem) -> Problem {
        if route.problems.contains(&problem.code.status().as_u16()) {
            return problem;
        }
        failed(route, &format!("the problem {} is not declared for the operation", problem.code.as_str()))
    }
}

fn read<T: DeserializeOwned>(route: &Route, received: &Received) -> Result<T, Problem> {
    // 2. Parameters (400).
    let mut values = parameters::read(route, &received.uri, &received.headers)?;
    if let Some(schema) = route.body {
        // 3. JSON (400).
        let body: Value = serde_json::from_slice(&received.body).map_err(|error| {
            // The error's own text may repeat what was sent; its place does not.
            Problem::new(Code::InvalidJson, format!("The body is not JSON, at line {}, column {}.", error.line(), error.column()))
        })?;
        // 4. Schema (422).
        schema.check(&body, received.body.len()).map_err(violated)?;
        values.insert("body".to_owned(), body);
    }
    // 5. Types. They are as wide as the schemas; what remains are values such as a time beyond the years that are supported.
    serde_json::from_value(Value::Object(values))
        .map_err(|_| violated(vec![Violation { pointer: String::new(), message: "has a value that is out of range".to_owned() }]))
}

fn violated(violations: Vec<Violation>) -> Problem {
    let detail = match violations.len() {
        1 => "The body has 1 violation.".to_owned(),
        count => format!("The body has {count} violations or more."),
    };
    Problem { violations, ..Problem::new(Code::SchemaViolation, detail) }
}

fn failed(route: &Route, defect: &str) -> Problem {
    tracing::error!(operation = route.operation.id, defect, "a request failed by a defect of the agent");
    Problem::new(Code::Internal, "The request was not carried out completely. Send it again with the same X-Request-Id.")
}
