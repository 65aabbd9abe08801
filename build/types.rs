//! Rust types out of schemas, by typify.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use schemars08::schema::{InstanceType, Schema, SchemaObject};
use typify::{TypeSpace, TypeSpaceImpl, TypeSpaceSettings};

use super::{
    Stop,
    lower::{Purpose, lower},
    model::Contract,
};

/// The contents of the version's module `types`.
pub(super) fn types(contract: &Contract) -> Result<TokenStream, Stop> {
    let mut settings = TypeSpaceSettings::default();
    settings.with_derive("PartialEq".into()).with_map_type("::std::collections::BTreeMap");
    // One type for time, and numbers stay exact: Falco's are above 2^53.
    settings.with_conversion(
        scalar(InstanceType::String, Some("date-time")),
        "crate::DateTime",
        [TypeSpaceImpl::Display, TypeSpaceImpl::FromStr].into_iter(),
    );
    settings.with_conversion(scalar(InstanceType::Number, None), "::serde_json::Number", [TypeSpaceImpl::Display].into_iter());

    let shared = contract.base.as_ref().map(|(base, names)| {
        for name in names {
            settings.with_replacement(name, format!("crate::{}::types::{name}", base.name), [].into_iter());
        }
        let base = format_ident!("{}", base.name);
        quote! { pub use crate::#base::types::*; }
    });

    let mut schemas = Vec::new();
    for (name, schema) in &contract.schemas {
        let lowered = lower(schema, Purpose::Types);
        let schema: Schema = serde_json::from_value(lowered).map_err(|error| Stop::at(name, error.to_string()))?;
        schemas.push((name.clone(), schema));
    }
    let mut space = TypeSpace::new(&settings);
    space.add_ref_types(schemas).map_err(|error| Stop::at("/components/schemas", error.to_string()))?;
    let types = space.to_stream();
    if types.to_string().contains("chrono") {
        return Err(Stop::at(
            "/components/schemas",
            "`date-time` stands alone beside `type: string`, or its type is not the contract's own",
        ));
    }
    Ok(quote! { #shared #types })
}

fn scalar(type_: InstanceType, format: Option<&str>) -> SchemaObject {
    SchemaObject { instance_type: Some(type_.into()), format: format.map(str::to_owned), ..SchemaObject::default() }
}
