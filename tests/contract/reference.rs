//! `docs/reference/` is written from the binary: its command line, settings, metrics, alerts and policy language.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use serde_json::Value;
use zen_agent::{cli, config::Settings, forward, policy, telemetry::Metrics};

const HOW: &str = "the binary changed; look at the effect with\n    ZEN_UPDATE_GENERATED=1 cargo test --test contract && git diff docs\n";
const NOTE: &str = "<!-- Written from the binary by tests/contract/reference.rs; do not edit. -->\n";

/// A text that stands in one cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{}`", cell(text)) }
}

/// Each command's help, as it prints it.
fn command_line() -> String {
    let mut text = format!(
        "{NOTE}# Command line\n\nExit codes: 0 done, 1 refused or failed, 2 the command line or the configuration is not valid, 3 the agent cannot be reached.\n"
    );
    fn visit(text: &mut String, command: &mut clap::Command, name: &str) {
        let help = command.render_long_help().to_string();
        let help: Vec<_> = help.lines().map(str::trim_end).collect();
        write!(text, "\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end()).unwrap();
        for below in command.get_subcommands_mut().filter(|below| below.get_name() != "help") {
            let name = format!("{name} {}", below.get_name());
            visit(text, below, &name);
        }
    }
    // What the environment of this test has is nobody else's.
    fn plain(command: clap::Command) -> clap::Command {
        command.mut_args(|argument| argument.hide_env_values(true)).mut_subcommands(plain)
    }
    let mut command = plain(cli::command());
    command.build();
    visit(&mut text, &mut command, "zen-agent");
    text
}

/// Each setting of `serve`: its flag, variable, key in the file, and default.
fn configuration() -> String {
    let defaults = serde_json::to_value(Settings::defaults()).unwrap();
    let command = cli::command();
    let serve = command.find_subcommand("serve").unwrap();
    let mut text = format!(
        "{NOTE}# Configuration\n\nOf each setting of `zen-agent serve` the flag wins over the variable, and that over the file's key (`--config FILE`, YAML).\n\
         `zen-agent config` prints what it would run with.\n\n| key | variable | default | what |\n|---|---|---|---|\n"
    );
    for argument in serve.get_arguments().filter(|argument| argument.get_id() != "config" && argument.get_env().is_some()) {
        let (key, variable) = (argument.get_id().as_str(), argument.get_env().unwrap().to_str().unwrap());
        let what = argument.get_long_help().or(argument.get_help()).unwrap().to_string();
        writeln!(text, "| `{key}` | `{variable}` | {} | {} |", code(defaults[key].as_str().unwrap_or_default()), cell(&what)).unwrap();
    }
    text
}

/// Each metric: its type, help, labels and the values that these have from the start.
fn metrics() -> String {
    let mut text = format!(
        "{NOTE}# Metrics\n\nOf the agent, and of a forwarder (`zen_agent_forward_…`), at `/metrics` of their admin listeners.\n\n| metric | type | labels | what |\n|---|---|---|---|\n"
    );
    let rendered = Metrics::new().render().unwrap() + &forward::exposition().unwrap();
    let mut labels = BTreeMap::<&str, BTreeMap<&str, Vec<&str>>>::new();
    for line in rendered.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').unwrap().0;
        let (name, matchers) = series.split_once('{').map_or((series, ""), |(name, matchers)| (name, matchers.trim_end_matches('}')));
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        for (label, value) in
            matchers.split("\",").filter_map(|label| label.trim_end_matches('"').split_once("=\"")).filter(|(label, _)| *label != "le")
        {
            let values = labels.entry(name).or_default().entry(label).or_default();
            if !values.contains(&value) {
                values.push(value);
            }
        }
    }
    let mut help = BTreeMap::new();
    for line in rendered.lines() {
        if let Some((name, what)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help.insert(name, what);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let of = labels.get(name).or_else(|| labels.get(name.trim_end_matches("_count")));
            let of = of.into_iter().flatten().map(|(label, values)| format!("`{label}`: {}", values.join(", ")));
            writeln!(text, "| `{name}` | {kind} | {} | {} |", cell(&of.collect::<Vec<_>>().join("; ")), cell(help[name])).unwrap();
        }
    }
    text
}

/// Each alert of the chart.
fn alerts() -> String {
    let mut text = format!("{NOTE}# Alerts\n\nThe chart's PrometheusRule (`deploy/chart/files/alerts.yaml`).\n");
    let file = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/chart/files/alerts.yaml")).unwrap();
    let file: Value = serde_yaml_ng::from_str(&file).unwrap();
    for rule in file["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        let word = |value: &Value| cell(value.as_str().unwrap_or_default());
        let length = rule["for"].as_str().map(|length| format!(", after {length}")).unwrap_or_default();
        let Some(name) = rule["alert"].as_str() else { continue };
        write!(text, "\n## {name}\n\n{} ({}{length})\n\n", word(&rule["annotations"]["summary"]), word(&rule["labels"]["severity"]))
            .unwrap();
        write!(
            text,
            "What to do: {}\n\n```promql\n{}\n```\n",
            word(&rule["annotations"]["description"]),
            rule["expr"].as_str().unwrap().trim()
        )
        .unwrap();
    }
    text
}

/// A schema in a few words.
fn kind(schema: &Value) -> String {
    let all = |list: &Value| list.as_array().unwrap().iter().map(kind).filter(|kind| !kind.is_empty()).collect::<Vec<_>>().join(", or ");
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        return if name == "Span" { "a duration: `30s`, `10m`, `24h`, `7d`".into() } else { format!("[{name}](#{})", name.to_lowercase()) };
    }
    if let Some(value) = schema.get("const") {
        return format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().filter_map(Value::as_str).map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    for list in ["anyOf", "oneOf"] {
        if schema[list].is_array() {
            return all(&schema[list]);
        }
    }
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let kinds = types.into_iter().filter(|type_| *type_ != "null").map(|type_| match type_ {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => format!("map of {}", kind(&schema["additionalProperties"])),
        other => other.to_owned(),
    });
    kinds.collect::<Vec<_>>().join(" or ")
}

