//! What commands print: tables for people, JSON for programs.
//!
//! A table that is wider than the terminal takes two lines a remediation instead; what is not
//! printed to a terminal is always one line, for grep and awk.

use std::io::{self, ErrorKind, Write};

use comfy_table::{ContentArrangement, Table, presets};
use console::Term;
use jiff::Timestamp;
use serde::Serialize;

use super::Failure;
use crate::{
    contract::v0::types::{ApprovalState, Receipt, Remediation, Target},
    doctor::Finding,
};

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Prints an answer.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        // A reader that has seen enough, such as `head`, is no failure.
        ErrorKind::BrokenPipe => Failure::NobodyReads,
        _ => Failure::Refused(format!("cannot print: {error}")),
    })
}

/// Says something beside the answer, on standard error; nobody has to listen.
pub(super) fn note(text: &str) {
    drop(writeln!(io::stderr(), "zen-agent: {text}"));
}

pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(value).map_err(Failure::refused)?)
}

/// Characters of a line, if a person is looking.
fn width() -> Option<usize> {
    let (_, columns) = Term::stdout().size_checked()?;
    Some(columns.into())
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = plain_table();
    table.set_header(header).add_rows(rows);
    text(table)
}

/// Its columns begin at the left edge, two spaces apart.
fn text(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// All remediations of a list.
pub(super) fn remediations(items: &[Remediation]) -> Result<(), Failure> {
    print(&list(items, width()))
}

fn list(items: &[Remediation], width: Option<usize>) -> String {
    let rows: Vec<[String; 7]> = items.iter().map(row).collect();
    let wide = table(&["NAME", "STATUS", "SEVERITY", "ACTION", "TARGET", "REASON", "AGE"], rows.iter().map(|row| row.to_vec()));
    match width {
        Some(width) if wide.lines().any(|line| line.chars().count() > width) => narrow(&rows, width),
        _ => wide,
    }
}

/// One that has changed, in a stream of changes.
pub(super) fn change(item: &Remediation) -> Result<(), Failure> {
    print(&changed(item, width()))
}

fn changed(item: &Remediation, width: Option<usize>) -> String {
    let row = row(item);
    let wide = row.join("  ");
    match width {
        Some(width) if wide.chars().count() > width => {
            let [name, status, .., age] = &row;
            format!("{name}  {status}  {age}\n{}", details(&row, width))
        }
        _ => wide,
    }
}

fn narrow(rows: &[[String; 7]], width: usize) -> String {
    let heads = rows.iter().map(|[name, status, .., age]| vec![name.clone(), status.clone(), age.clone()]);
    let heads = table(&["NAME", "STATUS", "AGE"], heads);
    let mut lines = heads.lines();
    let mut text = lines.next().unwrap_or_default().to_owned();
    for (head, row) in lines.zip(rows) {
        text.push_str(&format!("\n{head}\n{}", details(row, width)));
    }
    text
}

/// The second line: the target last, since it may be cut.
fn details([_, _, severity, action, target, reason, _]: &[String; 7], width: usize) -> String {
    let line = format!("  {severity}  {action}  {reason}  {target}");
    match line.char_indices().nth(width) {
        None => line,
        Some(_) => line.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
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
        age(item.created_at.into()),
    ]
}

/// Everything about one.
pub(super) fn remediation(item: &Remediation) -> Result<(), Failure> {
    print(&everything(item, width()))
}

fn everything(item: &Remediation, width: Option<usize>) -> String {
    let mut table = plain_table();
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::try_from(width).unwrap_or(u16::MAX));
    }
    let mut add = |name: &str, value: &str| {
        table.add_row([plain(name), plain(value)]);
    };
    add("Name", &item.id);
    add("Status", &item.status.to_string());
    for (name, value) in [
        ("Reason", &item.reason),
        ("Message", &item.message),
        ("Action", &item.action),
        ("Rule", &item.rule),
        ("Source", &item.source),
        ("Severity", &item.severity.map(|severity| severity.to_string())),
        ("Policy rule", &item.policy_rule),
        ("Request", &item.request_id),
        ("Target", &item.target.as_ref().map(target)),
    ] {
        if let Some(value) = value {
            add(name, value);
        }
    }
    let approval = match (item.approval.state, &item.approval.by) {
        (ApprovalState::NotRequired, _) => "not required".to_owned(),
        (state, Some(by)) => format!("{state} by {by}"),
        (state, None) => state.to_string(),
    };
    add("Approval", &approval);
    if let Some(digest) = &item.plan_digest {
        add("Plan", digest);
    }
    add("Created", &item.created_at.to_string());
    if let Some(ended) = item.completed_at {
        add("Ended", &format!("{ended:.0}"));
    }
    for step in &item.steps {
        let tries = if step.attempts > 1 { format!(" (attempt {})", step.attempts) } else { String::new() };
        let message = step.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
        add(&format!("Step {}", step.name), &format!("{}{tries}{message}", step.state));
    }
    for (name, value) in &item.facts {
        add(&format!("Fact {name}"), value);
    }
    text(table)
}

