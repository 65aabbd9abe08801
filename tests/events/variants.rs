//! Every declared field, there and not there, null, misspelt and mistyped: of the samples, and of one
//! payload of each form in which all declared fields are there.

use serde_json::{Map, Value, json};

use super::payload::{Tool, normalize, sample, violations, with, without};

const SAMPLES: [(Tool, &[&str]); 3] = [
    (
        Tool::Falco,
        &[
            "falco-internal-drop",
            "falco-k8s-audit",
            "falco-minimal",
            "falco-outbound-c2",
            "falco-shell-in-container",
            "falcosidekick-event",
        ],
    ),
    (
        Tool::Trivy,
        &[
            "trivy-cli-config",
            "trivy-cli-image",
            "trivy-operator-configauditreport",
            "trivy-operator-update-envelope",
            "trivy-operator-vulnerabilityreport",
        ],
    ),
    (Tool::Kyverno, &["kyverno-policyreport", "policy-reporter-heartbeat", "policy-reporter-result"]),
];

/// The contract's components.
struct Contract(Value);

/// A declared property of a payload.
struct Place<'a> {
    pointer: String,
    schema: &'a Value,
    required: bool,
}

impl Contract {
    fn load() -> Self {
        let text = std::fs::read_to_string(format!("{}/generated/v0.openapi.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    fn payload(&self, tool: Tool) -> &Value {
        let name = match tool {
            Tool::Falco => "FalcoEvent",
            Tool::Trivy => "TrivyPayload",
            Tool::Kyverno => "KyvernoPayload",
        };
        &self.0["components"]["schemas"][name]
    }

    /// The schema behind references, and a union with null.
    fn plain<'a>(&'a self, schema: &'a Value) -> &'a Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.plain(self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap());
        }
        match schema["oneOf"].as_array().map(Vec::as_slice) {
            Some([branch, null]) if is_null(null) => self.plain(branch),
            _ => schema,
        }
    }

    /// The branch of a union that applies to the value.
    fn branch<'a>(&'a self, schema: &'a Value, value: &Value) -> &'a Value {
        let schema = self.plain(schema);
        let Some(selectors) = schema["x-select-by-presence"].as_array() else { return schema };
        let applies =
            |selector: &Value| selector.as_array().is_none_or(|names| names.iter().any(|name| value.get(name.as_str().unwrap()).is_some()));
        let index = selectors.iter().position(applies).unwrap();
        self.branch(&schema["oneOf"][index], value)
    }

    /// Every declared property that the value has.
    fn places<'a>(&'a self, schema: &'a Value, value: &Value, pointer: &str, places: &mut Vec<Place<'a>>) {
        let schema = self.branch(schema, value);
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    let below = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                    let (declared, required) = match &schema["properties"][name] {
                        Value::Null if schema["additionalProperties"].is_object() => (&schema["additionalProperties"], false),
                        Value::Null => continue,
                        declared => (declared, schema["required"].as_array().is_some_and(|names| names.contains(&json!(name)))),
                    };
                    places.push(Place { pointer: below.clone(), schema: declared, required });
                    self.places(declared, value, &below, places);
                }
            }
            Value::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    self.places(&schema["items"], value, &format!("{pointer}/{index}"), places);
                }
            }
            _ => {}
        }
    }

    /// Payloads with every declared property, one for each combination of branches.
    fn complete(&self, schema: &Value) -> Vec<Value> {
        let schema = self.plain(schema);
        if let (Some(branches), true) = (schema["oneOf"].as_array(), schema["x-select-by-presence"].is_array()) {
            return branches.iter().flat_map(|branch| self.complete(branch)).collect();
        }
        let one = match schema["type"].as_str() {
            Some("string") if schema["format"] == "date-time" => json!("2026-11-23T16:40:02.100000001Z"),
            Some("string") => schema["enum"][0].as_str().map_or(json!("critical"), |first| json!(first)),
            Some("integer" | "number") => json!(7),
            Some("boolean") => json!(true),
            Some("array") => return self.complete(&schema["items"]).into_iter().map(|item| json!([item])).collect(),
            Some("object") if schema["additionalProperties"].is_object() => {
                return self.complete(&schema["additionalProperties"]).into_iter().map(|value| json!({ "key": value })).collect();
            }
            Some("object") => {
                let mut all = vec![Map::new()];
                for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                    let values = self.complete(property);
                    let extend = |map: &Map<String, Value>| {
                        let (map, name) = (map.clone(), name.clone());
                        values.clone().into_iter().map(move |value| {
                            let mut map = map.clone();
                            map.insert(name.clone(), value);
                            map
                        })
                    };
                    all = all.iter().flat_map(extend).collect();
                }
                return all.into_iter().map(Value::Object).collect();
            }
            // A fact: any scalar.
            _ => json!(1_795_452_002_100_000_001_i64),
        };
        vec![one]
    }

    fn bodies(&self) -> Vec<(Tool, Value)> {
        let samples = SAMPLES.iter().flat_map(|(tool, names)| names.iter().map(|name| (*tool, sample(name))));
        let complete = SAMPLES.iter().flat_map(|(tool, _)| self.complete(self.payload(*tool)).into_iter().map(|body| (*tool, body)));
        samples.chain(complete).collect()
    }
}

