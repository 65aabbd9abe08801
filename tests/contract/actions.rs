//! What the contracts say of actions is what the agent has.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use zen_agent::{
    contract::{v0, v1alpha1},
    remediation::{ActionKind, crd},
};

/// The parameters of every action, as the schema of remediations has them.
fn parameters() -> BTreeMap<String, Value> {
    let crd = serde_json::to_value(crd()).unwrap();
    let properties = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/action/properties";
    let actions = crd.pointer(properties).unwrap().as_object().unwrap();
    assert_eq!(actions.len(), ActionKind::ALL.len());
    actions.values().filter_map(|action| action["properties"].as_object()).flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
}

#[test]
fn a_task_may_name_every_action_and_every_parameter_of_one_and_no_other() {
    for document in [v0::DOCUMENT, v1alpha1::DOCUMENT] {
        let document: Value = serde_json::from_str(document).unwrap();
        let schemas = &document["components"]["schemas"];
        let mut named: Vec<&str> = schemas["ActionName"]["enum"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let mut known = ActionKind::ALL.map(ActionKind::as_str);
        named.sort_unstable();
        known.sort_unstable();
        assert_eq!(named, known);
        let (wanted, declared) = (parameters(), schemas["ActionParams"]["properties"].as_object().unwrap());
        assert!(wanted.keys().eq(declared.keys()), "{:?} {:?}", wanted.keys(), declared.keys());
        for (name, parameter) in &wanted {
            for keyword in ["type", "format"] {
                assert_eq!(declared[name].get(keyword), parameter.get(keyword), "{name}");
            }
            for bound in ["minimum", "maximum"] {
                let number = |schema: &Value| schema.get(bound).and_then(Value::as_f64);
                assert_eq!(number(&declared[name]), number(parameter), "{name}");
            }
            let values = |schema: &Value| schema.get("additionalProperties").map(|values| json!([values["type"]]));
            assert_eq!(values(&declared[name]), values(parameter), "{name}");
        }
    }
}
