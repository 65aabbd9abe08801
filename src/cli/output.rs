//! What commands print: tables for people, JSON for programs.

use comfy_table::{Table, presets};
use jiff::Timestamp;
use serde::Serialize;

use super::Failure;
use crate::contract::v0::types::{ApprovalState, Receipt, Remediation, Target};

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    println!("{}", serde_json::to_string_pretty(value).map_err(Failure::refused)?);
    Ok(())
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// A line for each remediation.
pub(super) fn remediations(items: &[Remediation]) {
    let mut table = table(&["NAME", "STATUS", "SEVERITY", "ACTION", "TARGET", "REASON", "AGE"]);
    for item in items {
        table.add_row(row(item));
    }
    println!("{}", table.trim_fmt());
}

/// One line, for a stream of changes.
pub(super) fn line(item: &Remediation) {
    println!("{}", row(item).join("  "));
}

fn row(item: &Remediation) -> [String; 7] {
    let text = |value: Option<&str>| plain(value.unwrap_or("-"));
    [
        item.id.clone(),
        item.status.to_string(),
        item.severity.map_or_else(|| "-".to_owned(), |severity| severity.to_string()),
        text(item.action.as_deref()),
        item.target.as_ref().map_or_else(|| "-".to_owned(), |of| plain(&target(of))),
        text(item.reason.as_deref()),
        age(item.created_at),
    ]
}

/// Everything about one.
pub(super) fn remediation(item: &Remediation) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut add = |name: &str, value: String| {
        table.add_row([name.to_owned(), plain(&value)]);
    };
    add("Name", item.id.clone());
    add("Status", item.status.to_string());
    for (name, value) in [
        ("Reason", &item.reason),
        ("Message", &item.message),
        ("Action", &item.action),
        ("Rule", &item.rule),
        ("Source", &item.source),
        ("Policy rule", &item.policy_rule),
        ("Request", &item.request_id),
    ] {
        if let Some(value) = value {
            add(name, value.clone());
        }
    }
    if let Some(target) = &item.target {
        add("Target", self::target(target));
    }
    let approval = match (item.approval.state, &item.approval.by) {
        (ApprovalState::NotRequired, _) => "not required".to_owned(),
        (state, Some(by)) => format!("{state} by {by}"),
        (state, None) => state.to_string(),
    };
    add("Approval", approval);
    add("Created", item.created_at.to_string());
    if let Some(ended) = item.completed_at {
        add("Ended", ended.to_string());
    }
    for step in &item.steps {
        let tries = if step.attempts > 1 { format!(" (attempt {})", step.attempts) } else { String::new() };
        let message = step.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
        add(&format!("Step {}", step.name), format!("{}{tries}{message}", step.state));
    }
    println!("{}", table.trim_fmt());
}

/// What became of each event.
pub(super) fn receipt(receipt: &Receipt) {
    let mut table = table(&["EVENT", "OUTCOME", "REMEDIATION", "REASON"]);
    for result in &receipt.results {
        let reason = result.reason.map(|reason| reason.to_string());
        table.add_row([
            result.index.to_string(),
            result.outcome.to_string(),
            result.remediation.clone().unwrap_or_else(|| "-".to_owned()),
            reason.unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    println!("{}", table.trim_fmt());
}

/// Text of an event as a terminal may show it: what would steer the terminal is shown, not sent.
fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

fn target(target: &Target) -> String {
    let namespace = target.namespace.as_deref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{} {namespace}{}", target.kind, target.name)
}

fn age(since: Timestamp) -> String {
    let seconds = Timestamp::now().duration_since(since).as_secs().max(0);
    let (value, unit) = match seconds {
        0..60 => (seconds, "s"),
        60..3_600 => (seconds / 60, "m"),
        3_600..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{value}{unit}")
}
