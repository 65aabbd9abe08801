//! Lists, pages and selectors.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::json;

use crate::support::{config_map, config_maps, refusal, server};

fn names<K: ResourceExt>(items: &[K]) -> Vec<String> {
    items.iter().map(ResourceExt::name_any).collect()
}

#[tokio::test]
async fn pages_show_each_object_once_as_it_was_when_the_listing_began() {
    let maps = config_maps().await;
    for i in 0..25 {
        maps.create(&PostParams::default(), &config_map(&format!("m{i:02}"), &json!({}))).await.unwrap();
    }
    let mut page = maps.list(&ListParams::default().limit(10)).await.unwrap();
    let version = page.metadata.resource_version.clone();
    assert_eq!(page.metadata.remaining_item_count, Some(15));
    maps.delete("m20", &DeleteParams::default()).await.unwrap();
    maps.create(&PostParams::default(), &config_map("m12b", &json!({}))).await.unwrap();

    let mut seen = names(&page.items);
    while let Some(token) = page.metadata.continue_.clone().filter(|token| !token.is_empty()) {
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)));
        page = maps.list(&ListParams::default().limit(10).continue_token(&token)).await.unwrap();
        assert_eq!(page.metadata.resource_version, version);
        seen.extend(names(&page.items));
    }
    let expected: Vec<String> = (0..25).map(|i| format!("m{i:02}")).collect();
    assert_eq!(seen, expected);
    assert_eq!(page.metadata.remaining_item_count, None);
    assert_eq!(maps.list(&ListParams::default()).await.unwrap().items.len(), 25);
}

#[tokio::test]
async fn a_list_is_of_one_namespace_or_of_all() {
    let (client, namespace) = server().await;
    let (other_client, other) = server().await;
    for (client, namespace) in [(&client, &namespace), (&other_client, &other)] {
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        maps.create(&PostParams::default(), &config_map("same", &json!({}))).await.unwrap();
    }
    let here: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    assert_eq!(here.list(&ListParams::default().fields("metadata.name=same")).await.unwrap().items.len(), 1);
    let everywhere = Api::<ConfigMap>::all(client).list(&ListParams::default().fields("metadata.name=same")).await.unwrap();
    let namespaces: BTreeSet<String> = everywhere.items.iter().filter_map(ResourceExt::namespace).collect();
    assert!(namespaces.contains(&namespace) && namespaces.contains(&other));
}

#[tokio::test]
async fn labels_select() {
    let maps = config_maps().await;
    for (name, labels) in [("a", json!({"app": "web", "tier": "front"})), ("b", json!({"app": "db"})), ("c", json!({}))] {
        maps.create(&PostParams::default(), &config_map(name, &labels)).await.unwrap();
    }
    let cases: [(&str, &[&str]); 8] = [
        ("app=web", &["a"]),
        ("app==db", &["b"]),
        ("app!=web", &["b", "c"]),
        ("app in (web,db)", &["a", "b"]),
        ("app notin (web)", &["b", "c"]),
        ("app", &["a", "b"]),
        ("!app", &["c"]),
        ("app,tier=front", &["a"]),
    ];
    for (selector, expected) in cases {
        let found = maps.list(&ListParams::default().labels(selector)).await.unwrap();
        assert_eq!(names(&found.items), expected, "{selector}");
    }
    assert_eq!(refusal(maps.list(&ListParams::default().labels("a=b=c")).await).code, 400);
}

#[tokio::test]
async fn a_page_is_filled_with_what_matches() {
    let maps = config_maps().await;
    for i in 0..30 {
        let labels = if i % 3 == 0 { json!({"third": "yes"}) } else { json!({}) };
        maps.create(&PostParams::default(), &config_map(&format!("m{i:02}"), &labels)).await.unwrap();
    }
    let params = ListParams::default().labels("third=yes").limit(4);
    let (mut token, mut seen) = (None::<String>, Vec::new());
    loop {
        let page = maps.list(&ListParams { continue_token: token, ..params.clone() }).await.unwrap();
        assert!(page.items.len() <= 4 && page.metadata.remaining_item_count.is_none());
        seen.extend(names(&page.items));
        token = page.metadata.continue_.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..30).step_by(3).map(|i| format!("m{i:02}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn fields_select_where_the_type_offers_them() {
    let (client, namespace) = server().await;
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    for (name, node) in [("a", "n1"), ("b", "n2")] {
        let spec = json!({"nodeName": node, "containers": [{"name": "c", "image": "i"}]});
        let pod: Pod = serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec})).unwrap();
        pods.create(&PostParams::default(), &pod).await.unwrap();
    }
    for (selector, expected) in
        [("spec.nodeName=n1", vec!["a"]), ("spec.nodeName!=n1", vec!["b"]), ("status.phase=Pending,metadata.name=b", vec!["b"])]
    {
        let found = pods.list(&ListParams::default().fields(selector)).await.unwrap();
        assert_eq!(names(&found.items), expected, "{selector}");
    }
    let status = refusal(pods.list(&ListParams::default().fields("spec.unknown=x")).await);
    assert_eq!((status.code, status.message.as_str()), (400, "field label not supported: spec.unknown"));
    let maps: Api<ConfigMap> = Api::namespaced(client, &namespace);
    assert_eq!(refusal(maps.list(&ListParams::default().fields("data.key=x")).await).code, 400);
}

#[tokio::test]
async fn a_continue_token_that_is_none_is_refused() {
    let maps = config_maps().await;
    assert_eq!(refusal(maps.list(&ListParams::default().limit(1).continue_token("nonsense")).await).code, 400);
}

#[tokio::test]
async fn items_of_built_in_types_do_not_repeat_their_type() {
    let (client, namespace) = server().await;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    maps.create(&PostParams::default(), &config_map("one", &json!({}))).await.unwrap();
    let request = http::Request::get(format!("/api/v1/namespaces/{namespace}/configmaps?fieldSelector=metadata.name%3Done"));
    let list: serde_json::Value = client.request(request.body(Vec::new()).unwrap()).await.unwrap();
    assert_eq!((list["kind"].as_str(), list["apiVersion"].as_str()), (Some("ConfigMapList"), Some("v1")));
    assert_eq!((list["items"][0].get("kind"), list["items"][0]["metadata"]["name"].as_str()), (None, Some("one")));
}
