//! Schemas: whether what one of them lets through, the other one does, too.
//!
//! | way | has to hold |
//! |---|---|
//! | request | the new schema takes what the old one took |
//! | answer | the new schema lets nothing through that the old one did not; properties may be added |
//!
//! Of a pattern nobody can tell what it takes, so another one is a break. So is a property that is not declared any more:
//! where a request may have it still, it has no effect.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    breaking::{Comparison, Way},
    bundle::{SELECTORS, null_branch},
    node::Node,
    operation::changed,
};

/// Bounds from below; absent, those of lengths are 0.
const LEAST: [&str; 4] = ["minimum", "minLength", "minItems", "minProperties"];
/// Bounds from above.
const MOST: [&str; 5] = ["maximum", "maxLength", "maxItems", "maxProperties", "x-max-key-length"];

/// What may stand beside `oneOf` and asks for nothing.
const BESIDE: [&str; 7] = ["oneOf", "nullable", "title", "description", "example", "default", "deprecated"];

impl Way {
    /// Why something that does not fit any more breaks somebody.
    fn why(self) -> &'static str {
        match self {
            Self::Request => "a request that the contract allows is refused",
            Self::Answer => "an answer may hold what the contract rules out",
        }
    }

    /// What has to fit, and what it has to fit into; and back.
    fn inner_and_outer<'a, T: ?Sized>(self, was: &'a T, is: &'a T) -> (&'a T, &'a T) {
        match self {
            Self::Request => (was, is),
            Self::Answer => (is, was),
        }
    }
}

/// One of the branches of a schema has to be satisfied.
struct Union<'a> {
    branches: Vec<Node<'a>>,
    /// Whether it is written as one, so that what stands beside the branches holds, too.
    written: bool,
}

fn union<'a>(schema: &Node<'a>) -> Union<'a> {
    let Some(branches) = schema.get("oneOf") else { return Union { branches: vec![schema.clone()], written: false } };
    let null = null_branch();
    Union { branches: branches.items().filter(|branch| *branch.value() != null).collect(), written: true }
}

/// Unions in unions that are looked into; contracts have two.
const DEPTH: usize = 8;

fn takes_null(schema: &Node<'_>, depth: usize) -> bool {
    // What asks for nothing takes everything.
    let everything = ["type", "enum", "oneOf"].iter().all(|keyword| schema.value().get(keyword).is_none());
    let branches = || schema.get("oneOf").is_some_and(|branches| branches.items().any(|branch| takes_null(&branch, depth - 1)));
    schema.flag("nullable") || everything || (depth > 0 && branches())
}

/// Whether more is asked for beside the branches.
fn constrains(schema: &Node<'_>) -> bool {
    schema.entries().any(|(key, _)| !BESIDE.contains(&key) && !key.starts_with("x-"))
}

fn within(node: &Node<'_>, outer: &Node<'_>) -> bool {
    node.place().strip_prefix(outer.place()).is_some_and(|rest| rest.starts_with('/'))
}

