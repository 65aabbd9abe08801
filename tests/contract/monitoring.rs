//! Alerts and dashboard ask for metrics that the agent has, with labels that they have.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;
use zen_agent::{forward, telemetry::Metrics};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Every series that the agent, or a forwarder, exposes from the start: its name, and the labels with their values.
fn exposed() -> BTreeMap<String, Vec<BTreeMap<String, String>>> {
    let mut exposed = BTreeMap::<_, Vec<_>>::new();
    let text = Metrics::new().render().unwrap() + &forward::exposition().unwrap();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').unwrap().0;
        let (name, labels) = series.split_once('{').map_or((series, ""), |(name, labels)| (name, labels.trim_end_matches('}')));
        let labels = labels.split("\",").filter_map(|label| label.split_once("=\""));
        let labels = labels.map(|(key, value)| (key.trim_matches(',').to_owned(), value.trim_matches('"').to_owned())).collect();
        exposed.entry(name.to_owned()).or_default().push(labels);
    }
    exposed
}

/// The metrics that an expression selects, and the labels by which it does.
fn selected(expression: &str) -> Vec<(String, Vec<(String, String)>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find("zen_agent_") {
        rest = &rest[at..];
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let matchers = after.strip_prefix('{').and_then(|after| after.split_once('}')).map_or("", |(matchers, _)| matchers);
        let matchers = matchers.split(',').filter_map(|matcher| matcher.split_once("=~").or_else(|| matcher.split_once('=')));
        let matchers = matchers.map(|(label, value)| (label.trim().to_owned(), value.trim_matches('"').to_owned()));
        found.push((name.to_owned(), matchers.collect()));
        rest = after;
    }
    found
}

/// The labels that an expression groups by.
fn grouped(expression: &str) -> Vec<String> {
    let lists = expression.split("by (").skip(1).map(|rest| rest.split(')').next().unwrap());
    lists.flat_map(|list| list.split(',').map(|label| label.trim().to_owned())).collect()
}

fn check(place: &str, expression: &str, exposed: &BTreeMap<String, Vec<BTreeMap<String, String>>>) {
    let selected = selected(expression);
    assert!(!selected.is_empty(), "{place} asks for no metric of the agent: {expression}");
    for (name, matchers) in &selected {
        let series = exposed.get(name).unwrap_or_else(|| panic!("{place}: there is no metric {name}"));
        // `job` and `instance` are the scraper's.
        for (label, value) in matchers.iter().filter(|(label, _)| !["job", "instance"].contains(&label.as_str())) {
            for value in value.split('|') {
                let has = series.iter().any(|labels| labels.get(label).is_some_and(|is| is == value));
                assert!(has, "{place}: no series of {name} has {label}={value}");
            }
        }
    }
    for label in grouped(expression) {
        let has = |name: &String| exposed[name].iter().any(|labels| labels.contains_key(&label));
        assert!(selected.iter().any(|(name, _)| has(name)), "{place}: nothing has the label {label}: {expression}");
    }
}

#[test]
fn every_alert_asks_for_metrics_that_the_agent_exposes() {
    let (exposed, rules) = (exposed(), read("deploy/chart/files/alerts.yaml"));
    let rules: Value = serde_yaml_ng::from_str(&rules).unwrap();
    let rules: Vec<_> = rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(rules.len() > 14);
    for rule in rules {
        check(rule["alert"].as_str().unwrap(), rule["expr"].as_str().unwrap(), &exposed);
    }
}

#[test]
fn every_panel_of_the_dashboard_asks_for_metrics_that_the_agent_exposes() {
    let (exposed, dashboard) = (exposed(), read("deploy/chart/files/dashboard.json"));
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() > 10);
    for panel in panels {
        for target in panel["targets"].as_array().unwrap() {
            check(panel["title"].as_str().unwrap(), target["expr"].as_str().unwrap(), &exposed);
        }
    }
}

#[test]
#[should_panic(expected = "there is no metric zen_agent_crd_counts")]
fn a_metric_that_is_not_there_is_noticed() {
    check("a panel", "sum(zen_agent_crd_counts)", &exposed());
}

#[test]
#[should_panic(expected = "no series of zen_agent_crd_count has status=ended")]
fn a_value_that_is_not_there_is_noticed() {
    check("a panel", "sum(zen_agent_crd_count{status=~\"pending|ended\"})", &exposed());
}
