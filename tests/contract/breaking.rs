//! Ways to break v0, each of which is caught, and additions, which pass.
//!
//! Every row is left in `target/tmp/contract-cases` too, by what `oasdiff breaking --fail-on ERR` has to say of it, and
//! `.ci/contracts` lets it say so. What breaks the messages of `contracts/proto`, `tests/buf_violations.py` shows to buf.

#[path = "breaking/change.rs"]
mod change;
#[path = "breaking/table.rs"]
mod table;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use serde_json::{Value, json};
use zen_agent::{
    contract::{v0, v1alpha1},
    contracts::{Difference, Document, Report, Tolerance, Verdict, check},
};

use change::{SCHEMAS, drop, push};
use table::{Agrees, Differs, Row};

fn document(value: &Value) -> Document {
    Document::parse(&value.to_string(), &BTreeMap::new()).unwrap_or_else(|error| panic!("{error}"))
}

/// Of v0, which is read once: that takes its time.
fn compared_with_v0(is: &Document, tolerance: Tolerance) -> Report {
    static V0: LazyLock<BTreeMap<&str, Document>> = LazyLock::new(|| BTreeMap::from([("v0", document(&v0()))]));
    check(&V0, &BTreeMap::from([("v0".to_owned(), is.clone())]), tolerance)
}

fn compared(was: &Value, is: &Value, tolerance: Tolerance) -> Report {
    check(&BTreeMap::from([("v0", document(was))]), &BTreeMap::from([("v0".to_owned(), document(is))]), tolerance)
}

fn v0() -> Value {
    serde_json::from_str(v0::DOCUMENT).unwrap()
}

fn shown(differences: &[Difference]) -> String {
    differences.iter().map(|found| format!("  {}: {}\n", found.place, found.change)).collect()
}

/// The empty folder of rows for `.ci/contracts`.
fn cases(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contract-cases").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn leave(folder: &Path, name: &str, document: &Value) {
    fs::write(folder.join(format!("{name}.json")), document.to_string()).unwrap();
}

