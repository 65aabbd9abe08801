//! Operations, their parameters, bodies and answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    breaking::{Comparison, Way},
    node::Node,
};
use crate::identity::Role;

/// How a parameter is written, which has to stay as it is.
const WRITING: [&str; 5] = ["style", "explode", "allowReserved", "allowEmptyValue", "content"];
/// How a security scheme is satisfied.
const SCHEME: [&str; 6] = ["type", "scheme", "in", "name", "flows", "openIdConnectUrl"];
const ROLES: [Role; 3] = [Role::Viewer, Role::Approver, Role::Admin];

const REFUSED: &str = "a request that the contract allows is refused";
const GONE: &str = "who calls it is refused";
const UNEXPECTED: &str = "a client gets what the contract rules out";

/// Operations by method, and by path without the names of its parameters, which are not sent.
fn operations<'a>(root: &Node<'a>) -> BTreeMap<(&'a str, String), (&'a str, Node<'a>)> {
    let paths = root.get("paths").into_iter().flat_map(|paths| paths.entries().collect::<Vec<_>>());
    let operations = paths.flat_map(|(path, item)| item.entries().map(move |(method, node)| (path, method, node)).collect::<Vec<_>>());
    operations.map(|(path, method, node)| ((method, template(path)), (path, node))).collect()
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

fn template(path: &str) -> String {
    names(path).fold(path.to_owned(), |path, name| path.replacen(&format!("{{{name}}}"), "{}", 1))
}

/// Parameters by what identifies them on the wire: place, and name or position.
fn parameters<'a>(path: &str, operation: &Node<'a>) -> BTreeMap<(&'a str, String), Node<'a>> {
    let parameters = operation.get("parameters").into_iter().flat_map(|list| list.items().collect::<Vec<_>>());
    let identified = |parameter: Node<'a>| {
        let (place, name) = (parameter.text("in").unwrap_or_default(), parameter.text("name").unwrap_or_default());
        let name = match place {
            "path" => names(path).position(|known| known == name).map_or_else(|| name.to_owned(), |position| position.to_string()),
            "header" => name.to_ascii_lowercase(),
            _ => name.to_owned(),
        };
        ((place, name), parameter)
    };
    parameters.map(identified).collect()
}

/// What is below `key`, and its name there, by names whose case does not matter.
fn by_name<'a>(node: &Node<'a>, key: &str) -> BTreeMap<String, (&'a str, Node<'a>)> {
    let entries = node.get(key).into_iter().flat_map(|node| node.entries().collect::<Vec<_>>());
    entries.map(|(name, node)| (name.to_ascii_lowercase(), (name, node))).collect()
}

