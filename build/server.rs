//! The server's side: a trait with one method an operation, requests, responses, and the routes.
//!
//! A missing handler does not compile, and an undeclared success cannot be expressed.

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::TokenStream;
use protox::prost_reflect::DescriptorPool;
use quote::{format_ident, quote};

use super::{
    Stop,
    model::{Content, Contract, Deprecation, Operation, Parameter, Success},
    proto,
};

/// The version's module.
pub(super) fn server(contract: &Contract, pool: &DescriptorPool) -> Result<TokenStream, Stop> {
    let version = contract.version.name;
    let module = format_ident!("{version}");
    let operations =
        contract.operations.iter().map(|operation| operation_module(contract, operation, pool)).collect::<Result<Vec<_>, _>>()?;
    let own = contract.operations.iter().filter(|operation| !operation.inherited).map(trait_method);
    let mounted = || contract.operations.iter().filter(|operation| !(operation.any_version && operation.inherited));
    let mounts = mounted().map(|operation| mount(contract, operation));
    let routes = mounted().map(|operation| format_ident!("{}", operation.id.to_snake_case()));
    let supertrait = match &contract.base {
        Some((base, _)) => {
            let base = format_ident!("{}", base.name);
            quote! { crate::contract::#base::Api }
        }
        None => quote! { Send + Sync + 'static },
    };
    let trait_doc = format!(" What a server of contract {version} does, one method an operation.");
    let service_doc = format!(" Serves contract {version}: the operations' routes and their description.");
    let document = format!("/{version}.openapi.json");
    Ok(quote! {
        pub use ::zen_agent_client::#module::types;

        #(#operations)*

        #[doc = #trait_doc]
        pub trait Api: #supertrait { #(#own)* }

        /// The routes that [`Service`] mounts.
        pub static ROUTES: &[&crate::contract::Route] = &[#(&#routes::ROUTE),*];

        /// The contract, self-contained, as it is served.
        pub const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), #document));
        static PARSED: ::std::sync::LazyLock<::serde_json::Value> = ::std::sync::LazyLock::new(|| crate::contract::parse(DOCUMENT));

        #[doc = #service_doc]
        pub struct Service<A> {
            api: ::std::sync::Arc<A>,
            dispatcher: crate::api::Dispatcher,
        }

        impl<A: Api> Service<A> {
            /// A service that lets `api` answer what `dispatcher` lets through.
            pub fn new(api: ::std::sync::Arc<A>, dispatcher: crate::api::Dispatcher) -> Self {
                Self { api, dispatcher }
            }
        }

        impl<A: Api> ::poem_openapi::OpenApi for Service<A> {
            fn meta() -> Vec<::poem_openapi::registry::MetaApi> {
                vec![crate::api::meta::api(&PARSED)]
            }

            fn register(registry: &mut ::poem_openapi::registry::Registry) {
                crate::api::meta::register(&PARSED, registry);
            }

            fn add_routes(self, table: &mut crate::api::RouteTable) {
                let mut mount = crate::api::Mount::new(self.api, self.dispatcher, table);
                #(#mounts)*
            }
        }
    })
}

fn trait_method(operation: &Operation) -> TokenStream {
    let name = format_ident!("{}", operation.id.to_snake_case());
    let doc = format!(" {} (`{} {}`).", operation.summary, operation.method.to_uppercase(), operation.path);
    quote! {
        #[doc = #doc]
        fn #name(&self, request: crate::verify::Verified<#name::Request>)
        -> impl ::std::future::Future<Output = Result<#name::Response, crate::problem::Problem>> + Send;
    }
}

fn mount(contract: &Contract, operation: &Operation) -> TokenStream {
    let name = format_ident!("{}", operation.id.to_snake_case());
    let module = origin(contract, operation);
    quote! { mount.add(&#name::ROUTE, |api: ::std::sync::Arc<A>, request| async move { #module Api::#name(&*api, request).await }); }
}

/// The path before what an operation inherits.
fn origin(contract: &Contract, operation: &Operation) -> TokenStream {
    match &contract.base {
        Some((base, _)) if operation.inherited => {
            let base = format_ident!("{}", base.name);
            quote! { crate::contract::#base:: }
        }
        _ => quote! {},
    }
}

fn operation_module(contract: &Contract, operation: &Operation, pool: &DescriptorPool) -> Result<TokenStream, Stop> {
    let name = format_ident!("{}", operation.id.to_snake_case());
    let doc = format!(" {}.", operation.summary);
    let own = if operation.inherited {
        let origin = origin(contract, operation);
        quote! { pub use #origin #name::{BODY, PARAMETERS, Request, Response}; }
    } else {
        let (request, response, statics) = (request(operation)?, response(operation)?, statics(contract, operation));
        quote! { #request #response #statics }
    };
    let route = route(contract, operation, pool)?;
    Ok(quote! {
        #[doc = #doc]
        pub mod #name { #own #route }
    })
}

fn request(operation: &Operation) -> Result<TokenStream, Stop> {
    let mut fields = Vec::new();
    for parameter in &operation.parameters {
        let name = match parameter.name.to_snake_case() {
            keyword if syn::parse_str::<syn::Ident>(&keyword).is_err() => format_ident!("{keyword}_"),
            name => format_ident!("{name}"),
        };
        let (doc, rename, type_) = (format!(" {}", parameter.description), &parameter.name, parameter_type(parameter)?);
        fields.push(quote! { #[doc = #doc] #[serde(rename = #rename)] pub #name: #type_, });
    }
    if let Some(body) = &operation.body {
        let (doc, component) = (format!(" {}", body.description), format_ident!("{}", body.component));
        fields.push(quote! { #[doc = #doc] pub body: super::types::#component, });
    }
    Ok(quote! {
        /// What the operation takes.
        #[derive(Clone, Debug, ::serde::Deserialize)]
        pub struct Request { #(#fields)* }
    })
}

fn parameter_type(parameter: &Parameter) -> Result<TokenStream, Stop> {
    let type_ = match (&parameter.component, parameter.schema["type"].as_str()) {
        (Some(component), _) => {
            let component = format_ident!("{component}");
            quote! { super::types::#component }
        }
        (None, Some(type_)) => scalar(type_)?,
        (None, None) => return Err(Stop::at(&parameter.name, "has no type")),
    };
    let always = parameter.required || parameter.schema.get("default").is_some();
    Ok(if always {
        type_
    } else {
        quote! { Option<#type_> }
    })
}

fn scalar(type_: &str) -> Result<TokenStream, Stop> {
    match type_ {
        "string" => Ok(quote! { String }),
        "integer" => Ok(quote! { i64 }),
        "boolean" => Ok(quote! { bool }),
        other => Err(Stop::at("type", format!("`{other}` is not supported outside of bodies"))),
    }
}

fn response(operation: &Operation) -> Result<TokenStream, Stop> {
    let mut variants = Vec::new();
    let mut arms = Vec::new();
    for success in &operation.successes {
        let variant = variant(success)?;
        let doc = format!(" {}: {}", success.status, success.description);
        let status = success.status;
        let (body, reply) = match &success.content {
            Content::Json { component } => {
                let component = format_ident!("{component}");
                (quote! { super::types::#component }, quote! { crate::api::Reply::json(#status, &body) })
            }
            Content::EventStream => (quote! { crate::api::EventStream }, quote! { crate::api::Reply::events(#status, body) }),
        };
        let mut names = Vec::new();
        let mut fields = Vec::new();
        let mut headers = Vec::new();
        for (header, type_) in &success.headers {
            let (name, type_, doc) =
                (format_ident!("{}", header.to_snake_case()), scalar(type_)?, format!(" The header {header}, where it is to be sent."));
            fields.push(quote! { #[doc = #doc] #name: Option<#type_>, });
            headers.push(quote! { .header(#header, #name) });
            names.push(name);
        }
        variants.push(quote! { #[doc = #doc] #variant { /** The body. */ body: #body, #(#fields)* } });
        arms.push(quote! { Self::#variant { body, #(#names),* } => #reply #(#headers)*, });
    }
    Ok(quote! {
        /// What the operation answers, problems aside.
        pub enum Response { #(#variants),* }

        impl crate::api::IntoReply for Response {
            fn into_reply(self) -> crate::api::Reply {
                match self { #(#arms)* }
            }
        }
    })
}

fn variant(success: &Success) -> Result<proc_macro2::Ident, Stop> {
    match success.status {
        200 => Ok(format_ident!("Ok")),
        201 => Ok(format_ident!("Created")),
        202 => Ok(format_ident!("Accepted")),
        other => Err(Stop::at(other.to_string(), "successes are 200, 201 or 202")),
    }
}

fn statics(contract: &Contract, operation: &Operation) -> TokenStream {
    let count = operation.parameters.len();
    let parameters = operation.parameters.iter().map(|parameter| {
        let (name, required, schema) =
            (&parameter.name, parameter.required, super::lower::lower(&parameter.schema, super::lower::Purpose::Validation).to_string());
        let place = format_ident!("{}", parameter.place.to_upper_camel_case());
        let kind = format_ident!("{}", parameter.schema["type"].as_str().unwrap_or_default().to_upper_camel_case());
        let default = match &parameter.schema["default"] {
            serde_json::Value::Null => quote! { None },
            serde_json::Value::String(text) => quote! { Some(#text) },
            other => {
                let text = other.to_string();
                quote! { Some(#text) }
            }
        };
        quote! {
            crate::contract::Parameter {
                name: #name,
                place: crate::contract::Place::#place,
                kind: crate::contract::Kind::#kind,
                required: #required,
                default: #default,
                schema: crate::contract::Schema::new(|| crate::contract::inline(#schema)),
            }
        }
    });
    let body = match &operation.body {
        Some(body) => {
            let (file, component) = (format!("/{}.schemas.json", contract.version.name), &body.component);
            quote! { Some(crate::contract::Schema::new(|| crate::contract::component(include_str!(concat!(env!("OUT_DIR"), #file)), #component))) }
        }
        None => quote! { None },
    };
    quote! {
        /// The parameters, the contract's headers aside.
        pub static PARAMETERS: [crate::contract::Parameter; #count] = [#(#parameters),*];
        /// The body's schema.
        pub static BODY: Option<crate::contract::Schema> = #body;
    }
}

fn route(contract: &Contract, operation: &Operation, pool: &DescriptorPool) -> Result<TokenStream, Stop> {
    let (id, path, problems) = (&operation.id, &operation.path, &operation.problems);
    let successes = operation.successes.iter().map(|success| success.status);
    let method = format_ident!("{}", operation.method.to_uppercase());
    let role = format_ident!("{}", operation.role.to_upper_camel_case());
    let variant = format_ident!("{}", contract.version.variant);
    let version = if operation.any_version {
        quote! { None }
    } else {
        quote! { Some(crate::contract::ContractVersion::#variant) }
    };
    let message = match &operation.body {
        Some(body) => body.message.as_ref().map(|name| proto::path(name, &body.component, pool)).transpose()?,
        None => None,
    };
    let media_types = match (&operation.body, &message) {
        (None, _) => quote! {},
        (Some(_), None) => quote! { crate::contract::MediaType::Json },
        (Some(_), Some(message)) => quote! { crate::contract::MediaType::Json, crate::contract::MediaType::Protobuf(&#message) },
    };
    let deprecation = operation.deprecation.as_ref().map(Deprecation::in_rust);
    let deprecation = deprecation.map_or_else(|| quote! { None }, |deprecation| quote! { Some(#deprecation) });
    Ok(quote! {
        /// Where the operation is, and what it takes.
        pub static ROUTE: crate::contract::Route = crate::contract::Route {
            operation: crate::contract::Operation {
                id: #id,
                version: #version,
                role: crate::identity::Role::#role,
                media_types: &[#media_types],
            },
            method: ::http::Method::#method,
            path: #path,
            parameters: &PARAMETERS,
            body: &BODY,
            successes: &[#(#successes),*],
            problems: &[#(#problems),*],
            deprecation: #deprecation,
        };
    })
}
