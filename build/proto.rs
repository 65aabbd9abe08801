//! What the decoder needs to know of the messages of `contracts/proto`, as tables.
//!
//! A message is an object whose members have the fields' JSON names, but for three forms: a single `oneof` is the value that is in
//! it, and a message of one map or one list is that map or list. An enum's values are those of the property that its field is.

use std::collections::BTreeSet;

use heck::ToShoutySnakeCase;
use proc_macro2::{Ident, TokenStream};
use protox::prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use quote::{format_ident, quote};
use serde_json::Value;

use super::{Stop, bundle::follow, model::Contract};

const NULL: &str = "google.protobuf.NullValue";

/// The messages of a contract's package that bodies are made of, one static each, in the version's module.
pub(super) fn messages(contract: &Contract, pool: &DescriptorPool) -> Result<TokenStream, Stop> {
    let mut names = BTreeSet::new();
    let bodies = contract.operations.iter().filter_map(|operation| operation.body.as_ref()?.message.as_deref());
    bodies.filter_map(|name| pool.get_message_by_name(name)).for_each(|message| reached(&message, &mut names));
    let package = format!("zen.agent.{}", contract.version.name);
    let own = pool.all_messages().filter(|message| message.package_name() == package && !message.is_map_entry());
    let tables = own.filter(|message| names.contains(message.full_name()));
    let tables = tables.map(|message| table(contract, &message)).collect::<Result<Vec<_>, _>>()?;
    let module = format_ident!("{}", contract.version.name);
    Ok(quote! { pub mod #module { use crate::contract::proto::{Field, Form, Kind, Label, Message}; #(#tables)* } })
}

/// The file of all packages.
pub(super) fn all(packages: &[TokenStream]) -> TokenStream {
    quote! { #(#packages)* }
}

/// Where the static of the message of this full name is, which has to be of a component.
pub(super) fn path(name: &str, component: &str, pool: &DescriptorPool) -> Result<TokenStream, Stop> {
    let message = pool.get_message_by_name(name).ok_or_else(|| Stop::at(name, "is no message of contracts/proto"))?;
    if message.name() != component {
        return Err(Stop::at(name, format!("is the body of another schema, {component}")));
    }
    place(&message)
}

/// A message, and those that it is made of.
fn reached(message: &MessageDescriptor, names: &mut BTreeSet<String>) {
    if names.insert(message.full_name().to_owned()) {
        for field in message.fields() {
            if let Kind::Message(inner) = field.kind() {
                reached(&inner, names);
            }
        }
    }
}

fn place(message: &MessageDescriptor) -> Result<TokenStream, Stop> {
    let module = message.package_name().strip_prefix("zen.agent.").and_then(|version| syn::parse_str::<Ident>(version).ok());
    let (Some(module), true) = (module, message.parent_message().is_none()) else {
        return Err(Stop::at(message.full_name(), "is no message of a contract"));
    };
    let name = format_ident!("{}", message.name().to_shouty_snake_case());
    Ok(quote! { crate::contract::proto::#module::#name })
}

fn table(contract: &Contract, message: &MessageDescriptor) -> Result<TokenStream, Stop> {
    let (constant, name) = (format_ident!("{}", message.name().to_shouty_snake_case()), message.full_name());
    let mut fields = Vec::new();
    for field in message.fields() {
        let (number, json) = (field.number(), field.json_name());
        let (label, kind) = if field.is_map() {
            let Kind::Message(entry) = field.kind() else { return Err(unsupported(&field)) };
            if entry.map_entry_key_field().kind() != Kind::String {
                return Err(Stop::at(field.full_name(), "is a map, whose keys are strings"));
            }
            ("Map", entry.map_entry_value_field())
        } else {
            (if field.is_list() { "List" } else { "One" }, field.clone())
        };
        let (label, kind) = (format_ident!("{label}"), self::kind(contract, message, &field, &kind)?);
        fields.push(quote! { Field { number: #number, name: #json, label: Label::#label, kind: #kind } });
    }
    let form = format_ident!("{}", form(message));
    let doc = format!(" `{name}`.");
    Ok(quote! {
        #[doc = #doc]
        pub static #constant: Message = Message { name: #name, form: Form::#form, fields: &[#(#fields),*] };
    })
}

fn form(message: &MessageDescriptor) -> &'static str {
    let fields: Vec<_> = message.fields().collect();
    match fields.as_slice() {
        [only] if only.is_map() && only.name() == "fields" => "Map",
        [only] if only.is_list() && only.name() == "values" => "List",
        [_, ..] if fields.iter().all(|field| field.containing_oneof().is_some_and(|oneof| oneof.name() == "kind")) => "Union",
        _ => "Object",
    }
}

fn kind(contract: &Contract, message: &MessageDescriptor, field: &FieldDescriptor, value: &FieldDescriptor) -> Result<TokenStream, Stop> {
    Ok(match value.kind() {
        Kind::Bool => quote! { Kind::Bool },
        Kind::Int32 | Kind::Int64 => quote! { Kind::Int },
        Kind::Uint64 => quote! { Kind::Uint },
        Kind::Double => quote! { Kind::Double },
        Kind::String => quote! { Kind::String },
        Kind::Enum(null) if null.full_name() == NULL => quote! { Kind::Null },
        Kind::Enum(values) => {
            let values = values_of(contract, message, field, &values)?;
            quote! { Kind::Enum(&[#(#values),*]) }
        }
        Kind::Message(inner) if !value.is_group() => {
            let place = place(&inner)?;
            quote! { Kind::Message(&#place) }
        }
        _ => return Err(unsupported(field)),
    })
}

/// An enum's numbers, but for the one that stands for none, and what they are in JSON.
fn values_of(
    contract: &Contract,
    message: &MessageDescriptor,
    field: &FieldDescriptor,
    values: &EnumDescriptor,
) -> Result<Vec<TokenStream>, Stop> {
    let property = contract.schemas.get(message.name()).map(|schema| &schema["properties"][field.json_name()]);
    let property = property.ok_or_else(|| Stop::at(message.full_name(), "is no schema of the contract"))?;
    let schema = follow(&contract.document, if field.is_list() { &property["items"] } else { property })?;
    let words: Vec<&str> = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let prefix = values.name().to_shouty_snake_case();
    let of_words = values.values().filter(|value| value.number() != 0).map(|value| {
        let meant = words.iter().find(|word| format!("{prefix}_{}", word.to_shouty_snake_case()) == value.name());
        let word = meant.ok_or_else(|| Stop::at(value.full_name(), format!("is none of {} of the contract", words.join(", "))))?;
        let number = value.number();
        Ok(quote! { (#number, #word) })
    });
    of_words.collect()
}

fn unsupported(field: &FieldDescriptor) -> Stop {
    Stop::at(field.full_name(), "has a type that the decoder does not know: bool, int32, int64, uint64, double, string, enums and messages")
}
