//! The client's side: the types, and what calls, by progenitor, from the client's copy of the contract.
//!
//! | contract | client's copy | why |
//! |---|---|---|
//! | X-Signature, X-Tenant-Id, X-Zen-Contract-Version | gone | the signing hook sets them |
//! | X-Request-Id | stays | the caller decides what is the same request |
//! | bodies of events | bytes | a repeat is the same bytes; what was written leaves as it was written |
//! | bodies in Protocol Buffers | gone | progenitor takes one media type |
//! | `application/problem+json` | `application/json` | progenitor types nothing else |
//! | bounds of parameters | gone | the server says what it refuses |
//! | what others answer (`saas`) | gone | what is no JSON has a status all the same |

use proc_macro2::TokenStream;
use progenitor::{GenerationSettings, Generator, InterfaceStyle};
use quote::quote;
use serde_json::{Value, json};

use super::{
    Stop,
    bundle::follow,
    lower::{Purpose, lower},
    model::{CONTRACT_HEADERS, Contract},
    types::types,
};

/// The one contract header that stays an argument.
const ARGUMENT: &str = "X-Request-Id";

/// The version's module.
pub(super) fn client(contract: &Contract) -> Result<TokenStream, Stop> {
    let copy = clients_copy(contract)?;
    let document = serde_json::from_value(copy).map_err(|error| Stop::at("client's copy", error.to_string()))?;
    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_map_type("::std::collections::BTreeMap")
        .with_inner_type(quote! { crate::Session })
        .with_pre_hook_async(quote! { crate::sign });
    for name in contract.schemas.keys() {
        settings.with_replacement(name, format!("crate::{}::types::{name}", contract.version.name), [].into_iter());
    }
    let tokens = Generator::new(&settings).generate_tokens(&document).map_err(|error| Stop::at("client", error.to_string()))?;
    let mut file: syn::File = syn::parse2(tokens).map_err(|error| Stop::at("generated client", error.to_string()))?;
    // Progenitor's own has an error that nothing uses, since all types are ours.
    file.items.retain(|item| !matches!(item, syn::Item::Mod(module) if module.ident == "types"));
    let (types, items) = (types(contract)?, file.items);
    Ok(quote! {
        /// The contract's types.
        pub mod types { #types }
        #(#items)*
    })
}

fn clients_copy(contract: &Contract) -> Result<Value, Stop> {
    let document = &contract.document;
    let mut copy = document.clone();
    for item in copy["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
        for operation in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
            let mut parameters = Vec::new();
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let mut parameter = follow(document, parameter)?.clone();
                let name = parameter["name"].as_str().unwrap_or_default();
                if name == ARGUMENT || !CONTRACT_HEADERS.contains(&name) {
                    parameter["schema"] = lower(&parameter["schema"], Purpose::Types);
                    parameters.push(parameter);
                }
            }
            operation["parameters"] = Value::Array(parameters);
            if operation["tags"] == json!(["events"]) {
                operation["requestBody"]["content"] =
                    json!({ "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } });
            }
            if let Some(content) = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut) {
                content.remove("application/x-protobuf");
            }
            for response in operation["responses"].as_object_mut().into_iter().flat_map(|responses| responses.values_mut()) {
                let mut plain = follow(document, response)?.clone();
                if contract.operations.is_empty() {
                    // Of what others refuse, whoever answers in their place, the status says enough.
                    plain.as_object_mut().and_then(|response| response.remove("content"));
                } else if let Some(problem) =
                    plain["content"].as_object_mut().and_then(|content| content.remove("application/problem+json"))
                {
                    plain["content"] = json!({ "application/json": problem });
                }
                // They refer to components that are gone below, and progenitor reads none.
                plain.as_object_mut().and_then(|response| response.remove("headers"));
                *response = plain;
            }
        }
    }
    for unused in ["parameters", "responses", "headers", "securitySchemes"] {
        copy["components"].as_object_mut().and_then(|components| components.remove(unused));
    }
    Ok(copy)
}
