//! Rules in CEL on custom types, and lists whose items must differ.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::Status;
use serde_json::{Value, json};

use crate::support::{causes, defined, eventually, refusal, said, server, thing};

fn rule(rule: &str, message: &str) -> Value {
    json!({"rule": rule, "message": message})
}

/// A type with rules at every kind of place.
fn gauge() -> Value {
    let reading = json!({"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string"},
        "value": {"type": "integer", "x-kubernetes-validations": [rule("self >= oldSelf", "readings do not fall")]},
    }});
    let spec = json!({
        "type": "object",
        "properties": {
            "owner": {"type": "string", "maxLength": 20},
            "namespace": {"type": "string", "maxLength": 20},
            "mode": {"type": "string", "maxLength": 10},
            "min": {"type": "integer"},
            "max": {"type": "integer", "x-kubernetes-validations": [{"rule": "self != 13"}]},
            "share": {"type": "number"},
            "note": {"type": "string", "maxLength": 20, "nullable": true},
            "at": {"type": "string", "format": "date-time"},
            "readings": {"type": "array", "maxItems": 10, "items": reading,
                         "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            "tags": {"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 10}, "x-kubernetes-list-type": "set"},
            "plain": {"type": "array", "maxItems": 5, "items": {
                "type": "string", "maxLength": 10, "x-kubernetes-validations": [rule("self.startsWith('p')", "begin with p")]}},
            "limits": {"type": "object", "maxProperties": 5, "additionalProperties": {
                "type": "integer", "x-kubernetes-validations": [rule("self < 100", "below 100")]}},
        },
        "x-kubernetes-validations": [
            {"rule": "has(self.owner) == has(oldSelf.owner) && (!has(self.owner) || self.owner == oldSelf.owner)",
             "message": "owner does not change", "reason": "FieldValueForbidden", "fieldPath": ".owner"},
            {"rule": "(has(self.mode) ? self.mode : 'off') == (has(oldSelf.mode) ? oldSelf.mode : 'off')", "message": "mode does not change"},
            {"rule": "!has(self.min) || !has(self.max) || self.min <= self.max"},
            {"rule": "!has(self.__namespace__) || self.__namespace__ != 'kube-system'", "message": "not there",
             "reason": "FieldValueRequired", "fieldPath": ".namespace"},
            {"rule": "!has(self.share) || self.share <= 0.5", "message": "no more than half", "reason": "FieldValueDuplicate"},
            {"rule": "!has(self.readings) || self.readings.all(r, r.name.size() < 8 && (!has(r.value) || r.value < 1000))"},
            {"rule": "!has(self.limits) || (self.limits.exists(k, k == 'cpu') && !('gpu' in self.limits))", "message": "a limit for cpu only"},
            {"rule": "!has(self.note) || self.note.matches('^[a-z]+$')", "message": "a word"},
        ],
    });
    let status = json!({"type": "object", "properties": {"phase": {"type": "string", "maxLength": 10}}, "x-kubernetes-validations": [
        rule("!has(oldSelf.phase) || oldSelf.phase != 'done' || self == oldSelf", "done is the end")]});
    json!({"type": "object", "properties": {"spec": spec, "status": status}, "x-kubernetes-validations": [
        rule("self.metadata.name.size() < 12 && self.kind == 'Gauge'", "a short name")]})
}

async fn gauges() -> Api<DynamicObject> {
    defined("Gauge", "gauges", &gauge()).await
}

async fn create(gauges: &Api<DynamicObject>, name: &str, spec: Value) -> kube::Result<DynamicObject> {
    gauges.create(&PostParams::default(), &thing("Gauge", "gauges", name, &spec)).await
}

async fn change(gauges: &Api<DynamicObject>, patch: Value) -> kube::Result<DynamicObject> {
    gauges.patch("one", &PatchParams::default(), &Patch::Merge(json!({"spec": patch}))).await
}

