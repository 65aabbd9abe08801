//! Operations on their routes.

use std::{collections::HashMap, future::Future, sync::Arc};

use http::{HeaderValue, Method};
use poem::{
    EndpointExt as _, Request, Response,
    endpoint::{BoxEndpoint, make},
    error::MethodNotAllowedError,
};
use serde::de::DeserializeOwned;

use super::{Dispatcher, IntoReply};
use crate::{
    contract::{Deprecation, Route},
    problem::Problem,
    verify::Verified,
};

/// Endpoints by path and method, as poem-openapi collects them.
pub type RouteTable = HashMap<String, HashMap<Method, BoxEndpoint<'static>>>;

/// Puts the operations of one contract into a table.
pub struct Mount<'a, A> {
    api: Arc<A>,
    dispatcher: Dispatcher,
    table: &'a mut RouteTable,
}

impl<'a, A: Send + Sync + 'static> Mount<'a, A> {
    /// A mount that lets `api` answer what `dispatcher` lets through.
    pub fn new(api: Arc<A>, dispatcher: Dispatcher, table: &'a mut RouteTable) -> Self {
        Self { api, dispatcher, table }
    }

    /// Mounts one operation.
    pub fn add<T, U, H, F>(&mut self, route: &'static Route, handler: H)
    where
        T: DeserializeOwned + Send + 'static,
        U: IntoReply + Send + 'static,
        H: Fn(Arc<A>, Verified<T>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<U, Problem>> + Send + 'static,
    {
        if let Some(schema) = route.body {
            schema.prepare();
        }
        let (api, dispatcher) = (self.api.clone(), self.dispatcher.clone());
        let endpoint = make(move |request: Request| {
            let (api, dispatcher, handler) = (api.clone(), dispatcher.clone(), handler.clone());
            async move {
                let mut response = dispatcher.dispatch(route, request, move |verified| handler(api, verified)).await;
                if let Some(deprecation) = &route.deprecation {
                    tell(deprecation, &mut response);
                }
                poem::Result::<Response>::Ok(response)
            }
        });
        let methods = self.table.entry(poem_path(route.path)).or_default();
        methods.insert(route.method.clone(), endpoint.boxed());
        // poem would answer HEAD by GET, whose signature HEAD's is not; no contract has it.
        methods.insert(Method::HEAD, make(|_| async { poem::Result::<Response>::Err(MethodNotAllowedError.into()) }).boxed());
    }
}

/// Whoever calls what is deprecated is told so, also who is refused.
fn tell(deprecation: &Deprecation, response: &mut Response) {
    response.headers_mut().insert("deprecation", HeaderValue::from_static(deprecation.since));
    if let Some(sunset) = deprecation.sunset {
        response.headers_mut().insert("sunset", HeaderValue::from_static(sunset));
    }
}

/// `/a/{b}` as poem writes it: `/a/:b`.
pub(super) fn poem_path(template: &str) -> String {
    template.replace('{', ":").replace('}', "")
}
