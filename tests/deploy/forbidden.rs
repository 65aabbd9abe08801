//! What the agent does not need, the chart's role forbids; and an action without its permissions says so.

use std::collections::BTreeSet;

use k8s_openapi::api::{authorization::v1::SelfSubjectRulesReview, core::v1::Pod, networking::v1::NetworkPolicy};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::json;
use zen_agent::{contract::v0::types::Status, pipeline::actions::QUARANTINE_LABEL, remediation::ZenAgentRemediation};

use crate::{ground::*, release::Release};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agent_does_not_need_is_forbidden_to_it() {
    let _alone = ALONE.lock().await;
    let control = control_plane().await;
    space(&control.client().await, "shop").await;
    let release = Release::install(control, "needless", &json!({ "enabledActions": ["label", "network-quarantine"] })).await;
    let agent = controlplane::client(&release.kubeconfig()).await;
    for needed in [
        "create zen.kube-zen.io:zenagentremediations needless",
        "patch zen.kube-zen.io:zenagentremediations/status needless",
        "update coordination.k8s.io:leases#zen-agent needless",
        "patch pods shop",
        // For `minHealthyReplicas`, which is on unless it is switched off.
        "list pods shop",
        "create networking.k8s.io:networkpolicies shop",
        "create events.k8s.io:events shop",
    ] {
        assert!(allowed(&agent, needed).await, "{needed}");
    }
    for needless in [
        "get secrets needless",
        "get secrets#zen-agent-hmac needless",
        "list secrets",
        "watch secrets kube-system",
        "patch secrets shop",
        "get configmaps needless",
        "patch configmaps kube-system",
        "create pods shop",
        "delete pods shop",
        "watch pods shop",
        "list pods kube-system",
        "create pods/exec shop",
        "patch pods/ephemeralcontainers shop",
        "create pods/eviction shop",
        "update apps:deployments shop",
        "delete apps:deployments shop",
        "patch apps:deployments/scale shop",
        "get pods kube-system",
        "patch pods kube-system",
        "create events.k8s.io:events kube-system",
        "patch nodes",
        "patch namespaces",
        "delete namespaces",
        "create serviceaccounts/token needless",
        "patch serviceaccounts shop",
        "impersonate users",
        "create rbac.authorization.k8s.io:roles needless",
        "escalate rbac.authorization.k8s.io:roles needless",
        "bind rbac.authorization.k8s.io:clusterroles",
        "patch rbac.authorization.k8s.io:clusterrolebindings",
        "create admissionregistration.k8s.io:validatingwebhookconfigurations",
        "patch admissionregistration.k8s.io:mutatingwebhookconfigurations",
        "create apiextensions.k8s.io:customresourcedefinitions",
        "patch apiextensions.k8s.io:customresourcedefinitions#zenagentremediations.zen.kube-zen.io",
        "get apiextensions.k8s.io:customresourcedefinitions#others.example.com",
        "patch zen.kube-zen.io:zenagentremediations needless",
        "update zen.kube-zen.io:zenagentremediations/status needless",
        "deletecollection zen.kube-zen.io:zenagentremediations needless",
        "get zen.kube-zen.io:zenagentremediations shop",
        "create zen.kube-zen.io:zenagentremediations shop",
        "update coordination.k8s.io:leases#another needless",
        "delete coordination.k8s.io:leases#zen-agent needless",
        "update coordination.k8s.io:leases#zen-agent kube-system",
        "get certificates.k8s.io:certificatesigningrequests",
        "list networking.k8s.io:networkpolicies shop",
        "patch networking.k8s.io:networkpolicies shop",
    ] {
        assert!(!allowed(&agent, needless).await, "{needless}");
    }
    // And nothing that nobody thought of: what the server lists for a namespace is what is declared for targets, the
    // cluster, and what it gives to every account.
    let review = serde_json::from_value(json!({ "spec": { "namespace": "shop" } })).unwrap();
    let rules = Api::<SelfSubjectRulesReview>::all(agent).create(&PostParams::default(), &review).await.unwrap().status.unwrap();
    let groups: BTreeSet<_> = rules
        .resource_rules
        .iter()
        .flat_map(|rule| rule.resources.iter().flatten().map(|r| format!("{}:{r}", rule.api_groups.as_ref().unwrap()[0])))
        .collect();
    let expected = [
        ":pods",
        "apiextensions.k8s.io:customresourcedefinitions",
        "apps:daemonsets",
        "apps:deployments",
        "apps:replicasets",
        "apps:statefulsets",
        "authentication.k8s.io:selfsubjectreviews",
        "authorization.k8s.io:selfsubjectaccessreviews",
        "authorization.k8s.io:selfsubjectrulesreviews",
        "batch:cronjobs",
        "batch:jobs",
        "events.k8s.io:events",
        "networking.k8s.io:networkpolicies",
    ];
    assert_eq!(groups.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_without_its_permissions_ends_forbidden_and_names_them_with_nothing_changed() {
    let _alone = ALONE.lock().await;
    let control = control_plane().await;
    let admin = control.client().await;
    let values = json!({
        "policy": policy(), "targetNamespaces": ["shop-narrow"],
        "enabledActions": ["label"],
    });
    workload(&admin, "shop-narrow").await;
    workload(&admin, "shop-outside").await;
    let release = Release::install(control, "narrow", &values).await;
    let (_, before) = refusals(&admin).await;
    let agent = release.start(&[("ENABLED_ACTIONS", "label,network-quarantine,scale")]);

    let labelled = send(&agent, "label", "shop-narrow", "Pod", "web-1").await;
    assert_eq!(ended(&agent, &labelled).await.status, Status::Succeeded);
    // Both are asked for again for a while before it is believed that they are forbidden.
    let cut_off = send(&agent, "quarantine", "shop-narrow", "Pod", "web-1").await;
    let outside = send(&agent, "label", "shop-outside", "Pod", "web-1").await;
    let refused = ended(&agent, &cut_off).await;
    assert_eq!((refused.status, refused.reason.as_deref()), (Status::Failed, Some("Forbidden")));
    let message = refused.message.unwrap();
    for missing in ["get", "create", "update", "delete"] {
        assert!(message.contains(&format!("{missing} networkpolicies.networking.k8s.io in shop-narrow")), "{message}");
    }
    assert!(message.contains("list pods in shop-narrow"), "{message}");
    assert!(!message.contains("get pods") && !message.contains("patch pods"), "what is granted is not said to be missing: {message}");
    let refused = ended(&agent, &outside).await;
    assert_eq!((refused.status, refused.reason.as_deref()), (Status::Failed, Some("Forbidden")));
    assert!(refused.message.unwrap().contains("cannot get resource \"pods\""));
    let (_, after) = refusals(&admin).await;
    assert!(after > before, "refusals are not counted, so that none would be found");
    // As kubectl shows it.
    let resources = Api::<ZenAgentRemediation>::namespaced(admin.clone(), "narrow");
    let condition = resources.get(&cut_off).await.unwrap().condition("Complete").cloned().unwrap();
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("True", "Forbidden"));
    assert!(Api::<NetworkPolicy>::namespaced(admin.clone(), "shop-narrow").list(&ListParams::default()).await.unwrap().items.is_empty());
    let pod = Api::<Pod>::namespaced(admin, "shop-narrow").get("web-1").await.unwrap();
    assert_eq!(pod.labels().get("flag").map(String::as_str), Some("falco"));
    assert_eq!(pod.labels().get(QUARANTINE_LABEL), None);
    agent.stop();
}