/// What a doctor found.
pub(super) fn findings(findings: &[Finding]) -> Result<(), Failure> {
    let rows = findings.iter().map(|found| vec![found.result.as_str().to_owned(), found.check.clone(), plain(&found.message)]);
    print(&table(&["RESULT", "CHECK", "MESSAGE"], rows))
}

/// What became of each event.
pub(super) fn receipt(receipt: &Receipt) -> Result<(), Failure> {
    let rows = receipt.results.iter().map(|result| {
        let reason = result.reason.map(|reason| reason.to_string());
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![result.index.to_string(), result.outcome.to_string(), or_dash(result.remediation.clone()), or_dash(reason)]
    });
    print(&table(&["EVENT", "OUTCOME", "REMEDIATION", "REASON"], rows))
}

/// Text of an event as a terminal may show it: what would steer the terminal is shown, not sent.
pub(super) fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

pub(super) fn target(target: &Target) -> String {
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(n: u8, target: &str) -> Remediation {
        let name = format!("zar-{n:040x}");
        serde_json::from_value(json!({
            "id": name, "name": name, "namespace": "zen-agent", "status": "rolled_back", "severity": "critical",
            "action": "network-quarantine", "reason": "WaitingForApproval", "message": "m".repeat(300),
            "target": {"apiVersion": "v1", "kind": "StatefulSet", "namespace": "shop", "name": target},
            "approval": {"state": "waiting"}, "created_at": "2026-11-23T10:00:00Z", "updated_at": "2026-11-23T10:00:00Z",
            "facts": {"proc.cmdline": "sh\u{1b}[2J"}, "steps": [], "conditions": [],
        }))
        .unwrap()
    }

    #[test]
    fn on_eighty_columns_no_line_is_longer_and_every_name_is_whole() {
        let items = [item(1, "web"), item(2, &"long-".repeat(30))];
        let (list, changed) = (list(&items, Some(80)), changed(&items[1], Some(80)));
        for text in [&list, &changed, &everything(&items[1], Some(80))] {
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
        assert_eq!(list.lines().count(), 5, "{list}");
        assert!(items.iter().all(|item| list.contains(&item.id)) && changed.contains(&items[1].id), "{list}");
        assert!(list.contains("WaitingForApproval  StatefulSet shop/web") && list.contains('…'), "{list}");
    }

    #[test]
    fn what_no_terminal_reads_is_one_line_each_and_whole() {
        let items = [item(1, "web"), item(2, &"long-".repeat(30))];
        let text = list(&items, None);
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains(&"long-".repeat(30)));
        assert_eq!(changed(&items[1], None).lines().count(), 1);
    }

    #[test]
    fn what_a_tool_wrote_does_not_steer_the_terminal() {
        let text = everything(&item(1, "web"), None);
        assert!(text.contains("Fact proc.cmdline") && text.contains("\\u{1b}[2J") && !text.contains('\u{1b}'), "{text}");
    }
}
