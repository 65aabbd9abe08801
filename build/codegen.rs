//! From contract text to Rust text: pure functions, without files or environment.
//!
//! ```text
//!  openapi.yaml ─┐
//!  agent/*.json ─┴▶ bundle ──▶ one self-contained document ──▶ <version>.openapi.json (served)
//!                   (stops at what                │
//!                   is not supported)             ├─▶ lower ──▶ <version>.schemas.json  (validators)
//!                                                 │      └────▶ types  ─┐
//!                                                 └─▶ model ──▶ client ─┴▶ <version>_client.rs (crates/client)
//!                                                        └────▶ server ──▶ <version>.rs
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

use serde_json::Value;

pub(crate) use bundle::Stop;
use model::Version;

use super::files::Contracts;

/// Every version, the one that the others share with first.
pub(crate) const VERSIONS: [Version; 2] = [Version { name: "v0", variant: "V0" }, Version { name: "v1alpha1", variant: "V1Alpha1" }];

/// The contract of those who are called: a client alone is made of it, which speaks the stable version.
const CALLED: Version = Version { name: "saas", variant: "V0" };

/// Generates every file, by name.
pub(crate) fn generate(contracts: &Contracts) -> Result<BTreeMap<String, String>, Stop> {
    let Contracts { versions, payloads, messages: pool, saas } = contracts;
    let mut files = BTreeMap::new();
    let mut messages = Vec::new();
    let mut base: Option<model::Contract> = None;
    for (version, text) in VERSIONS.into_iter().zip(versions) {
        let document = bundle::bundle(text, payloads).map_err(|stop| Stop::at(format!("{} {}", version.name, stop.place), stop.reason))?;
        let contract = model::Contract::read(version, document, base.as_ref())?;

        files.insert(format!("{}.openapi.json", version.name), json(&contract.document)?);
        files.insert(format!("{}.schemas.json", version.name), json(&lower::validators(&contract.schemas))?);
        files.insert(format!("{}.rs", version.name), rust(&server::server(&contract, pool)?)?);
        files.insert(format!("{}_client.rs", version.name), rust(&client::client(&contract)?)?);
        messages.push(proto::messages(&contract, pool)?);
        base.get_or_insert(contract);
    }
    files.insert("proto.rs".into(), rust(&proto::all(&messages))?);
    // What others serve, and the agent only calls.
    let document = bundle::bundle(saas, &BTreeMap::new()).map_err(|stop| Stop::at(format!("saas {}", stop.place), stop.reason))?;
    let contract = model::Contract::called(CALLED, document)?;
    files.insert(format!("{}.openapi.json", CALLED.name), json(&contract.document)?);
    files.insert(format!("{}_client.rs", CALLED.name), rust(&client::client(&contract)?)?);
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
