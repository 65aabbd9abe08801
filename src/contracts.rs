//! Whether documents, or a server, still satisfy a contract: those in, the differences between them out.
//!
//! ```text
//!  contract of this binary ─┐
//!                           ├─▶ breaking: operations ─▶ schemas, each request's and each answer's way ─┐
//!  documents of others ─────┤                                                                          ├─▶ Report
//!    document: bundled as   └─▶ literal: every place that is not equal ────────────────────────────────┘
//!    build/bundle.rs does
//! ```
//!
//! What breaks is judged for those who keep to the contract of this binary. What they send has to be taken still, so a
//! request's schema may only widen; what they get has to be as promised, so an answer's may only narrow, but for
//! properties, which may be added (`contracts/CHANGELOG.md`). Descriptions, titles, examples, tags, the names of components
//! and of operations, and any order break nobody.

mod breaking;
// What the generator refuses would be compared wrongly, too.
#[path = "../build/bundle.rs"]
mod bundle;
mod document;
mod literal;
mod node;
mod operation;
mod schema;

use std::collections::BTreeMap;

use serde::Serialize;

pub use document::{Document, Unreadable};

/// How far documents may be from the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// As far as no client is broken.
    Compatible,
    /// Not at all.
    Exact,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every document is equal, as parsed.
    Equal,
    /// They differ, and no client is broken.
    Compatible,
    /// They differ, which [`Tolerance::Exact`] does not take.
    Different,
    /// A client that keeps to the contract is broken.
    Breaking,
}

/// A place where documents differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The name of the contract, such as `v0`.
    pub document: String,
    /// A pointer (RFC 6901) into it.
    pub place: String,
    /// What it is now, and was.
    pub change: String,
    /// Whom it breaks, and how; absent where it breaks nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaks: Option<&'static str>,
}

/// What a comparison found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What came of it.
    pub verdict: Verdict,
    /// The contracts that were compared.
    pub compared: Vec<String>,
    /// What breaks clients, and with [`Tolerance::Exact`] every other difference.
    pub differences: Vec<Difference>,
}

/// Compares documents with those of the contract of the same name; those of other names are nothing that it promises.
pub fn check(contract: &BTreeMap<&str, Document>, others: &BTreeMap<String, Document>, tolerance: Tolerance) -> Report {
    let mut report = Report { verdict: Verdict::Equal, compared: Vec::new(), differences: Vec::new() };
    for (name, document) in contract {
        report.compared.push((*name).to_owned());
        let Some(other) = others.get(*name) else {
            let breaks = Some("every client of this contract is refused");
            let change = "the document is not there".to_owned();
            report.verdict = Verdict::Breaking;
            report.differences.push(Difference { document: (*name).to_owned(), place: String::new(), change, breaks });
            continue;
        };
        let broken = breaking::differences(name, document, other);
        let literal = literal::differences(name, document, other);
        let verdict = match tolerance {
            _ if !broken.is_empty() => Verdict::Breaking,
            _ if literal.is_empty() => Verdict::Equal,
            Tolerance::Compatible => Verdict::Compatible,
            Tolerance::Exact => Verdict::Different,
        };
        report.verdict = report.verdict.max(verdict);
        report.differences.extend(broken);
        if tolerance == Tolerance::Exact {
            report.differences.extend(literal);
        }
    }
    report
}
