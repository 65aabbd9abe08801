//! What of another document breaks those who keep to the contract.

use std::collections::BTreeSet;

use super::{Difference, Document, node::Node};

/// Who sends what is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// The client: what it was allowed to send has to be taken still.
    Request,
    /// The server: what it sends has to be what it was allowed to send.
    Answer,
}

/// A comparison under way, and what it found so far.
pub(super) struct Comparison<'n> {
    name: &'n str,
    /// Pairs of schemas that are compared already, or just now: shared parts are told once, and those that hold themselves end.
    seen: BTreeSet<(String, String, Way)>,
    found: Vec<Difference>,
}

pub(super) fn differences(name: &str, contract: &Document, other: &Document) -> Vec<Difference> {
    let mut comparison = Comparison::new(name);
    comparison.operations(&Node::root(contract.value()), &Node::root(other.value()));
    comparison.found
}

impl<'n> Comparison<'n> {
    fn new(name: &'n str) -> Self {
        Self { name, seen: BTreeSet::new(), found: Vec::new() }
    }

    pub(super) fn breaks(&mut self, place: impl Into<String>, change: impl Into<String>, breaks: &'static str) {
        let found = Difference { document: self.name.to_owned(), place: place.into(), change: change.into(), breaks: Some(breaks) };
        // What operations share is told once.
        if !self.found.contains(&found) {
            self.found.push(found);
        }
    }

    /// Whether it is compared for the first time.
    pub(super) fn first(&mut self, was: &Node<'_>, is: &Node<'_>, way: Way) -> bool {
        self.seen.insert((was.place().to_owned(), is.place().to_owned(), way))
    }

    /// Whether the one may take the other's place, without a word about it.
    pub(super) fn would_fit(&self, was: &Node<'_>, is: &Node<'_>, way: Way) -> bool {
        let mut trial = Comparison::new(self.name);
        trial.schema(was, is, way);
        trial.found.is_empty()
    }
}
