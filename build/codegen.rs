//! From contract text to Rust text: pure functions, without files or environment.
//!
//! ```text
//!  openapi.yaml ─┐
//!  agent/*.json ─┴▶ bundle ──▶ one self-contained document ──▶ <version>.openapi.json (served)
//!                   (stops at what                │
//!                   is not supported)             ├─▶ lower ──▶ <version>.schemas.json  (validators)
//!                                                 │      └────▶ types  ─┐
//!                                                 └─▶ model ──▶ server ─┴▶ <version>.rs
//!                                                        └────▶ client ──▶ <version>_client.rs
//!  proto/**/*.proto ──▶ protox ──▶ (with the schemas) ──▶ proto.rs (what the decoder goes by)
//! ```
//!
//! A later version shares what it has in common with the first: types whose schemas are equal, and
//! operations that are equal but for the version in the path. So one domain core serves all.

mod bundle;
mod client;
mod lower;
mod model;
mod proto;
mod server;
mod types;

use std::collections::BTreeMap;

use protox::prost_reflect::DescriptorPool;
use serde_json::Value;

pub(crate) use bundle::Stop;
use model::Version;

/// Every version, the one that the others share with first.
pub(crate) const VERSIONS: [Version; 2] = [Version { name: "v0", variant: "V0" }, Version { name: "v1alpha1", variant: "V1Alpha1" }];

/// The contract of those who are called: a client alone is made of it, which speaks the stable version.
const CALLED: Version = Version { name: "saas", variant: "V0" };

/// Generates every file, by name.
///
/// `documents` holds the text of each of [`VERSIONS`], `payloads` the agent schemas by the path that
/// the contracts refer to them with, `pool` the messages, and `saas` the text of what others serve.
pub(crate) fn generate(
    documents: &[String],
    payloads: &BTreeMap<String, String>,
    pool: &DescriptorPool,
    saas: &str,
) -> Result<BTreeMap<String, String>, Stop> {
    let mut files = BTreeMap::new();
    let mut messages = Vec::new();
    let mut base: Option<model::Contract> = None;
    for (version, text) in VERSIONS.into_iter().zip(documents) {
        let document = bundle::bundle(text, payloads).map_err(|stop| Stop::at(format!("{} {}", version.name, stop.place), stop.reason))?;
        let contract = model::Contract::read(version, document, base.as_ref())?;

        files.insert(format!("{}.openapi.json", version.name), json(&contract.document)?);
        files.insert(format!("{}.schemas.json", version.name), json(&lower::validators(&contract.schemas))?);
        let types = types::types(&contract)?;
        files.insert(format!("{}.rs", version.name), rust(&server::server(&contract, &types, pool)?)?);
        files.insert(format!("{}_client.rs", version.name), client::client(&contract)?);
        messages.push(proto::messages(&contract, pool)?);
        base.get_or_insert(contract);
    }
    files.insert("proto.rs".into(), rust(&proto::all(&messages))?);
    // What others serve, and the agent only calls.
    let document = bundle::bundle(saas, &BTreeMap::new()).map_err(|stop| Stop::at(format!("saas {}", stop.place), stop.reason))?;
    let contract = model::Contract::called(CALLED, document)?;
    files.insert(format!("{}.openapi.json", CALLED.name), json(&contract.document)?);
    let types = types::types(&contract)?;
    files.insert(format!("{}.rs", CALLED.name), rust(&quote::quote! { pub mod types { #types } })?);
    files.insert(format!("{}_client.rs", CALLED.name), client::client(&contract)?);
    Ok(files)
}

fn json(value: &Value) -> Result<String, Stop> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Stop::at("document", error.to_string()))?;
    Ok(text + "\n")
}

const HEADING: &str =
    "// Generated from contracts/ by build/codegen.rs; do not edit. `ZEN_UPDATE_GENERATED=1 cargo test --test contract` updates it.\n";

fn rust(tokens: &proc_macro2::TokenStream) -> Result<String, Stop> {
    let file = syn::parse2(tokens.clone()).map_err(|error| Stop::at("generated code", error.to_string()))?;
    Ok(format!("{HEADING}{}", prettyplease::unparse(&file)))
}
