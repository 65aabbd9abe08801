//! `policy`: is a policy file valid, and what would it make of an event.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Failure,
    input::read,
    output::{self, Format},
    rbac::actions,
};
use crate::{
    event::{Ignored, Normalized, SecurityEvent, Target},
    pipeline::actions::Reversibility,
    policy::{self, Decision, Explanation, Policy, RuleAsked, RuleResult},
    recognise,
    remediation::{ActionKind, Mode},
};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Say everything that is wrong with a policy file.
    Check(Check),
    /// Print the JSON Schema of policy files, which editors complete and check them by (`yaml.schemas`).
    Schema,
    /// Explain, rule by rule, what a policy makes of an event. Nothing is changed, and no agent is asked.
    Test(Test),
}

/// A policy file.
#[derive(clap::Args)]
pub(super) struct Check {
    /// The policy file; - reads standard input.
    file: PathBuf,
    /// The actions that are enabled where it will be used; the policy may ask for no other.
    #[arg(long, value_delimiter = ',', env = "ENABLED_ACTIONS", value_parser = actions())]
    enabled_actions: Option<Vec<ActionKind>>,
    /// How to print.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
}

/// A policy file and an event.
#[derive(clap::Args)]
pub(super) struct Test {
    /// The policy file.
    file: PathBuf,
    /// JSON file with what Falco, Trivy or Kyverno wrote, or with a normalized event or a batch of them; - reads standard input.
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// How to print.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
}

impl Command {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Check(check) => check.run(),
            Self::Schema => output::json(&policy::schema()),
            Self::Test(test) => test.run(),
        }
    }
}

impl Check {
    fn run(self) -> Result<(), Failure> {
        let checked = parse(&self.file)?.and_then(|policy| match self.enabled_actions {
            Some(enabled) => policy.needs_only(&BTreeSet::from_iter(enabled)).map_err(|error| vec![error.to_string()]),
            None => Ok(policy),
        });
        let (actions, problems) = match checked {
            Ok(policy) => (policy.actions(), Vec::new()),
            Err(problems) => (BTreeSet::new(), problems),
        };
        let (valid, actions) = (problems.is_empty(), actions.into_iter().map(ActionKind::as_str).collect::<Vec<_>>());
        match self.output {
            Format::Json => output::json(&json!({ "valid": valid, "problems": problems, "actions": actions }))?,
            Format::Table if valid && actions.is_empty() => output::print("valid; it asks for no action")?,
            Format::Table if valid => output::print(&format!("valid; it asks for the actions {}", actions.join(", ")))?,
            Format::Table => problems.iter().try_for_each(|problem| output::print(problem))?,
        }
        if valid { Ok(()) } else { Err(Failure::Refused(format!("{} is no valid policy", self.file.display()))) }
    }
}

impl Test {
    fn run(self) -> Result<(), Failure> {
        let policy = parse(&self.file)?.map_err(|problems| {
            let problems: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
            Failure::Refused(format!("{} is no valid policy:{problems}", self.file.display()))
        })?;
        let events = recognise::read(&read(&self.event)?, Timestamp::now())
            .map_err(|error| Failure::Refused(format!("{}: {error}", self.event.display())))?;
        let judged = events.into_iter().map(|event| match event {
            Normalized::Ignored(reason) => Judged::Ignored(reason),
            Normalized::Event(event) => Judged::Explained(Box::new(policy.explain(&event)), event),
        });
        match self.output {
            Format::Json => output::json(&judged.map(|judged| judged.document()).collect::<Vec<_>>()),
            Format::Table => output::print(&judged.map(|judged| judged.text()).collect::<Vec<_>>().join("\n\n")),
        }
    }
}

/// A policy file's policy, or what is wrong with it.
fn parse(file: &Path) -> Result<Result<Policy, Vec<String>>, Failure> {
    let Ok(text) = String::from_utf8(read(file)?) else { return Ok(Err(vec!["file: no UTF-8 text".to_owned()])) };
    Ok(Policy::parse(&text).map_err(|error| error.problems().to_vec()))
}

/// An event, and what becomes of it.
enum Judged {
    /// Nothing, whatever the policy.
    Ignored(Ignored),
    Explained(Box<Explanation>, Box<SecurityEvent>),
}

impl Judged {
    fn document(&self) -> Value {
        let (Explanation { rules, decision, guardrails }, event) = match self {
            Self::Ignored(reason) => return json!({ "outcome": "ignored", "reason": reason.as_str() }),
            Self::Explained(explanation, event) => (&**explanation, event),
        };
        let SecurityEvent { source, rule, severity, target, facts, .. } = &**event;
        let mut document = json!({
            "event": { "source": source, "rule": rule, "severity": severity, "target": target, "facts": facts },
            "rules": rules,
        });
        let outcome = match decision {
            Decision::Ignore(reason) => json!({ "outcome": "ignored", "reason": reason.as_str() }),
            Decision::Remediate { action, verification, mode, rule } => {
                let mut outcome =
                    json!({ "outcome": "remediation", "rule": rule, "mode": mode, "action": action, "guardrails": guardrails });
                if let Some(verification) = verification {
                    outcome["verification"] = json!(verification);
                }
                outcome
            }
        };
        if let (Value::Object(document), Value::Object(outcome)) = (&mut document, outcome) {
            document.extend(outcome);
        }
        document
    }

    fn text(&self) -> String {
        let (Explanation { rules, decision, guardrails }, event) = match self {
            Self::Ignored(reason) => return format!("ignored, whatever the policy: {}", reason.as_str()),
            Self::Explained(explanation, event) => (&**explanation, event),
        };
        let Target { kind, namespace, name, .. } = &event.target;
        let place = namespace.as_deref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let mut lines = vec![format!("{} {} {:?} about {kind} {place}{name}", event.severity.as_str(), event.source, event.rule)];
        for RuleAsked { rule, result, why } in rules {
            let why = why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            lines.push(format!("  rule {rule}: {}{why}", said(*result)));
        }
        match decision {
            Decision::Ignore(reason) => lines.push(format!("ignored: {}", reason.as_str())),
            Decision::Remediate { action, verification, mode, rule } => {
                lines.push(format!("{}, by {rule}: {}", meant(*mode, action.kind()), json!(action)));
                lines.extend(verification.as_ref().map(|verification| format!("  verified afterwards: {}", json!(verification))));
                lines.extend(guardrails.iter().map(|ahead| format!("  guardrail {}: {}", ahead.guardrail, ahead.says)));
            }
        }
        lines.iter().map(|line| output::plain(line)).collect::<Vec<_>>().join("\n")
    }
}

const fn said(result: RuleResult) -> &'static str {
    match result {
        RuleResult::NoMatch => "does not match",
        RuleResult::Match => "matches",
        RuleResult::BelowMinSeverity => "matches, below its threshold",
        RuleResult::NotEvaluated => "cannot be evaluated, so that `default` is proposed",
    }
}

/// The mode, as it is for this action.
fn meant(mode: Mode, action: ActionKind) -> &'static str {
    match mode {
        Mode::Automatic if action.reversibility() == Reversibility::Destructive => {
            "a proposal that waits for a person, since the action removes something for good"
        }
        Mode::Propose => "a proposal that waits for a person",
        Mode::Automatic | Mode::AutomaticIrreversible => "an automatic remediation",
    }
}