impl Comparison<'_> {
    pub(super) fn schema(&mut self, was: &Node<'_>, is: &Node<'_>, way: Way) {
        if !self.first(was, is, way) {
            return;
        }
        let (inner, outer) = way.inner_and_outer(was, is);
        if takes_null(inner, DEPTH) && !takes_null(outer, DEPTH) {
            let change = if way == Way::Request { "may not be null any more" } else { "may be null" };
            self.breaks(was.under("nullable"), change, way.why());
        }
        let (had, has) = (union(was), union(is));
        let beside = match (had.written, has.written) {
            (false, false) => return self.keywords(was, is, way),
            (true, true) => true,
            // What stands beside the branches of the inner one narrows it: left out, it is at worst called too wide.
            (true, false) => way == Way::Answer && constrains(was),
            (false, true) => way == Way::Request && constrains(is),
        };
        if beside {
            self.keywords(was, is, way);
        }
        self.selectors(was, is, way);
        self.branches(was, &had.branches, &has.branches, way);
    }

    /// Each branch of what has to fit has to fit into one of the other's.
    fn branches(&mut self, place: &Node<'_>, had: &[Node<'_>], has: &[Node<'_>], way: Way) {
        let (inner, outer) = way.inner_and_outer(had, has);
        for branch in inner {
            let fits = |candidate: &&Node<'_>| {
                let (was, is) = way.inner_and_outer(branch, *candidate);
                self.would_fit(was, is, way)
            };
            // The same component, or the only branch of its type, tells in detail what does not fit.
            let same = outer.iter().find(|candidate| candidate.place() == branch.place() && !within(branch, place));
            if same.is_none() && outer.iter().any(|candidate| fits(&candidate)) {
                continue;
            }
            let mut alike = outer.iter().filter(|candidate| candidate.text("type") == branch.text("type"));
            let only = alike.next().filter(|_| alike.next().is_none());
            if let Some(candidate) = same.or(only) {
                let (was, is) = way.inner_and_outer(branch, candidate);
                self.schema(was, is, way);
            } else {
                let change = if way == Way::Request { "a branch is gone" } else { "a branch is new" };
                self.breaks(place.under("oneOf"), format!("{change}: {}", branch.place()), way.why());
            }
        }
    }

    /// The first branch of which something is present is the one that judges, so those before it may only become more.
    fn selectors(&mut self, was: &Node<'_>, is: &Node<'_>, way: Way) {
        let selectors = |node: &Node<'_>| node.value().get(SELECTORS).and_then(Value::as_array).cloned();
        let (had, has) = (selectors(was), selectors(is));
        if way == Way::Answer || had == has {
            return;
        }
        let mut rest = has.iter().flatten();
        let kept = had.as_ref().is_some_and(|had| had.iter().all(|selector| rest.any(|other| other == selector)));
        if !kept || has.is_none() {
            self.breaks(was.under(SELECTORS), "other properties select the branch", "a request is judged by another branch");
        }
    }

    fn keywords(&mut self, was: &Node<'_>, is: &Node<'_>, way: Way) {
        if !self.types(was, is, way) {
            return;
        }
        self.values(was, is, way);
        self.bounds(was, is, way);
        self.properties(was, is, way);
        self.additional(was, is, way);
        self.below(was, is, "items", way);
        // Told by an extension: what the events of a stream hold.
        self.below(was, is, "x-event-data", way);
    }

    /// Whether the types fit; if not, nothing else can be said.
    fn types(&mut self, was: &Node<'_>, is: &Node<'_>, way: Way) -> bool {
        for keyword in ["type", "format"] {
            let (had, has) = (was.text(keyword), is.text(keyword));
            let (inner, outer) = way.inner_and_outer(&had, &has);
            let fits = match (inner, outer) {
                (_, None) => true,
                (inner, outer) if inner == outer => true,
                (Some("integer"), Some("number")) | (Some("int32"), Some("int64")) | (Some("float"), Some("double")) => true,
                _ => false,
            };
            if !fits {
                self.breaks(was.under(keyword), changed(was.value().get(keyword), is.value().get(keyword)), way.why());
                return false;
            }
        }
        true
    }

    fn values(&mut self, was: &Node<'_>, is: &Node<'_>, way: Way) {
        let listed = |node: &Node<'_>| node.value().get("enum").and_then(Value::as_array).cloned();
        let (had, has) = (listed(was), listed(is));
        match way.inner_and_outer(&had, &has) {
            (_, None) => {}
            (None, Some(_)) => self.breaks(was.under("enum"), changed(was.value().get("enum"), is.value().get("enum")), way.why()),
            (Some(inner), Some(outer)) => {
                for value in inner.iter().filter(|value| !outer.contains(value)) {
                    let change = if way == Way::Request { "is gone" } else { "is new" };
                    self.breaks(was.under("enum"), format!("the value {value} {change}"), way.why());
                }
            }
        }
        let (had, has) = (was.value().get("pattern"), is.value().get("pattern"));
        let (inner, outer) = way.inner_and_outer(&had, &has);
        if outer.is_some() && inner != outer {
            self.breaks(was.under("pattern"), changed(had, has), way.why());
        }
        let (had, has) = (was.value().get("default"), is.value().get("default"));
        if way == Way::Request && had != has {
            self.breaks(was.under("default"), changed(had, has), "a request that leaves it out means something else");
        }
    }

    fn bounds(&mut self, was: &Node<'_>, is: &Node<'_>, way: Way) {
        let bound = |node: &Node<'_>, keyword: &str| node.value().get(keyword).and_then(Value::as_f64);
        for keyword in LEAST.into_iter().chain(MOST) {
            let (had, has) = (bound(was, keyword), bound(is, keyword));
            let (inner, outer) = way.inner_and_outer(&had, &has);
            let implied = if keyword == "minimum" { None } else { Some(0.0) };
            let fits = match (*inner, *outer) {
                (_, None) => true,
                (inner, Some(outer)) if LEAST.contains(&keyword) => inner.or(implied).is_some_and(|inner| inner >= outer),
                (inner, Some(outer)) => inner.is_some_and(|inner| inner <= outer),
            };
            if !fits {
                self.breaks(was.under(keyword), changed(was.value().get(keyword), is.value().get(keyword)), way.why());
            }
        }
        let (had, has) = (was.flag("uniqueItems"), is.flag("uniqueItems"));
        let (inner, outer) = way.inner_and_outer(&had, &has);
        if *outer && !inner {
            let change = if has { "items may not be equal any more" } else { "items may be equal" };
            self.breaks(was.under("uniqueItems"), change, way.why());
        }
    }

    fn properties(&mut self, was: &Node<'_>, is: &Node<'_>, way: Way) {
        let had = was.get("properties").unwrap_or_else(|| was.anything("properties"));
        let has = is.get("properties").unwrap_or_else(|| is.anything("properties"));
        let mut gone = BTreeSet::new();
        for (name, property) in had.entries() {
            match has.get(name) {
                Some(new) => self.schema(&property, &new, way),
                None => {
                    let why = match way {
                        Way::Request => "a request that has it is refused, or it has no effect any more",
                        Way::Answer => "a client that reads it does not find it",
                    };
                    gone.insert(name);
                    self.breaks(had.under(name), "the property is gone", why);
                }
            }
        }
        let (had_required, has_required) = (was.texts("required"), is.texts("required"));
        let (inner, outer) = way.inner_and_outer(&had_required, &has_required);
        for name in outer.iter().filter(|name| !inner.contains(name) && !gone.contains(*name)) {
            let (change, why) = match way {
                Way::Request if had.get(name).is_none() => ("the property is new, and required", "a request without it is refused"),
                Way::Request => ("the property is required", "a request without it is refused"),
                Way::Answer => ("the property is optional", "a client that relies on it may not find it"),
            };
            self.breaks(had.under(name), change, why);
        }
    }

    fn additional(&mut self, was: &Node<'_>, is: &Node<'_>, way: Way) {
        const KEY: &str = "additionalProperties";
        let closed = |node: &Node<'_>| node.value().get(KEY) == Some(&Value::Bool(false));
        match (closed(was), closed(is), way) {
            (false, true, Way::Request) => self.breaks(was.under(KEY), "other properties are not taken any more", way.why()),
            (false, false, _) => self.below(was, is, KEY, way),
            // What is closed fits into everything, and answers are open.
            (true, ..) | (false, true, Way::Answer) => {}
        }
    }
}