fn policy_language() -> String {
    let schema = serde_json::to_value(policy::schema()).unwrap();
    let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "{NOTE}# Policy language\n\nA policy is a YAML file (`POLICY_FILE`). `zen-agent policy check FILE` says what is wrong with one, `zen-agent policy test FILE\n\
         --event EVENT.json` what it makes of an event, rule by rule, with the event's facts, and `zen-agent policy schema` prints the JSON\n\
         Schema that this page is written from. Examples are `policies/default.yaml` and `policies/dev.yaml`.\n\n\
         Expressions are [CEL](https://cel.dev): variables {}; functions {}; macros `has`, `all`, `exists`, `exists_one`, `map`, `filter`.\n\
         One that asks for a fact which the event does not have has no answer, and then `default` is proposed to a person: ask with\n\
         `has(facts.x)`, or `\"x\" in facts`.\n",
        list(&policy::VARIABLES),
        list(&policy::FUNCTIONS)
    );
    let defs = schema["$defs"].as_object().unwrap();
    let root = [("Policy", &schema)];
    let first = ["Rule", "Default", "Mode", "Action", "Verification", "Guardrails"].map(|name| (name, &defs[name]));
    let rest = defs
        .iter()
        .map(|(name, schema)| (name.as_str(), schema))
        .filter(|(name, _)| *name != "Span" && !first.iter().any(|(first, _)| first == name));
    for (name, schema) in root.into_iter().chain(first).chain(rest) {
        write!(text, "\n## {name}\n\n{}\n", cell(schema["description"].as_str().unwrap_or_default())).unwrap();
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let variants = schema["oneOf"].as_array().into_iter().flatten();
        let own = schema["properties"].as_object().into_iter().flatten().map(|field| {
            let optional = if required.contains(&field.0.as_str()) { "" } else { ", optional" };
            (field, optional)
        });
        let chosen =
            variants.clone().filter_map(|variant| variant["properties"].as_object()).flatten().map(|field| (field, ", one of these"));
        let rows: Vec<_> = own
            .chain(chosen)
            .map(|((field, schema), how)| {
                let meant = schema["$ref"].as_str().map(|name| &defs[name.trim_start_matches("#/$defs/")]);
                let what = [Some(schema), meant].into_iter().flatten().find_map(|schema| schema["description"].as_str());
                format!("| `{field}` | {}{how} | {} |", cell(&kind(schema)), cell(what.unwrap_or_default()))
            })
            .collect();
        if !rows.is_empty() {
            write!(text, "\n| field | type | what |\n|---|---|---|\n{}\n", rows.join("\n")).unwrap();
        }
        for value in variants.filter(|variant| variant.get("const").is_some()) {
            write!(text, "\n- {}: {}", kind(value), cell(value["description"].as_str().unwrap_or_default())).unwrap();
        }
        text = format!("{}\n", text.trim_end());
    }
    text
}

#[test]
fn the_reference_is_what_the_binary_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference");
    let schema = serde_json::to_string_pretty(&policy::schema()).unwrap() + "\n";
    for (name, text) in [
        ("cli.md", command_line()),
        ("configuration.md", configuration()),
        ("metrics.md", metrics()),
        ("alerts.md", alerts()),
        ("policy.md", policy_language()),
        ("policy.schema.json", schema),
    ] {
        if env::var_os("ZEN_UPDATE_GENERATED").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), &text).unwrap();
        }
        let same = fs::read_to_string(folder.join(name)).is_ok_and(|committed| committed == text);
        assert!(same, "docs/reference/{name} is stale or was edited: {HOW}");
    }
}

#[test]
fn every_policy_of_this_release_passes_the_schema_and_what_it_forbids_does_not() {
    let schema = serde_json::to_value(policy::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let policy = |text: &str| serde_yaml_ng::from_str::<Value>(text).unwrap();
    let templated = "rules: [{ name: a, when: 'true', mode: automatic, minSeverity: high,
        action: { label: { labels: { team: '${facts.team}' } } } }]
default: { mode: observe }
guardrails: { budget: off, cooldown: 10m, windows: [{ from: '22:00', for: 4h }], shortCircuit: { window: 1h, maxFailed: 50% } }";
    let odd = "rules: [{ name: a, when: 'true', mode: automatic, action: { label: { labels: { a: b } } },
        verification: { probes: [{ name: '${has(facts.a_rather_long_name_of_a_fact) ? facts.a_rather_long_name_of_a_fact : target.name}',
            prometheus: { query: up, expect: '> 0' } }] } }]
default: { mode: observe }
guardrails: { cooldown: null, protectedNamespaces: [a, a], shortCircuit: { window: 10m, maxTargets: 5 } }";
    for text in [policy::DEV, policy::DEFAULT, templated, odd] {
        let problems: Vec<_> = validator.iter_errors(&policy(text)).map(|error| format!("{} {error}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{problems:#?}");
    }
    for text in [
        "rules: []",
        "default: { mode: sometimes }",
        "default: { mode: observe, minSeverity: bad }",
        "default: { mode: propose, action: { explode: {} } }",
        "{ default: { mode: observe }, guardrails: { cooldown: soon } }",
        "{ default: { mode: observe }, guardrails: { speed: 1 } }",
    ] {
        assert!(!validator.is_valid(&policy(text)), "{text}");
    }
}
