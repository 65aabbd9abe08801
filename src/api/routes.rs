//! Every route of the API listener, and the documents of the admin listener.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use poem::{
    Endpoint, EndpointExt as _, IntoEndpoint as _, Request, Response, Route,
    endpoint::{BoxEndpoint, make_sync},
    error::{MethodNotAllowedError, NotFoundError},
};
use poem_openapi::OpenApiService;

use super::{Dispatcher, mount::poem_path, problem};
use crate::{
    audit,
    contract::{v0, v1alpha1},
    problem::{Code, Problem},
    telemetry::Metrics,
    verify::{Unverified, Verifier},
};

const HTML: &str = "text/html; charset=utf-8";
const TITLE: &str = "Zen-Agent API";

/// What the contracts turn into on the two listeners.
pub struct Surface {
    /// For the API listener: every operation.
    pub operations: Operations,
    /// For the admin listener: `/{version}/openapi.json`, `/docs` and `/docs/{version}`.
    pub documents: Route,
}

impl Surface {
    /// Builds both from what answers and what lets through.
    pub fn new<A: v1alpha1::Api>(api: A, dispatcher: &Dispatcher, metrics: Metrics) -> Self {
        let api = Arc::new(api);
        let stable = OpenApiService::new(v0::Service::new(api.clone(), dispatcher.clone()), TITLE, "v0");
        let alpha = OpenApiService::new(v1alpha1::Service::new(api, dispatcher.clone()), TITLE, "v1alpha1");
        // The pages carry their scripts inline: some megabytes, shared by every answer.
        let stable_page = Bytes::from(stable.scalar_html());
        let documents = Route::new()
            .at("/v0/openapi.json", fixed("application/json", v0::DOCUMENT))
            .at("/v1alpha1/openapi.json", fixed("application/json", v1alpha1::DOCUMENT))
            .at("/docs", fixed(HTML, stable_page.clone()))
            .at("/docs/v0", fixed(HTML, stable_page))
            .at("/docs/v1alpha1", fixed(HTML, alpha.scalar_html()));
        let verifier = dispatcher.verifier().clone();
        let operations = Operations { stable: stable.into_endpoint().boxed(), alpha: alpha.into_endpoint().boxed(), verifier, metrics };
        Self { operations, documents }
    }
}

fn fixed(content_type: &'static str, text: impl Into<Bytes>) -> impl Endpoint<Output = Response> + 'static {
    let text = text.into();
    poem::get(make_sync(move |_| Response::builder().content_type(content_type).body(text.clone())))
}

/// The operations of every contract; what is none of them is answered with a problem document.
pub struct Operations {
    stable: BoxEndpoint<'static>,
    alpha: BoxEndpoint<'static>,
    verifier: Verifier,
    metrics: Metrics,
}

impl Endpoint for Operations {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let (begun, unverified) = (Instant::now(), Unverified::of(&request));
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        // Paths that take any version are mounted with the stable contract.
        let contract = if path.starts_with("/v1alpha1/") { &self.alpha } else { &self.stable };
        match contract.call(request).await {
            Ok(response) => Ok(response),
            Err(error) => {
                let response = self.no_operation(&error, &method, &path, &unverified);
                self.metrics.answered(audit::NO_OPERATION, response.status(), begun.elapsed());
                Ok(response)
            }
        }
    }
}

impl Operations {
    fn no_operation(&self, error: &poem::Error, method: &Method, path: &str, unverified: &Unverified) -> Response {
        // What has no route is held to the same rate.
        let problem = if let Err(limited) = self.verifier.check_rate(unverified) {
            limited
        } else if error.is::<NotFoundError>() {
            Problem::new(Code::NotFound, "There is no such route. /v0/openapi.json on the admin listener lists them.")
        } else if error.is::<MethodNotAllowedError>() {
            Problem::new(Code::MethodNotAllowed, "The header Allow names the methods of this route.")
        } else {
            tracing::error!(%error, "a request failed before its operation");
            Problem::new(Code::Internal, "The request was not carried out.")
        };
        audit::unrouted(&self.metrics, &unverified.sender(), method, path, &problem);
        let mut response = problem::render(&problem, &unverified.echo());
        if response.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Ok(allow) = HeaderValue::try_from(allowed(error, path))
        {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }
}

/// The methods of the route that refused the method.
fn allowed(error: &poem::Error, path: &str) -> String {
    let pattern = error.data::<poem::PathPattern>().map_or_else(|| path.to_owned(), |pattern| pattern.0.to_string());
    let routes = v0::ROUTES.iter().chain(v1alpha1::ROUTES);
    let mut methods: Vec<&str> = routes.filter(|route| poem_path(route.path) == pattern).map(|route| route.method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}