impl Comparison<'_> {
    pub(super) fn operations(&mut self, was: &Node<'_>, is: &Node<'_>) {
        if is.text("x-mutual-tls") == Some("required") && was.text("x-mutual-tls") != Some("required") {
            self.breaks("/x-mutual-tls", "a client certificate is required", REFUSED);
        }
        self.schemes(was, is);
        let mut now = operations(is);
        for (key, (path, operation)) in operations(was) {
            match now.remove(&key) {
                None => self.breaks(operation.place(), format!("{} {path} is gone", key.0.to_uppercase()), GONE),
                Some((new_path, new)) => {
                    self.role(&operation, &new);
                    self.security(was, &operation, is, &new);
                    self.parameters(path, &operation, new_path, &new);
                    self.body(&operation, &new);
                    self.answers(&operation, &new);
                }
            }
        }
    }

    fn schemes(&mut self, was: &Node<'_>, is: &Node<'_>) {
        let (Some(was), Some(is)) = (was.get("components"), is.get("components")) else { return };
        let (Some(was), Some(is)) = (was.get("securitySchemes"), is.get("securitySchemes")) else { return };
        for (name, scheme) in was.entries() {
            let Some(new) = is.get(name) else { continue };
            for keyword in SCHEME.into_iter().filter(|keyword| scheme.value().get(keyword) != new.value().get(keyword)) {
                self.breaks(scheme.under(keyword), changed(scheme.value().get(keyword), new.value().get(keyword)), REFUSED);
            }
        }
    }

    fn role(&mut self, was: &Node<'_>, is: &Node<'_>) {
        const KEY: &str = "x-required-role";
        let rank = |role: &str| ROLES.iter().position(|known| known.as_str() == role);
        let stricter = match (was.text(KEY), is.text(KEY)) {
            (_, None) => false,
            (None, Some(_)) => true,
            // Of a role that is not known nobody knows whether it is more.
            (Some(was), Some(is)) => was != is && (rank(was).is_none() || rank(is).is_none() || rank(is) > rank(was)),
        };
        if stricter {
            let why = "a caller with the role that the contract asks for is refused";
            self.breaks(was.under(KEY), changed(was.value().get(KEY), is.value().get(KEY)), why);
        }
    }

    fn security(&mut self, was_root: &Node<'_>, was: &Node<'_>, is_root: &Node<'_>, is: &Node<'_>) {
        let requirements = |root: &Node<'_>, operation: &Node<'_>| -> Vec<Value> {
            let own = operation.value().get("security").or_else(|| root.value().get("security"));
            let listed = own.and_then(Value::as_array).cloned().unwrap_or_default();
            // None at all is the same as one that asks for nothing.
            if listed.is_empty() { vec![Value::Object(serde_json::Map::new())] } else { listed }
        };
        let now = requirements(is_root, is);
        for had in requirements(was_root, was) {
            if !now.iter().any(|needed| asks_no_more(needed, &had)) {
                let change = format!("what satisfied {had} does not satisfy {} any more", Value::from(now.clone()));
                self.breaks(was.under("security"), change, REFUSED);
            }
        }
    }

    fn parameters(&mut self, was_path: &str, was: &Node<'_>, is_path: &str, is: &Node<'_>) {
        let mut now = parameters(is_path, is);
        for ((place, name), parameter) in parameters(was_path, was) {
            let shown = parameter.text("name").unwrap_or(&name).to_owned();
            let Some(new) = now.remove(&(place, name)) else {
                let why = "a request that has it is refused, or it has no effect any more";
                self.breaks(parameter.place(), format!("the {place} parameter {shown} is gone"), why);
                continue;
            };
            if new.flag("required") && !parameter.flag("required") {
                self.breaks(
                    parameter.under("required"),
                    format!("the {place} parameter {shown} is required"),
                    "a request without it is refused",
                );
            }
            for keyword in WRITING.into_iter().filter(|keyword| parameter.value().get(keyword) != new.value().get(keyword)) {
                self.breaks(parameter.under(keyword), changed(parameter.value().get(keyword), new.value().get(keyword)), REFUSED);
            }
            self.below(&parameter, &new, "schema", Way::Request);
        }
        for ((place, _), parameter) in now.into_iter().filter(|(_, parameter)| parameter.flag("required")) {
            let name = parameter.text("name").unwrap_or_default();
            let change = format!("the {place} parameter {name} is new, and required");
            self.breaks(was.under("parameters"), change, "a request without it is refused");
        }
    }

    fn body(&mut self, was: &Node<'_>, is: &Node<'_>) {
        let required = |body: &Option<Node<'_>>| body.as_ref().is_some_and(|body| body.flag("required"));
        let (had, has) = (was.get("requestBody"), is.get("requestBody"));
        if required(&has) && !required(&had) {
            self.breaks(was.under("requestBody"), "a body is required", "a request without it is refused");
        }
        let Some(had) = had else { return };
        let Some(has) = has else { return self.breaks(had.place(), "there is no body any more", REFUSED) };
        self.content(&had, &has, Way::Request);
    }

    fn answers(&mut self, was: &Node<'_>, is: &Node<'_>) {
        let Some(was) = was.get("responses") else { return };
        let is = is.get("responses").unwrap_or_else(|| is.anything("responses"));
        for (status, answer) in was.entries() {
            let Some(new) = is.get(status) else {
                self.breaks(was.under(status), format!("the answer {status} is gone"), "a client that waits for it never gets it");
                continue;
            };
            self.headers(&answer, &new);
            self.content(&answer, &new, Way::Answer);
        }
    }

    fn headers(&mut self, was: &Node<'_>, is: &Node<'_>) {
        let mut now = by_name(is, "headers");
        for (key, (name, header)) in by_name(was, "headers") {
            let Some((_, new)) = now.remove(&key) else {
                let place = format!("{}/{name}", was.under("headers"));
                self.breaks(place, format!("the header {name} is gone"), "a client that reads it does not find it");
                continue;
            };
            if header.flag("required") && !new.flag("required") {
                let why = "a client that relies on it may not find it";
                self.breaks(header.under("required"), format!("the header {name} is optional"), why);
            }
            self.below(&header, &new, "schema", Way::Answer);
        }
    }

    fn content(&mut self, was: &Node<'_>, is: &Node<'_>, way: Way) {
        let mut now = by_name(is, "content");
        for (media_type, (_, content)) in by_name(was, "content") {
            match now.remove(&media_type) {
                Some((_, new)) => self.below(&content, &new, "schema", way),
                None => {
                    let why = if way == Way::Request { REFUSED } else { UNEXPECTED };
                    self.breaks(content.place(), format!("the media type {media_type} is gone"), why);
                }
            }
        }
    }

    /// The schemas under `key`, where one that is not written takes everything.
    pub(super) fn below(&mut self, was: &Node<'_>, is: &Node<'_>, key: &str, way: Way) {
        let (had, has) = (was.get(key), is.get(key));
        if had.is_some() || has.is_some() {
            self.schema(&had.unwrap_or_else(|| was.anything(key)), &has.unwrap_or_else(|| is.anything(key)), way);
        }
    }
}

/// Whether who has satisfied `had` satisfies `needed`: its schemes, and their scopes, are some of those.
fn asks_no_more(needed: &Value, had: &Value) -> bool {
    let scopes = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut schemes = needed.as_object().into_iter().flatten();
    schemes.all(|(scheme, wanted)| had.get(scheme).is_some_and(|given| scopes(wanted).iter().all(|scope| scopes(given).contains(scope))))
}

/// A change of a value, as texts show it.
pub(super) fn changed(was: Option<&Value>, is: Option<&Value>) -> String {
    let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    format!("is {}, and was {}", shown(is), shown(was))
}