fn is_null(schema: &Value) -> bool {
    schema["enum"] == json!([null]) || schema["type"] == "null"
}

fn accepted(tool: Tool, body: Value, what: &str) {
    assert_eq!(violations(tool, &body), Vec::<String>::new(), "{tool:?}: {what}: {body}");
    normalize(tool, body);
}

/// Whether a `null` may stand there: what is a slice, a map or a pointer in the tool's own language.
fn is_nullable(contract: &Contract, place: &Place<'_>) -> bool {
    let union = place.schema["oneOf"].as_array().is_some_and(|branches| branches.iter().any(is_null));
    union || place.schema["nullable"] == true || contract.plain(place.schema)["nullable"] == true
}

#[test]
fn whatever_is_optional_may_be_missing_null_where_the_tool_says_null_or_spelt_otherwise() {
    let contract = Contract::load();
    let mut tried = 0;
    for (tool, body) in contract.bodies() {
        accepted(tool, body.clone(), "as it is");
        let mut places = Vec::new();
        contract.places(contract.payload(tool), &body, "", &mut places);
        for place in &places {
            tried += 1;
            let plain = contract.plain(place.schema);
            let many = plain["type"] == "array" || plain["additionalProperties"].is_object();
            assert!(!many || is_nullable(&contract, place), "{tool:?}: an empty {} of the tool is null", place.pointer);
            if is_nullable(&contract, place) {
                accepted(tool, with(body.clone(), &place.pointer, Value::Null), &format!("{} null", place.pointer));
            }
            if !place.required {
                let less = without(body.clone(), &place.pointer);
                accepted(tool, less.clone(), &format!("without {}", place.pointer));
                let (parent, name) = place.pointer.rsplit_once('/').unwrap();
                let value = body.pointer(&place.pointer).unwrap().clone();
                accepted(tool, with(less, &format!("{parent}/{}_", name.to_uppercase()), value), &place.pointer);
            }
        }
    }
    assert!(tried > 500, "only {tried}");
}

#[test]
fn a_field_of_a_later_release_is_accepted_wherever_it_stands() {
    let contract = Contract::load();
    for (tool, body) in contract.bodies() {
        let mut places = vec![Place { pointer: String::new(), schema: contract.payload(tool), required: true }];
        contract.places(contract.payload(tool), &body, "", &mut places);
        let mut objects = Vec::new();
        for place in places {
            let value = body.pointer(&place.pointer).unwrap();
            let items = value.as_array().map_or(0, Vec::len);
            objects.extend((0..items).map(|index| (format!("{}/{index}", place.pointer), &contract.plain(place.schema)["items"])));
            objects.push((place.pointer, place.schema));
        }
        for (pointer, schema) in objects {
            let is_object = body.pointer(&pointer).unwrap().is_object();
            if is_object && !contract.branch(schema, body.pointer(&pointer).unwrap())["additionalProperties"].is_object() {
                let newer = with(body.clone(), &format!("{pointer}/ofALaterRelease"), json!({ "deep": [1, null, "x"] }));
                accepted(tool, newer, &pointer);
            }
        }
    }
}

#[test]
fn each_mistyped_field_is_refused_where_it_stands() {
    let contract = Contract::load();
    let mut tried = 0;
    for (tool, body) in contract.bodies() {
        let mut places = Vec::new();
        contract.places(contract.payload(tool), &body, "", &mut places);
        for place in &places {
            let value = body.pointer(&place.pointer).unwrap();
            let wrong = match contract.branch(place.schema, value)["type"].as_str() {
                Some("string") => vec![json!(7), json!(["x"])],
                Some("integer") => vec![json!("7"), json!(1.5)],
                Some("number") => vec![json!("7")],
                Some("boolean") => vec![json!("true"), json!(1)],
                Some("array") => vec![json!({}), json!("x")],
                Some("object") => vec![json!([]), json!("x")],
                _ => vec![json!({}), json!([{}])],
            };
            let null = (!is_nullable(&contract, place)).then_some(Value::Null);
            for value in wrong.into_iter().chain(null) {
                // A branch is told by what is there, so a selecting field of another type is still that branch.
                let found = violations(tool, &with(body.clone(), &place.pointer, value.clone()));
                assert!(found.contains(&place.pointer), "{tool:?} {}: {value}: {found:?} in {body}", place.pointer);
                tried += 1;
            }
        }
    }
    assert!(tried > 1_000, "only {tried}");
}

#[test]
fn a_time_may_have_more_digits_than_anybody_measures() {
    let contract = Contract::load();
    let mut tried = 0;
    for (tool, body) in contract.bodies() {
        let mut places = Vec::new();
        contract.places(contract.payload(tool), &body, "", &mut places);
        for place in places.iter().filter(|place| contract.plain(place.schema)["format"] == "date-time") {
            for time in [
                "2026-11-23T16:40:02.123456789987654321Z",
                "2026-11-23T18:40:02.1234567899+02:00",
                "2026-11-23t16:40:02z",
                "0001-01-01T00:00:00Z",
            ] {
                accepted(tool, with(body.clone(), &place.pointer, json!(time)), &place.pointer);
                tried += 1;
            }
        }
    }
    assert!(tried > 40, "only {tried}");
}
