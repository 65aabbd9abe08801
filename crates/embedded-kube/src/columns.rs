//! What `kubectl get` shows of each type: columns, and what stands in them.
//!
//! Custom types say so themselves (`additionalPrinterColumns`); those of built-in types are upstream's, as
//! far as this server knows what is in them.

use jiff::Timestamp;
use serde_json::{Value, json};

/// One column of a table.
#[derive(Debug)]
pub(crate) struct Column {
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub ty: String,
    pub format: String,
    pub description: String,
    /// Above 0 it is shown by `-o wide` only.
    pub priority: i64,
    cell: Cell,
}

#[derive(Debug)]
enum Cell {
    /// What stands at a path.
    At(Path),
    /// What is made of the whole object.
    Made(fn(&Value) -> Value),
}

/// A simple JSONPath: fields, indexes, and items of which a field has a value.
#[derive(Debug)]
struct Path(Vec<Step>);

#[derive(Debug)]
enum Step {
    Field(String),
    Index(usize),
    Where(String, String),
}

impl Column {
    fn made(name: &str, ty: &str, priority: i64, cell: fn(&Value) -> Value) -> Self {
        let format = if name == "Name" { "name" } else { "" };
        Self { name: name.into(), ty: ty.into(), format: format.into(), description: String::new(), priority, cell: Cell::Made(cell) }
    }

    /// What stands in this column for an object.
    pub(crate) fn cell(&self, object: &Value) -> Value {
        let value = match &self.cell {
            Cell::At(path) => path.find(object).cloned().unwrap_or_default(),
            Cell::Made(make) => make(object),
        };
        match (self.ty.as_str(), value) {
            (_, Value::Null) => Value::Null,
            ("date", value) => value.as_str().and_then(age).map_or_else(|| "<unknown>".into(), Value::from),
            ("string", text @ Value::String(_)) => text,
            ("string", other) => other.to_string().into(),
            (_, value) => value,
        }
    }

    /// How a table describes it.
    pub(crate) fn definition(&self) -> Value {
        let is_made = matches!(self.cell, Cell::Made(_));
        let ty = if is_made && self.ty == "date" { "string" } else { &self.ty };
        json!({"name": self.name, "type": ty, "format": self.format, "description": self.description, "priority": self.priority})
    }
}

/// The columns of a version of a custom type.
///
/// # Errors
/// The index of a column whose path this server cannot follow.
pub(crate) fn custom(version: &Value) -> Result<Vec<Column>, usize> {
    let mut columns = vec![Column::made("Name", "string", 0, |object| at(object, "metadata.name").clone())];
    let said = version["additionalPrinterColumns"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, column) in said.iter().enumerate() {
        let text = |key: &str| column[key].as_str().unwrap_or_default().to_owned();
        let path = Path::parse(&text("jsonPath")).ok_or(index)?;
        let priority = column["priority"].as_i64().unwrap_or_default();
        let (name, ty, format, description) = (text("name"), text("type"), text("format"), text("description"));
        columns.push(Column { name, ty, format, description, priority, cell: Cell::At(path) });
    }
    if said.is_empty() {
        columns.push(Column::made("Age", "date", 0, created));
    }
    Ok(columns)
}

impl Path {
    fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(field) = rest.strip_prefix('.') {
                let end = field.find(['.', '[']).unwrap_or(field.len());
                steps.push(Step::Field(Some(&field[..end]).filter(|field| !field.is_empty())?.to_owned()));
                rest = &field[end..];
                continue;
            }
            let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(match inner.strip_prefix("?(@.").and_then(|condition| condition.strip_suffix(')')) {
                Some(condition) => {
                    let (field, value) = condition.split_once("==")?;
                    Step::Where(field.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned())
                }
                None => Step::Index(inner.parse().ok()?),
            });
            rest = after;
        }
        Some(Self(steps)).filter(|path| !path.0.is_empty())
    }

    fn find<'v>(&self, object: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(object, |value, step| match step {
            Step::Field(name) => value.get(name),
            Step::Index(index) => value.get(index),
            Step::Where(field, wanted) => value.as_array()?.iter().find(|item| item[field] == **wanted),
        })
    }
}

/// How long ago a time was, as people say it: `42s`, `7m`, `3h`, `12d`.
fn age(time: &str) -> Option<String> {
    let time: Timestamp = time.parse().ok()?;
    let seconds = Timestamp::now().duration_since(time).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    Some(match seconds {
        0..120 => format!("{seconds}s"),
        120..600 if seconds % 60 > 0 => format!("{minutes}m{}s", seconds % 60),
        120..10_800 => format!("{minutes}m"),
        10_800..28_800 if minutes % 60 > 0 => format!("{hours}h{}m", minutes % 60),
        10_800..172_800 => format!("{hours}h"),
        172_800..691_200 if hours % 24 > 0 => format!("{days}d{}h", hours % 24),
        172_800..63_072_000 => format!("{days}d"),
        _ => format!("{}y", days / 365),
    })
}