#[test]
fn every_way_to_break_v0_is_caught() {
    let mut wrong = Vec::new();
    let (agreed, ours) = (cases("breaking"), cases("breaking-by-ours"));
    for Row { name, change, told: (place, told), oasdiff } in table::breaking() {
        let mut changed = v0();
        change(&mut changed);
        leave(if matches!(oasdiff, Agrees) { &agreed } else { &ours }, name, &changed);
        let report = compared_with_v0(&document(&changed), Tolerance::Compatible);
        let is_told =
            report.differences.iter().any(|found| found.place.ends_with(place) && found.change.contains(told) && found.breaks.is_some());
        if report.verdict != Verdict::Breaking || !is_told {
            wrong.push(format!("{name}: {:?}, not told as {place}: {told}\n{}", report.verdict, shown(&report.differences)));
        }
        if let Differs(why) = oasdiff {
            assert!(!why.is_empty());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_breaks_nobody_passes_and_is_no_equality() {
    let mut wrong = Vec::new();
    let agreed = cases("compatible");
    for (name, change) in table::compatible() {
        let mut changed = v0();
        change(&mut changed);
        leave(&agreed, name, &changed);
        let changed = document(&changed);
        let (lenient, exact) = (compared_with_v0(&changed, Tolerance::Compatible), compared_with_v0(&changed, Tolerance::Exact));
        let wanted = if name == "nothing" { (Verdict::Equal, Verdict::Equal) } else { (Verdict::Compatible, Verdict::Different) };
        if (lenient.verdict, exact.verdict) != wanted || exact.differences.is_empty() != (name == "nothing") {
            wrong.push(format!("{name}: {:?}, exactly {:?}\n{}", lenient.verdict, exact.verdict, shown(&lenient.differences)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A contract of one operation whose body and answer have these schemas.
fn tiny(request: Value, answer: Value) -> Value {
    let content = |schema: Value| json!({ "application/json": { "schema": schema } });
    json!({
        "openapi": "3.0.3",
        "paths": { "/v0/a": { "post": {
            "operationId": "a",
            "requestBody": { "required": true, "content": content(request) },
            "responses": { "200": { "description": "x", "content": content(answer) } },
        } } },
        "components": { "schemas": {
            "Tree": { "type": "object", "properties": { "below": { "type": "array", "items": { "$ref": "#/components/schemas/Tree" } } } },
            "Leaf": { "type": "string" },
        } },
    })
}

#[test]
fn a_schema_may_widen_in_a_request_and_narrow_in_an_answer() {
    let tree = json!({ "$ref": "#/components/schemas/Tree" });
    let rows = [
        // Narrow, and wide: from the first to the second a request may go, and back an answer.
        (json!({ "type": "integer" }), json!({ "type": "number" })),
        (json!({ "type": "string" }), json!({})),
        (json!({ "type": "string" }), json!({ "type": "string", "nullable": true })),
        (json!({ "type": "string", "maxLength": 2 }), json!({ "type": "string", "maxLength": 3 })),
        (json!({ "type": "string", "maxLength": 2 }), json!({ "type": "string" })),
        (json!({ "type": "string", "minLength": 1 }), json!({ "type": "string", "minLength": 0 })),
        (json!({ "type": "string", "pattern": "a" }), json!({ "type": "string" })),
        (json!({ "type": "string", "format": "date-time" }), json!({ "type": "string" })),
        (json!({ "type": "string", "enum": ["a"] }), json!({ "type": "string", "enum": ["b", "a"] })),
        (json!({ "type": "integer", "format": "int32" }), json!({ "type": "integer", "format": "int64" })),
        (json!({ "type": "integer", "minimum": 0 }), json!({ "type": "integer", "minimum": -1 })),
        (json!({ "type": "integer", "minimum": 0 }), json!({ "type": "integer" })),
        (json!({ "type": "array", "uniqueItems": true }), json!({ "type": "array" })),
        (json!({ "type": "array", "items": { "type": "integer" } }), json!({ "type": "array", "items": { "type": "number" } })),
        (json!({ "type": "array", "items": { "type": "integer" } }), json!({ "type": "array" })),
        (json!({ "type": "object", "required": ["a"], "properties": { "a": {} } }), json!({ "type": "object", "properties": { "a": {} } })),
        (json!({ "type": "object", "additionalProperties": { "type": "string" } }), json!({ "type": "object" })),
        (
            json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
            json!({ "type": "object", "additionalProperties": { "type": "number" } }),
        ),
        (json!({ "oneOf": [{ "type": "string" }] }), json!({ "oneOf": [{ "type": "boolean" }, { "type": "string" }] })),
        (
            json!({ "$ref": "#/components/schemas/Leaf" }),
            json!({ "oneOf": [{ "type": "boolean" }, { "$ref": "#/components/schemas/Leaf" }] }),
        ),
        (json!({ "$ref": "#/components/schemas/Leaf" }), json!({ "$ref": "#/components/schemas/Leaf", "nullable": true })),
        (
            json!({ "oneOf": [{ "type": "string" }], "type": "string", "minLength": 2 }),
            json!({ "oneOf": [{ "type": "string" }], "type": "string" }),
        ),
    ];
    let verdict = |was: &Value, is: &Value| compared(was, is, Tolerance::Compatible).verdict;
    for (narrow, wide) in rows {
        let (request, wide_request) = (tiny(narrow.clone(), tree.clone()), tiny(wide.clone(), tree.clone()));
        assert_eq!(verdict(&request, &wide_request), Verdict::Compatible, "a request of {narrow} becomes one of {wide}");
        assert_eq!(verdict(&wide_request, &request), Verdict::Breaking, "a request of {wide} becomes one of {narrow}");
        let (answer, wide_answer) = (tiny(tree.clone(), narrow.clone()), tiny(tree.clone(), wide.clone()));
        assert_eq!(verdict(&wide_answer, &answer), Verdict::Compatible, "an answer of {wide} becomes one of {narrow}");
        assert_eq!(verdict(&answer, &wide_answer), Verdict::Breaking, "an answer of {narrow} becomes one of {wide}");
    }
}

#[test]
fn a_body_may_become_optional_and_a_schema_that_holds_itself_ends() {
    let tree = json!({ "$ref": "#/components/schemas/Tree" });
    let required = tiny(tree.clone(), tree);
    let mut optional = required.clone();
    drop("/paths/~1v0~1a/post/requestBody/required")(&mut optional);
    let mut none = required.clone();
    drop("/paths/~1v0~1a/post/requestBody")(&mut none);
    let verdict = |was: &Value, is: &Value| compared(was, is, Tolerance::Compatible).verdict;
    assert_eq!(verdict(&required, &required), Verdict::Equal);
    assert_eq!(verdict(&required, &optional), Verdict::Compatible);
    assert_eq!(verdict(&optional, &required), Verdict::Breaking);
    assert_eq!(verdict(&required, &none), Verdict::Breaking);
    assert_eq!(verdict(&none, &optional), Verdict::Compatible);
    assert_eq!(verdict(&none, &required), Verdict::Breaking);
}

/// A contract in another's words: its version in the paths and in the header.
fn reworded(document: &str, from: &str, to: &str) -> Value {
    let mut document: Value = serde_json::from_str(document).unwrap();
    let paths = std::mem::take(document["paths"].as_object_mut().unwrap());
    document["paths"] = paths.into_iter().map(|(path, item)| (path.replacen(&format!("/{from}/"), &format!("/{to}/"), 1), item)).collect();
    document["components"]["parameters"]["ContractVersion"]["schema"]["enum"] = json!([to]);
    document
}

/// One domain serves both, by the same types: what one version says, the other one understands.
#[test]
fn what_both_versions_have_is_the_same_both_ways() {
    let (stable, mut alpha) = (v0(), reworded(v1alpha1::DOCUMENT, "v1alpha1", "v0"));
    assert_eq!(compared(&stable, &alpha, Tolerance::Compatible).verdict, Verdict::Compatible, "who speaks v0 is served by v1alpha1");
    alpha["paths"].as_object_mut().unwrap().retain(|path, _| stable["paths"].get(path).is_some());
    let report = compared(&alpha, &stable, Tolerance::Compatible);
    assert_eq!(report.verdict, Verdict::Compatible, "who speaks v1alpha1 is served by v0\n{}", shown(&report.differences));
}

#[test]
fn a_contract_that_is_not_there_breaks_all_of_its_clients() {
    let report = check(&BTreeMap::from([("v0", document(&v0()))]), &BTreeMap::new(), Tolerance::Compatible);
    assert_eq!((report.verdict, report.differences.len()), (Verdict::Breaking, 1));
}

#[test]
fn what_is_shared_is_told_once() {
    let mut changed = v0();
    push(format!("{SCHEMAS}/Severity/enum"), json!("fatal"))(&mut changed);
    let report = compared_with_v0(&document(&changed), Tolerance::Compatible);
    assert_eq!(report.differences.len(), 1, "{}", shown(&report.differences));
}

#[test]
fn what_is_no_contract_is_not_compared() {
    for (text, why) in [("a: [", "no YAML"), ("[]", "must be 3.0.3"), ("openapi: 3.1.0", "must be 3.0.3"), ("openapi: 3.0.3", "is missing")]
    {
        let error = Document::parse(text, &BTreeMap::new()).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    let unknown = json!({ "openapi": "3.0.3", "paths": {}, "components": { "schemas": { "A": { "not": {} } } } });
    assert!(Document::parse(&unknown.to_string(), &BTreeMap::new()).is_err(), "what `not` means is not compared");
}
