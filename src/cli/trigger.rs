//! `trigger`: a realistic event of a tool, as of now, signed and sent: to see what an agent, and its policy, make of it.
//!
//! ```text
//!   a sample in the binary ─▶ its times are now ─▶ --override PLACE=VALUE … ─▶ sent, under a new request id
//! ```

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Connect, Failure,
    connect::request_id,
    output::{self, Format},
    send::deliver,
};
use crate::forward::Tool;

#[derive(clap::Args)]
pub(super) struct Trigger {
    /// Which event, such as falco.shell.
    #[arg(required_unless_present = "list", value_parser = find)]
    event: Option<&'static Fixture>,
    /// Show the events that there are.
    #[arg(long, conflicts_with = "event")]
    list: bool,
    /// Another value at a place, such as priority=Critical or output_fields.k8s.ns.name=shop; JSON, or else text.
    #[arg(long = "override", value_name = "PLACE=VALUE", value_parser = change)]
    overrides: Vec<Override>,
    /// Print the event instead of sending it.
    #[arg(long, conflicts_with = "list")]
    print: bool,
    /// How to print the receipt.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    #[command(flatten)]
    connect: Connect,
}

/// An event that can be sent.
#[derive(Debug)]
struct Fixture {
    name: &'static str,
    tool: Tool,
    about: &'static str,
    text: &'static str,
}

macro_rules! fixture {
    ($name:literal, $tool:ident, $about:literal, $file:literal) => {
        Fixture { name: $name, tool: Tool::$tool, about: $about, text: include_str!(concat!("../../tests/samples/", $file)) }
    };
}

/// The targets are the sample workloads of `dev`.
static FIXTURES: [Fixture; 9] = [
    fixture!("falco.c2", Falco, "a shell in a pod talks to a C2 server", "falco-outbound-c2.json"),
    fixture!("falco.shell", Falco, "a shell was spawned in a container", "falco-shell-in-container.json"),
    fixture!("falco.audit", Falco, "a privileged pod was created, by the API server's audit", "falco-k8s-audit.json"),
    fixture!("falco.drop", Falco, "Falco dropped system calls: about no object", "falco-internal-drop.json"),
    fixture!("trivy.vulnerabilities", Trivy, "critical CVEs in a workload's image", "trivy-operator-vulnerabilityreport.json"),
    fixture!("trivy.config", Trivy, "a workload's configuration was checked", "trivy-operator-configauditreport.json"),
    fixture!("trivy.image", Trivy, "the Trivy CLI scanned an image: about no object", "trivy-cli-image.json"),
    fixture!("kyverno.result", Kyverno, "a policy failed, by Policy Reporter", "policy-reporter-result.json"),
    fixture!("kyverno.report", Kyverno, "a PolicyReport, of a rule that failed and one that passed", "kyverno-policyreport.json"),
];

fn find(name: &str) -> Result<&'static Fixture, String> {
    FIXTURES.iter().find(|fixture| fixture.name == name).ok_or_else(|| "there is none; `zen-agent trigger --list` shows them".to_owned())
}

/// A value at a place.
#[derive(Clone, Debug)]
struct Override {
    place: String,
    value: Value,
}

fn change(text: &str) -> Result<Override, &'static str> {
    let (place, value) = text.split_once('=').filter(|(place, _)| !place.is_empty()).ok_or("give PLACE=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok(Override { place: place.to_owned(), value })
}

impl Trigger {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Some(fixture) = self.event else {
            let rows = FIXTURES.iter().map(|fixture| vec![fixture.name.to_owned(), fixture.about.to_owned()]);
            return output::print(&output::table(&["EVENT", "WHAT"], rows));
        };
        let body = fixture.event(Timestamp::now(), self.overrides).map_err(Failure::Usage)?;
        if self.print {
            return output::json(&body);
        }
        let receipt = deliver(&self.connect, fixture.tool.into(), &request_id(), body.to_string().into_bytes()).await?;
        match self.output {
            Format::Json => output::json(&receipt),
            Format::Table => output::receipt(&receipt),
        }
    }
}

impl Fixture {
    /// The event, as if it had happened now.
    fn event(&self, now: Timestamp, overrides: Vec<Override>) -> Result<Value, String> {
        let mut body: Value = serde_json::from_str(self.text).map_err(|error| error.to_string())?;
        // Where the tools say when; only what is there is set.
        for (pointer, value) in [
            ("/time", json!(now.to_string())),
            ("/output_fields/evt.time", i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX).into()),
            ("/report/updateTimestamp", json!(now.to_string())),
            ("/creationTimestamp", json!(now.to_string())),
            ("/CreatedAt", json!(now.to_string())),
        ] {
            if let Some(time) = body.pointer_mut(pointer) {
                *time = value;
            }
        }
        for result in body.get_mut("results").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(time) = result.get_mut("timestamp") {
                *time = json!({ "seconds": now.as_second(), "nanos": now.subsec_nanosecond() });
            }
        }
        for Override { place, value } in overrides {
            *at(&mut body, &place).ok_or_else(|| format!("{place}: there is no such place in {}", self.name))? = value;
        }
        Ok(body)
    }
}

/// The value at a place, made where it is not there. Names may have dots in them, as Falco's fields have: of those that are there the
/// longest one counts, and of those that are not, all that is left is one name.
fn at<'a>(value: &'a mut Value, place: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(members) => {
            let ends = place.match_indices('.').map(|(end, _)| end).chain([place.len()]);
            let known = ends.filter(|end| members.contains_key(&place[..*end])).max();
            match known.filter(|end| *end < place.len()) {
                Some(end) => at(members.get_mut(&place[..end])?, &place[end + 1..]),
                None => Some(members.entry(place).or_insert(Value::Null)),
            }
        }
        Value::Array(items) => match place.split_once('.') {
            Some((index, rest)) => at(items.get_mut(index.parse::<usize>().ok()?)?, rest),
            None => items.get_mut(place.parse::<usize>().ok()?),
        },
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{event::Normalized, recognise};

    #[test]
    fn every_event_is_one_of_its_tool_and_happened_now() {
        let now: Timestamp = "2026-07-01T12:00:00.123456789Z".parse().unwrap();
        for fixture in &FIXTURES {
            let body = fixture.event(now, Vec::new()).unwrap();
            let events = recognise::read(body.to_string().as_bytes(), now).unwrap();
            assert!(!events.is_empty(), "{}", fixture.name);
            for event in events {
                if let Normalized::Event(event) = event {
                    assert_eq!((event.source.as_str(), event.time), (fixture.tool.as_str(), now), "{}", fixture.name);
                }
            }
        }
    }

    #[test]
    fn a_place_is_found_though_names_have_dots_and_made_where_it_is_not_there() {
        let of = |text: &[&str]| {
            let overrides = text.iter().map(|text| change(text).unwrap()).collect();
            find("falco.c2").unwrap().event(Timestamp::UNIX_EPOCH, overrides)
        };
        let body = of(&["output_fields.k8s.ns.name=shop", "output_fields.proc.exe=/bin/sh", "tags.0=x", "priority=\"7\"", "n=7"]).unwrap();
        assert_eq!(body["output_fields"]["k8s.ns.name"], "shop");
        assert_eq!(body["output_fields"]["proc.exe"], "/bin/sh");
        assert_eq!((&body["tags"][0], &body["priority"], &body["n"]), (&json!("x"), &json!("7"), &json!(7)));
        assert!(of(&["priority.deep=1"]).is_err(), "what is no object has nothing in it");
        assert!(of(&["tags.9=x"]).is_err());
        assert!(change("=1").is_err() && change("a").is_err());
    }
}