type Made = (&'static str, &'static str, i64, fn(&Value) -> Value);

const CONTAINERS: Made = ("Containers", "string", 1, |object| each(at(object, "spec.template.spec.containers"), "name"));
const IMAGES: Made = ("Images", "string", 1, |object| each(at(object, "spec.template.spec.containers"), "image"));
const SELECTOR: Made = ("Selector", "string", 1, |object| pairs(at(object, "spec.selector.matchLabels")));
const READY: Made = ("Ready", "string", 0, |object| {
    format!("{}/{}", number(object, "status.readyReplicas"), at(object, "spec.replicas").as_i64().unwrap_or(1)).into()
});

/// The columns of a built-in type between its name and its age, and those of `-o wide`.
fn between(plural: &str) -> &'static [Made] {
    match plural {
        "namespaces" => &[("Status", "string", 0, |object| at(object, "status.phase").clone())],
        "nodes" => {
            &[("Status", "string", 0, node_status), ("Version", "string", 0, |object| at(object, "status.nodeInfo.kubeletVersion").clone())]
        }
        "pods" => &[
            ("Ready", "string", 0, |object| {
                let statuses = at(object, "status.containerStatuses").as_array().map(Vec::as_slice).unwrap_or_default();
                let ready = statuses.iter().filter(|status| status["ready"] == true).count();
                format!("{ready}/{}", count(at(object, "spec.containers"))).into()
            }),
            ("Status", "string", 0, pod_status),
            ("Restarts", "string", 0, |object| {
                let statuses = at(object, "status.containerStatuses").as_array().map(Vec::as_slice).unwrap_or_default();
                statuses.iter().filter_map(|status| status["restartCount"].as_i64()).sum::<i64>().into()
            }),
            ("IP", "string", 1, |object| or_none(at(object, "status.podIP"))),
            ("Node", "string", 1, |object| or_none(at(object, "spec.nodeName"))),
        ],
        "services" => &[
            ("Type", "string", 0, |object| at(object, "spec.type").as_str().unwrap_or("ClusterIP").into()),
            ("Cluster-IP", "string", 0, |object| or_none(at(object, "spec.clusterIP"))),
            ("Port(s)", "string", 0, |object| each(at(object, "spec.ports"), "port")),
            ("Selector", "string", 1, |object| pairs(at(object, "spec.selector"))),
        ],
        "serviceaccounts" => &[("Secrets", "string", 0, |object| count(at(object, "secrets")).into())],
        "configmaps" => &[("Data", "string", 0, |object| (count(at(object, "data")) + count(at(object, "binaryData"))).into())],
        "secrets" => &[
            ("Type", "string", 0, |object| at(object, "type").as_str().unwrap_or("Opaque").into()),
            ("Data", "string", 0, |object| count(at(object, "data")).into()),
        ],
        "deployments" => &[
            READY,
            ("Up-to-date", "integer", 0, |object| number(object, "status.updatedReplicas").into()),
            ("Available", "integer", 0, |object| number(object, "status.availableReplicas").into()),
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        "replicasets" => &[
            ("Desired", "integer", 0, |object| number(object, "spec.replicas").into()),
            ("Current", "integer", 0, |object| number(object, "status.replicas").into()),
            ("Ready", "integer", 0, |object| number(object, "status.readyReplicas").into()),
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        "statefulsets" => &[READY, CONTAINERS, IMAGES],
        "daemonsets" => &[
            ("Desired", "integer", 0, |object| number(object, "status.desiredNumberScheduled").into()),
            ("Current", "integer", 0, |object| number(object, "status.currentNumberScheduled").into()),
            ("Ready", "integer", 0, |object| number(object, "status.numberReady").into()),
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        "jobs" => &[
            ("Completions", "string", 0, |object| {
                format!("{}/{}", number(object, "status.succeeded"), at(object, "spec.completions").as_i64().unwrap_or(1)).into()
            }),
            CONTAINERS,
            IMAGES,
        ],
        "cronjobs" => &[
            ("Schedule", "string", 0, |object| at(object, "spec.schedule").clone()),
            ("Suspend", "boolean", 0, |object| at(object, "spec.suspend").as_bool().unwrap_or_default().into()),
            ("Active", "integer", 0, |object| count(at(object, "status.active")).into()),
            ("Last Schedule", "date", 0, |object| at(object, "status.lastScheduleTime").clone()),
        ],
        "networkpolicies" => &[("Pod-Selector", "string", 0, |object| pairs(at(object, "spec.podSelector.matchLabels")))],
        "poddisruptionbudgets" => &[
            ("Min Available", "string", 0, |object| or_not_applicable(at(object, "spec.minAvailable"))),
            ("Max Unavailable", "string", 0, |object| or_not_applicable(at(object, "spec.maxUnavailable"))),
            ("Allowed Disruptions", "integer", 0, |object| number(object, "status.disruptionsAllowed").into()),
        ],
        "leases" => &[("Holder", "string", 0, |object| at(object, "spec.holderIdentity").clone())],
        _ => &[],
    }
}

const EVENTS: [Made; 6] = [
    ("Last Seen", "date", 0, |object| {
        let times = ["lastTimestamp", "eventTime", "firstTimestamp"].map(|field| &object[field]);
        times.into_iter().find(|time| time.is_string()).map_or_else(|| created(object), Value::clone)
    }),
    ("Type", "string", 0, |object| object["type"].clone()),
    ("Reason", "string", 0, |object| object["reason"].clone()),
    ("Object", "string", 0, |object| {
        let text = |field: &str| object["involvedObject"][field].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", text("kind").to_lowercase(), text("name")).into()
    }),
    ("Message", "string", 0, |object| object["message"].clone()),
    ("Name", "string", 1, |object| at(object, "metadata.name").clone()),
];

/// The columns of a built-in type.
pub(crate) fn built_in(plural: &str) -> Vec<Column> {
    let made = |(name, ty, priority, cell): &Made| Column::made(name, ty, *priority, *cell);
    let name = Column::made("Name", "string", 0, |object| at(object, "metadata.name").clone());
    match plural {
        "events" => EVENTS.iter().map(made).collect(),
        "customresourcedefinitions" => vec![name, Column::made("Created At", "string", 0, created)],
        _ => {
            let (narrow, wide): (Vec<_>, Vec<_>) = between(plural).iter().map(made).partition(|column| column.priority == 0);
            let age = Column::made("Age", "date", 0, created);
            [name].into_iter().chain(narrow).chain([age]).chain(wide).collect()
        }
    }
}

fn at<'v>(object: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(object, |value, part| &value[part])
}

fn created(object: &Value) -> Value {
    at(object, "metadata.creationTimestamp").clone()
}

fn number(object: &Value, path: &str) -> i64 {
    at(object, path).as_i64().unwrap_or_default()
}

fn count(value: &Value) -> usize {
    value.as_array().map(Vec::len).or_else(|| value.as_object().map(serde_json::Map::len)).unwrap_or_default()
}

fn or_none(value: &Value) -> Value {
    value.as_str().unwrap_or("<none>").into()
}

/// A number or a percentage.
fn or_not_applicable(value: &Value) -> Value {
    value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|number| number.to_string())).unwrap_or_else(|| "N/A".into()).into()
}

