//! What happens to a request that has a route.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use futures::FutureExt as _;
use poem::{Request, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::SemaphorePermit;
use tracing::Instrument as _;

use super::{IntoReply, json, parameters, problem};
use crate::{
    audit,
    contract::{MediaType, Route, Violations},
    problem::{Code, Problem, Violation},
    telemetry::Metrics,
    verify::{Caller, Received, Verified, Verifier},
};

/// Verifies, reads, calls, renders. Cloning shares it.
#[derive(Clone)]
pub struct Dispatcher(Arc<Parts>);

struct Parts {
    verifier: Verifier,
    memory: json::Memory,
    metrics: Metrics,
}

impl Dispatcher {
    /// A dispatcher that lets through what `verifier` accepts.
    pub fn new(verifier: Verifier, metrics: Metrics) -> Self {
        Self(Arc::new(Parts { memory: json::Memory::new(verifier.max_body()), verifier, metrics }))
    }

    /// What verifies.
    pub(super) fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    /// Answers a request for `route`.
    ///
    /// From where it is verified, a request is carried through even if the client has gone: nothing is
    /// left half-done, and the audit log has what was done.
    pub async fn dispatch<T, U, H, F>(&self, route: &'static Route, request: Request, handler: H) -> Response
    where
        T: DeserializeOwned + Send + 'static,
        U: IntoReply + Send + 'static,
        H: FnOnce(Verified<T>) -> F + Send + 'static,
        F: Future<Output = Result<U, Problem>> + Send + 'static,
    {
        let begun = Instant::now();
        // 1. Verify: who it is, and that every byte is theirs. The verifier audits what it refuses.
        let received = match self.0.verifier.verify(&route.operation, request).await {
            Ok(received) => received,
            Err(refusal) => {
                let response = problem::render(&declared(route, refusal.problem), &refusal.echo);
                self.0.metrics.answered(route.operation.id, response.status(), begun.elapsed());
                return response;
            }
        };
        let echo = received.caller().echo();
        let carried = tokio::spawn(self.clone().carry(route, received, handler, begun));
        // Without an answer the process is ending.
        carried.await.unwrap_or_else(|_| problem::render(&failed(route, "a request was cut off"), &echo))
    }

    /// Reads, calls and renders a verified request, and notes what came of it.
    async fn carry<T, U, H, F>(self, route: &'static Route, received: Verified<Received>, handler: H, begun: Instant) -> Response
    where
        T: DeserializeOwned,
        U: IntoReply,
        H: FnOnce(Verified<T>) -> F + Send,
        F: Future<Output = Result<U, Problem>> + Send,
    {
        let (caller, operation) = (received.caller().clone(), route.operation.id);
        let (echo, sender) = (caller.echo(), caller.sender());
        let span = span(operation, &caller);
        // 2.–6. Read and call.
        let answered = self.answer(route, received, handler).instrument(span).await;
        // 7. Render.
        let rendered = answered.and_then(|reply| reply.into_reply().render(&echo).map_err(|defect| failed(route, &defect.to_string())));
        let response = match rendered {
            Ok(response) => {
                audit::answered(&sender, operation, response.status(), begun.elapsed());
                response
            }
            Err(refused) => {
                let refused = declared(route, refused);
                audit::refused(&self.0.metrics, &sender, operation, &refused);
                problem::render(&refused, &echo)
            }
        };
        self.0.metrics.answered(operation, response.status(), begun.elapsed());
        response
    }

    async fn answer<T, U, H, F>(&self, route: &'static Route, received: Verified<Received>, handler: H) -> Result<U, Problem>
    where
        T: DeserializeOwned,
        H: FnOnce(Verified<T>) -> F,
        F: Future<Output = Result<U, Problem>> + Send,
    {
        // 2.–5. Parameters, JSON, schema, types. The share of the memory is held until the request is answered.
        let (typed, _share) = read(route, received.value(), &self.0.memory)?;
        let typed = received.map(|_| typed);
        // 6. The handler; its panic costs this request, not the process.
        let called = AssertUnwindSafe(async { handler(typed).await }).catch_unwind().await;
        called.unwrap_or_else(|_| {
            self.0.metrics.panics.inc();
            Err(failed(route, "the handler panicked"))
        })
    }
}

/// What every line of the log says that is written on behalf of a request.
fn span(operation: &'static str, caller: &Caller) -> tracing::Span {
    tracing::info_span!("request", operation, request_id = caller.request_id.as_sent(), tenant = caller.tenant.as_str())
}

/// A problem whose status the contract does not declare for the operation is a defect of the agent.
fn declared(route: &Route, problem: Problem) -> Problem {
    if route.problems.contains(&problem.code.status().as_u16()) {
        return problem;
    }
    failed(route, &format!("the problem {} is not declared for the operation", problem.code.as_str()))
}

fn read<'a, T: DeserializeOwned>(
    route: &Route,
    received: &Received,
    memory: &'a json::Memory,
) -> Result<(T, Option<SemaphorePermit<'a>>), Problem> {
    // 2. Parameters (400).
    let mut values = parameters::read(route, &received.uri, &received.headers)?;
    let mut taken = None;
    if let Some(schema) = route.body {
        // 3. JSON, or what stands for it (400), of which not too much is made (413, 503).
        let (body, share) = match received.media_type {
            Some(MediaType::Protobuf(message)) => memory.read(message, &received.body)?,
            Some(MediaType::Json) | None => memory.parse(&received.body)?,
        };
        taken = Some(share);
        // 4. Schema (422).
        schema.check(&body, received.body.len()).map_err(violated)?;
        values.insert("body".to_owned(), body);
    }
    // 5. Types. The schemas let nothing through that does not fit; if one does, it is refused all the same.
    let typed = serde_json::from_value(Value::Object(values)).map_err(|_| {
        let told = vec![Violation { pointer: String::new(), message: "has a value that is out of range".to_owned() }];
        violated(Violations { told, complete: false })
    })?;
    Ok((typed, taken))
}

fn violated(Violations { told, complete }: Violations) -> Problem {
    let (count, plural) = (told.len(), if told.len() == 1 { "" } else { "s" });
    let detail = if complete {
        format!("The body has {count} violation{plural}.")
    } else {
        format!("The body has at least {count} violation{plural}, where the search ended.")
    };
    Problem { violations: told, ..Problem::new(Code::SchemaViolation, detail) }
}

fn failed(route: &Route, defect: &str) -> Problem {
    tracing::error!(operation = route.operation.id, defect, "a request failed by a defect of the agent");
    Problem::new(Code::Internal, "The request was not carried out completely. Send it again with the same X-Request-Id.")
}
