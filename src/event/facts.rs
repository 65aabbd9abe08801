//! Facts are few and short: they are kept on the remediation, the report is not.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{Scalar, cut};

const MAX_FACTS: usize = 64;
const MAX_KEY: usize = 128;

/// Collects facts; the first to claim a key keeps it, and what comes after the last free place is dropped.
#[derive(Default)]
pub(super) struct Facts(BTreeMap<String, Scalar>);

impl Facts {
    /// Adds a text, cut where it is long; an empty one says nothing.
    pub(super) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        if !value.is_empty() {
            self.insert(key, || Scalar::Text(cut(value).into_owned()));
        }
        self
    }

    /// Adds a text that may be absent.
    pub(super) fn some_text(&mut self, key: &str, value: Option<&str>) -> &mut Self {
        self.text(key, value.unwrap_or_default())
    }

    /// Adds a count that may be absent.
    pub(super) fn some_count(&mut self, key: &str, value: Option<u64>) -> &mut Self {
        if let Some(count) = value {
            self.insert(key, || Scalar::Number(count.into()));
        }
        self
    }

    /// Adds a scalar.
    pub(super) fn scalar(&mut self, key: &str, value: &Scalar) -> &mut Self {
        match value {
            Scalar::Text(text) => self.text(key, text),
            other => {
                self.insert(key, || other.clone());
                self
            }
        }
    }

    /// The facts.
    pub(super) fn take(&mut self) -> BTreeMap<String, Scalar> {
        std::mem::take(&mut self.0)
    }

    fn insert(&mut self, key: &str, value: impl FnOnce() -> Scalar) {
        let fits = self.0.len() < MAX_FACTS && !key.is_empty() && key.chars().nth(MAX_KEY).is_none();
        if fits && let Entry::Vacant(free) = self.0.entry(key.to_owned()) {
            free.insert(value());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_on_a_character_and_marked() {
        let facts = Facts::default().text("k", &"é".repeat(300)).take();
        assert_eq!(facts["k"], Scalar::Text(format!("{}…", "é".repeat(255))));
        let facts = Facts::default().text("k", &"é".repeat(256)).take();
        assert_eq!(facts["k"], Scalar::Text("é".repeat(256)));
    }

    #[test]
    fn facts_are_bounded_in_number_and_key_length_and_the_first_stay() {
        let mut facts = Facts::default();
        facts.text(&"k".repeat(129), "too long a key").text("first", "kept").text("first", "late").text("empty", "");
        for i in 0..100 {
            facts.some_count(&format!("n{i:03}"), Some(i));
        }
        let facts = facts.take();
        assert_eq!(facts.len(), 64);
        assert_eq!(facts["first"], Scalar::Text("kept".into()));
        assert!(facts.contains_key("n062") && !facts.contains_key("n063"));
    }
}