fn each(items: &Value, field: &str) -> Value {
    let plain = |item: &Value| item[field].as_str().map_or_else(|| item[field].to_string(), str::to_owned);
    items.as_array().into_iter().flatten().map(plain).collect::<Vec<_>>().join(",").into()
}

fn pairs(labels: &Value) -> Value {
    let pairs: Vec<String> =
        labels.as_object().into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    if pairs.is_empty() { "<none>".into() } else { pairs.join(",").into() }
}

fn pod_status(object: &Value) -> Value {
    if at(object, "metadata.deletionTimestamp").is_string() {
        return "Terminating".into();
    }
    let reason = at(object, "status.reason");
    if reason.is_string() { reason.clone() } else { at(object, "status.phase").clone() }
}

fn node_status(object: &Value) -> Value {
    let conditions = at(object, "status.conditions").as_array().map(Vec::as_slice).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
    let word = match ready.and_then(|ready| ready["status"].as_str()) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    let cordoned = if at(object, "spec.unschedulable") == true { ",SchedulingDisabled" } else { "" };
    format!("{word}{cordoned}").into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_as_kubectl_says_them() {
        let ago = |seconds: i64| age(&(Timestamp::now() - jiff::SignedDuration::from_secs(seconds)).to_string()).unwrap();
        for (seconds, wanted) in [
            (61, "61s"),
            (125, "2m5s"),
            (600, "10m"),
            (3_600, "60m"),
            (10_860, "3h1m"),
            (30_000, "8h"),
            (200_000, "2d7h"),
            (800_000, "9d"),
            (70_000_000, "2y"),
        ] {
            assert_eq!(ago(seconds), wanted);
        }
        assert_eq!(age("yesterday"), None);
    }

    #[test]
    fn a_path_leads_through_fields_indexes_and_conditions_and_another_is_refused() {
        let object = json!({"a": {"b": [{"type": "X", "is": 1}, {"type": "Y", "is": 2}]}});
        for (path, wanted) in [(".a.b[0].is", json!(1)), (r#".a.b[?(@.type=="Y")].is"#, json!(2)), (".a.c", Value::Null)] {
            let found = Path::parse(path).unwrap().find(&object).cloned().unwrap_or_default();
            assert_eq!(found, wanted, "{path}");
        }
        for wrong in ["", "a", ".a..b", ".a[*]", ".a[?(@.b)]", "..a"] {
            assert!(Path::parse(wrong).is_none(), "{wrong}");
        }
    }
}