/// The one cause of a refusal: reason, message, field.
fn cause(status: Status) -> (String, String, String) {
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"), "{}", status.message);
    let mut causes = causes(status);
    assert_eq!(causes.len(), 1, "{causes:?}");
    causes.remove(0)
}

fn of(reason: &str, message: &str, field: &str) -> (String, String, String) {
    (reason.into(), message.into(), field.into())
}

fn unchecked() -> (String, String, String) {
    let message = "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors \
                   to complete validation";
    of("FieldValueInvalid", message, "<nil>")
}

#[tokio::test]
async fn an_object_that_breaks_a_rule_is_refused_with_the_rules_message_reason_and_field() {
    let gauges = gauges().await;
    let cases = [
        (
            json!({"min": 3, "max": 2}),
            of(
                "FieldValueInvalid",
                r#"Invalid value: "object": failed rule: !has(self.min) || !has(self.max) || self.min <= self.max"#,
                "spec",
            ),
        ),
        (json!({"namespace": "kube-system"}), of("FieldValueRequired", "Required value: not there", "spec.namespace")),
        (json!({"share": 1}), of("FieldValueDuplicate", r#"Duplicate value: "object""#, "spec")),
        (json!({"max": 13}), of("FieldValueInvalid", r#"Invalid value: "integer": failed rule: self != 13"#, "spec.max")),
        (json!({"plain": ["p", "q"]}), of("FieldValueInvalid", r#"Invalid value: "string": begin with p"#, "spec.plain[1]")),
        (json!({"limits": {"cpu": 100}}), of("FieldValueInvalid", r#"Invalid value: "integer": below 100"#, "spec.limits[cpu]")),
        (json!({"limits": {"cpu": 1, "gpu": 1}}), of("FieldValueInvalid", r#"Invalid value: "object": a limit for cpu only"#, "spec")),
        (json!({"note": "A"}), of("FieldValueInvalid", r#"Invalid value: "object": a word"#, "spec")),
        (
            json!({"readings": [{"name": "much-too-long"}]}),
            of(
                "FieldValueInvalid",
                r#"Invalid value: "object": failed rule: !has(self.readings) || self.readings.all(r, r.name.size() < 8 && (!has(r.value) || r.value < 1000))"#,
                "spec",
            ),
        ),
    ];
    for (spec, wanted) in cases {
        assert_eq!(cause(refusal(create(&gauges, "one", spec.clone()).await)), wanted, "{spec}");
    }
    let status = refusal(create(&gauges, "a-long-long-name", json!({})).await);
    assert_eq!(
        status.message,
        r#"Gauge.conformance.example.com "a-long-long-name" is invalid: <nil>: Invalid value: "object": a short name"#
    );
    assert_eq!(cause(status), of("FieldValueInvalid", r#"Invalid value: "object": a short name"#, "<nil>"));
    let status = refusal(create(&gauges, "one", json!({"min": 3, "max": 2, "note": "A"})).await);
    assert_eq!(causes(status).len(), 2);
    create(&gauges, "one", json!({"min": 1, "max": 2, "share": 0.5, "note": null, "limits": {"cpu": 1}, "at": "2024-01-01T00:00:00Z"}))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_must_not_change_cannot_be_changed_removed_or_added_later() {
    let gauges = gauges().await;
    create(&gauges, "one", json!({"owner": "me"})).await.unwrap();
    let wanted = of("FieldValueForbidden", "Forbidden: owner does not change", "spec.owner");
    for patch in [json!({"owner": "you"}), json!({"owner": null})] {
        assert_eq!(cause(refusal(change(&gauges, patch.clone()).await)), wanted, "{patch}");
    }
    let mut whole = gauges.get("one").await.unwrap();
    whole.data["spec"]["owner"] = "you".into();
    assert_eq!(cause(refusal(gauges.replace("one", &PostParams::default(), &whole).await)), wanted);
    let wanted = of("FieldValueInvalid", r#"Invalid value: "object": mode does not change"#, "spec");
    assert_eq!(cause(refusal(change(&gauges, json!({"mode": "on"})).await)), wanted);
    let changed = change(&gauges, json!({"mode": "off", "min": 1})).await.unwrap();
    assert_eq!((&changed.data["spec"]["owner"], changed.metadata.generation), (&json!("me"), Some(2)));
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    assert_eq!(refusal(gauges.patch("one", &dry, &Patch::Merge(json!({"spec": {"owner": "you"}}))).await).code, 422);
}

#[tokio::test]
async fn rules_of_the_status_hold_for_writes_of_the_status() {
    let gauges = gauges().await;
    create(&gauges, "one", json!({})).await.unwrap();
    let params = PatchParams::default();
    let phase = |phase: &str| Patch::Merge(json!({"status": {"phase": phase}}));
    gauges.patch_status("one", &params, &phase("done")).await.unwrap();
    let wanted = of("FieldValueInvalid", r#"Invalid value: "object": done is the end"#, "status");
    assert_eq!(cause(refusal(gauges.patch_status("one", &params, &phase("again")).await)), wanted);
    gauges.patch_status("one", &params, &phase("done")).await.unwrap();
}

#[tokio::test]
async fn items_of_a_list_with_keys_are_compared_with_those_of_the_same_key() {
    let gauges = gauges().await;
    create(&gauges, "one", json!({"readings": [{"name": "a", "value": 5}, {"name": "b", "value": 7}]})).await.unwrap();
    change(&gauges, json!({"readings": [{"name": "b", "value": 8}, {"name": "c", "value": 1}, {"name": "a", "value": 5}]})).await.unwrap();
    let refused = refusal(change(&gauges, json!({"readings": [{"name": "a", "value": 6}, {"name": "b", "value": 7}]})).await);
    assert_eq!(cause(refused), of("FieldValueInvalid", r#"Invalid value: "integer": readings do not fall"#, "spec.readings[1].value"));
}

#[tokio::test]
async fn rules_are_not_asked_about_an_object_of_the_wrong_shape() {
    let gauges = gauges().await;
    let status = refusal(create(&gauges, "one", json!({"min": "x", "max": 13})).await);
    let wrong_type = r#"Invalid value: "string": spec.min in body must be of type integer: "string""#;
    assert_eq!(causes(status), [unchecked(), of("FieldValueTypeInvalid", wrong_type, "spec.min")]);
    let status = refusal(create(&gauges, "one", json!({"readings": [{}], "max": 13})).await);
    assert_eq!(causes(status).len(), 2);
}

#[tokio::test]
async fn a_set_holds_no_value_and_a_map_no_key_twice() {
    let gauges = gauges().await;
    let refused = refusal(create(&gauges, "one", json!({"tags": ["a", "b", "a", "a"]})).await);
    assert_eq!(cause(refused), of("FieldValueDuplicate", r#"Duplicate value: "a""#, "spec.tags[2]"));
    let refused = refusal(create(&gauges, "one", json!({"readings": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]})).await);
    assert_eq!(cause(refused), of("FieldValueDuplicate", r#"Duplicate value: {"name":"a"}"#, "spec.readings[1]"));
    create(&gauges, "one", json!({"tags": ["a", "b"], "plain": ["p", "p"]})).await.unwrap();
    assert_eq!(refusal(change(&gauges, json!({"tags": ["b", "b"]})).await).code, 422);
}

#[tokio::test]
async fn an_update_is_not_held_to_what_it_leaves_as_it_was() {
    let (client, namespace) = server().await;
    let schema = |max: u64, rules: Value| {
        json!({"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
            "text": {"type": "string", "maxLength": max},
            "number": {"type": "integer", "x-kubernetes-validations": rules}}}}})
    };
    let kind = format!("Ratchet{}", namespace.replace('-', ""));
    let plural = kind.to_lowercase() + "s";
    let things = defined(&kind, &plural, &schema(50, json!([]))).await;
    let sent = thing(&kind, &plural, "one", &json!({"text": "rather long", "number": 1}));
    things.create(&PostParams::default(), &sent).await.unwrap();

    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    let stricter = json!({"spec": {"versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema(5, json!([rule("self > 5", "above 5")]))}}]}});
    let name = format!("{plural}.conformance.example.com");
    definitions.patch(&name, &PatchParams::default(), &Patch::Merge(stricter)).await.unwrap();
    let params = PatchParams::default();
    let change = async |spec: Value| things.patch("one", &params, &Patch::Merge(json!({"spec": spec}))).await;
    // A real server takes a moment to serve what it has stored.
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let probe = thing(&kind, &plural, "probe", &json!({"text": "rather long"}));
    eventually(async || things.create(&dry, &probe).await.is_err()).await;
    assert_eq!(refusal(change(json!({"text": "also too long"})).await).code, 422);
    assert_eq!(refusal(change(json!({"number": 2})).await).code, 422);
    change(json!({"number": 6})).await.unwrap();
    change(json!({"more": 1})).await.unwrap();
    let too_long = of("FieldValueTooLong", "Too long: may not be more than 5 bytes", "spec.text");
    assert_eq!(causes(refusal(change(json!({"text": "changed long"})).await)), [unchecked(), too_long]);
}

async fn refused_definition(client: &Client, schema: Value) -> (u16, String, Vec<(String, String)>) {
    let definition: CustomResourceDefinition = serde_json::from_value(crate::support::definition("Wrong", "wrongs", &schema)).unwrap();
    let status = refusal(Api::all(client.clone()).create(&PostParams::default(), &definition).await);
    let (code, reason) = (status.code, status.reason.clone());
    (code, reason, causes(status).into_iter().map(|(reason, _, field)| (reason, field)).collect())
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_refused_with_its_definition() {
    let (client, _) = server().await;
    let at = "spec.validation.openAPIV3Schema.properties[spec]";
    let schema = |spec: Value| json!({"type": "object", "properties": {"spec": spec}});
    let with =
        |rule: Value| schema(json!({"type": "object", "properties": {"size": {"type": "integer"}}, "x-kubernetes-validations": [rule]}));
    let cases = [
        (with(json!({"rule": "self.sice > 1"})), "FieldValueInvalid", "rule"),
        (with(json!({"rule": "self.size >"})), "FieldValueInvalid", "rule"),
        (with(json!({"rule": "whatever"})), "FieldValueInvalid", "rule"),
        (with(json!({"rule": "invented(self.size)"})), "FieldValueInvalid", "rule"),
        (with(json!({"rule": " "})), "FieldValueRequired", "rule"),
        (with(json!({"rule": "self.size > 1", "message": "a\nb"})), "FieldValueInvalid", "message"),
        (with(json!({"rule": "self.size > 1", "reason": "Whim"})), "FieldValueNotSupported", "reason"),
        (with(json!({"rule": "self.size > 1", "fieldPath": ".sice"})), "FieldValueInvalid", "fieldPath"),
    ];
    for (schema, reason, key) in cases {
        let (code, said, causes) = refused_definition(&client, schema.clone()).await;
        let field = format!("{at}.x-kubernetes-validations[0].{key}");
        assert_eq!((code, said.as_str(), causes), (422, "Invalid", vec![(reason.to_owned(), field)]), "{schema}");
    }
    let items = json!({"type": "integer", "x-kubernetes-validations": [{"rule": "self >= oldSelf"}]});
    let (code, _, causes) = refused_definition(&client, schema(json!({"type": "array", "maxItems": 3, "items": items}))).await;
    assert_eq!((code, causes), (422, vec![("FieldValueInvalid".into(), format!("{at}.items.x-kubernetes-validations[0].rule"))]));
    let (code, _, message) = said(Api::<CustomResourceDefinition>::all(client).get("wrongs.conformance.example.com").await);
    assert_eq!(code, 404, "{message}");
}
