//! The agent with exactly what the chart grants, on a real API server that authorizes by RBAC: it is never told that
//! something is forbidden, and what it does not need is.

use std::{collections::BTreeSet, time::Instant};

use controlplane::ControlPlane;
use k8s_openapi::api::{
    apps::v1::Deployment,
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectRulesReview},
    batch::v1::CronJob,
    core::v1::{Node, Pod},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::{sync::Mutex, task::JoinHandle};
use zen_agent::{
    contract::v0::types::{Decision, Remediation, Status},
    dev::CLUSTER,
    pipeline::actions::QUARANTINE_LABEL,
    remediation::{ActionKind, Phase, ZenAgentRemediation},
};

use crate::release::{Agent, DEADLINE, Release};

/// Held by each test here: the API server counts its refusals for all of them together.
static ALONE: Mutex<()> = Mutex::const_new(());

fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

async fn control_plane() -> &'static ControlPlane {
    tokio::task::spawn_blocking(ControlPlane::shared).await.unwrap()
}

async fn space(admin: &Client, name: &str) {
    let spaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(admin.clone());
    let space = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
    spaces.create(&PostParams::default(), &space).await.unwrap();
}

/// A Deployment, pods, one of them on a node, and a CronJob, to act on.
async fn workload(admin: &Client, namespace: &str) {
    space(admin, namespace).await;
    let pod = json!({ "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [{ "name": "web", "image": "web" }] } });
    let deployment = json!({
        "metadata": { "name": "web" },
        "spec": { "replicas": 3, "selector": { "matchLabels": { "app": "web" } }, "template": pod },
    });
    let deployments: Api<Deployment> = Api::namespaced(admin.clone(), namespace);
    deployments.create(&PostParams::default(), &serde_json::from_value(deployment).unwrap()).await.unwrap();
    let node = namespace.replace("shop-", "node-");
    let created = serde_json::from_value(json!({ "metadata": { "name": node } })).unwrap();
    Api::<Node>::all(admin.clone()).create(&PostParams::default(), &created).await.unwrap();
    let pods: Api<Pod> = Api::namespaced(admin.clone(), namespace);
    for (name, node) in [("web-1", None), ("web-2", None), ("on-node", Some(node))] {
        let mut pod = pod.clone();
        (pod["metadata"]["name"], pod["spec"]["nodeName"]) = (name.into(), node.into());
        pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    }
    let job =
        json!({ "spec": { "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "job", "image": "job" }] } } } });
    let nightly = json!({ "metadata": { "name": "nightly" }, "spec": { "schedule": "0 3 * * *", "jobTemplate": job } });
    let cron_jobs = Api::<CronJob>::namespaced(admin.clone(), namespace);
    cron_jobs.create(&PostParams::default(), &serde_json::from_value(nightly).unwrap()).await.unwrap();
}

/// Plays the Deployment's controller: its status follows its spec.
fn follow(admin: &Client, namespace: &str) -> JoinHandle<()> {
    let deployments: Api<Deployment> = Api::namespaced(admin.clone(), namespace);
    tokio::spawn(async move {
        loop {
            let live = deployments.get("web").await.unwrap();
            let replicas = live.spec.unwrap().replicas;
            let status = json!({ "status": {
                "observedGeneration": live.metadata.generation, "replicas": replicas, "updatedReplicas": replicas,
                "readyReplicas": replicas, "availableReplicas": replicas,
            } });
            deployments.patch_status("web", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(100)).await; // pacing of a stand-in
        }
    })
}

/// Sends an event that the policy below answers with the action of that name.
async fn send(agent: &Agent, action: &str, namespace: &str, kind: &str, name: &str) -> String {
    let api_version = match kind {
        "Pod" => "v1",
        "CronJob" => "batch/v1",
        _ => "apps/v1",
    };
    let batch = json!({ "cluster_id": CLUSTER, "events": [{
        "source": "falco", "rule": action, "severity": "high", "time": jiff::Timestamp::now().to_string(), "facts": {},
        "target": { "apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name },
    }] });
    let receipt = agent.client.stable.ingest_events(&id(), batch.to_string()).await.expect("the event is taken").into_inner();
    receipt.results[0].remediation.clone().expect("a remediation")
}

/// The remediation, once it has ended.
async fn ended(agent: &Agent, name: &str) -> Remediation {
    let begun = Instant::now();
    loop {
        let item = agent.client.stable.get_remediation(name, &id()).await.expect("it can be read").into_inner();
        if !matches!(item.status, Status::Pending | Status::InProgress) {
            return item;
        }
        assert!(begun.elapsed() < DEADLINE, "{name} did not end: {item:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
}

fn policy() -> Value {
    let rule = |action: &str, mode: &str, what: Value| json!({ "name": action, "when": format!("rule == \"{action}\""), "mode": mode, "action": what });
    json!({
        "rules": [
            rule("label", "automatic", json!({ "label": { "labels": { "flag": "falco" } } })),
            rule("quarantine", "automatic", json!({ "networkQuarantine": {} })),
            rule("scale", "propose", json!({ "scale": { "replicas": 0 } })),
        ],
        "default": { "mode": "observe" },
    })
}

/// The same, and a rule for each further action.
fn policy_of_everything() -> Value {
    let mut policy = policy();
    let further = [
        ("annotate", "automatic", json!({ "annotate": { "annotations": { "note": "falco" } } })),
        ("set-image", "automatic", json!({ "setImage": { "containers": { "web": "web:2" } } })),
        ("restart", "automatic", json!({ "restart": {} })),
        ("suspend", "automatic", json!({ "suspend": {} })),
        ("cordon", "automatic", json!({ "cordon": {} })),
        ("delete-pod", "automatic-irreversible", json!({ "deletePod": {} })),
        ("evict", "automatic-irreversible", json!({ "evict": {} })),
    ];
    let further =
        further.map(|(name, mode, action)| json!({ "name": name, "when": format!("rule == \"{name}\""), "mode": mode, "action": action }));
    policy["rules"].as_array_mut().unwrap().extend(further);
    policy["guardrails"] = json!({ "budget": "off", "cooldown": "off" });
    policy
}

/// Of the API server's metrics, the series that are wanted, and their sum.
async fn counted(admin: &Client, wanted: impl Fn(&str) -> bool) -> (Vec<String>, f64) {
    let text = admin.request_text(http::Request::get("/metrics").body(Vec::new()).unwrap()).await.unwrap();
    let lines: Vec<_> = text.lines().filter(|line| wanted(line)).map(str::to_owned).collect();
    let sum = lines.iter().map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
    (lines, sum)
}

/// Requests that its authorizer did not allow.
async fn refusals(admin: &Client) -> (Vec<String>, f64) {
    counted(admin, |line| line.starts_with("authorization_attempts_total{") && !line.contains("result=\"allowed\"")).await
}

/// Requests about NetworkPolicies with this verb that it granted.
async fn written(admin: &Client, verb: &str) -> f64 {
    let of = |line: &str| line.contains("resource=\"networkpolicies\"") && line.contains(&format!("verb=\"{verb}\""));
    counted(admin, |line| line.starts_with("apiserver_request_total{code=\"200\"") && of(line)).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_of_every_action_is_done_with_what_the_chart_grants_and_no_call_is_refused() {
    let _alone = ALONE.lock().await;
    let control = control_plane().await;
    let admin = control.client().await;
    workload(&admin, "shop-granted").await;
    let values = json!({
        "policy": policy_of_everything(), "targetNamespaces": ["shop-granted"],
        "enabledActions": ActionKind::ALL.map(ActionKind::as_str),
    });
    let release = Release::install(control, "granted", &values);
    // Pods as restricted as the namespace asks for; the server judges.
    release.kubectl(&["create", "--dry-run=server", "-f", "-"], &release.pod());
    let playing = follow(&admin, "shop-granted");
    let (_, before) = refusals(&admin).await;

    let agent = release.start(&[]);
    let labelled = send(&agent, "label", "shop-granted", "Deployment", "web").await;
    let cut_off = send(&agent, "quarantine", "shop-granted", "Pod", "web-1").await;
    for name in [&labelled, &cut_off] {
        let item = ended(&agent, name).await;
        assert_eq!(item.status, Status::Succeeded, "{item:?}");
    }
    let scaled = send(&agent, "scale", "shop-granted", "Deployment", "web").await;
    let reason: Decision = serde_json::from_value(json!({ "reason": "seen it" })).unwrap();
    agent.client.stable.approve_remediation(&scaled, &id(), &reason).await.unwrap();
    let item = ended(&agent, &scaled).await;
    assert_eq!(item.status, Status::Succeeded, "{item:?}");
    let live = Api::<Deployment>::namespaced(admin.clone(), "shop-granted").get("web").await.unwrap();
    assert_eq!((live.labels().get("flag").map(String::as_str), live.spec.as_ref().unwrap().replicas), (Some("falco"), Some(0)));
    let policies = Api::<NetworkPolicy>::namespaced(admin.clone(), "shop-granted");
    assert!(policies.get_opt(&format!("zen-quarantine-{cut_off}")).await.unwrap().is_some());
    for (action, kind, name) in [
        ("annotate", "Deployment", "web"),
        ("set-image", "Deployment", "web"),
        ("restart", "Deployment", "web"),
        ("suspend", "CronJob", "nightly"),
        ("cordon", "Pod", "on-node"),
        ("delete-pod", "Pod", "web-1"),
        ("evict", "Pod", "web-2"),
    ] {
        let item = ended(&agent, &send(&agent, action, "shop-granted", kind, name).await).await;
        assert_eq!(item.status, Status::Succeeded, "{action}: {item:?}");
    }
    let node = Api::<Node>::all(admin.clone()).get("node-granted").await.unwrap();
    assert_eq!(node.spec.unwrap().unschedulable, Some(true));
    // Events on the target, in its namespace.
    let events = Api::<k8s_openapi::api::events::v1::Event>::namespaced(admin.clone(), "shop-granted");
    let begun = Instant::now();
    while events
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .iter()
        .filter(|e| e.reason.as_deref() == Some("RemediationSucceeded"))
        .count()
        < ActionKind::ALL.len() - 1
    {
        assert!(begun.elapsed() < DEADLINE, "the Events do not come");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
    // What an operator does by the API: list, and clean up.
    assert_eq!(
        agent.client.stable.list_remediations(None, None, None, None, None, None, &id()).await.unwrap().items.len(),
        ActionKind::ALL.len()
    );
    let cleaned = agent.client.stable.cleanup_remediations(None, Some("0s"), None, &id()).await.unwrap().into_inner();
    assert_eq!(cleaned.deleted, ActionKind::ALL.len() as u64, "{cleaned:?}");

    let log = agent.stop();
    playing.abort();
    let (lines, after) = refusals(&admin).await;
    assert_eq!(after - before, 0.0, "{lines:#?}");
    assert!(!log.to_lowercase().contains("forbidden"), "{log}");
}

/// Answers each attempt to put a pod there into quarantine with 403, as a webhook for admission may.
async fn refuse_quarantine(release: &Release, admin: &Client, namespace: &str) {
    let group = "admissionregistration.k8s.io/v1";
    let refusal = json!({
        "apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": { "name": "no-quarantine" },
        "spec": {
            "matchConstraints": { "resourceRules": [
                { "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods"] },
            ] },
            "validations": [{
                "expression": format!("!has(object.metadata.labels) || !('{QUARANTINE_LABEL}' in object.metadata.labels)"),
                "message": "no quarantine here", "reason": "Forbidden",
            }],
        },
    });
    let there = json!({
        "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": { "name": "no-quarantine" },
        "spec": {
            "policyName": "no-quarantine", "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } } },
        },
    });
    release.kubectl(&["apply", "-f", "-"], &json!({ "apiVersion": "v1", "kind": "List", "items": [refusal, there] }));
    // The server takes a moment to go by it.
    let (pods, begun) = (Api::<Pod>::namespaced(admin.clone(), namespace), Instant::now());
    let (dry, label) =
        (PatchParams { dry_run: true, ..PatchParams::default() }, json!({ "metadata": { "labels": { QUARANTINE_LABEL: "x" } } }));
    while pods.patch("web-1", &dry, &Patch::Merge(&label)).await.is_ok() {
        assert!(begun.elapsed() < DEADLINE, "the server does not refuse it");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_is_undone_with_what_the_chart_grants_and_no_call_is_refused_by_rbac() {
    let _alone = ALONE.lock().await;
    let control = control_plane().await;
    let admin = control.client().await;
    workload(&admin, "shop-undone").await;
    // Without labels, which would need more permissions than a scale does.
    let mut policy = policy();
    policy["rules"].as_array_mut().unwrap().remove(0);
    policy["rules"][0]["mode"] = "propose".into();
    let values = json!({ "policy": policy, "targetNamespaces": ["shop-undone"], "enabledActions": ["network-quarantine", "scale"] });
    let release = Release::install(control, "undone", &values);
    refuse_quarantine(&release, &admin, "shop-undone").await;
    let (_, before) = refusals(&admin).await;
    let (updates, deletions) = (written(&admin, "PUT").await, written(&admin, "DELETE").await);
    let agent = release.start(&[("VALIDATION_TIMEOUT", "2s")]);
    let approve = async |name: &str| {
        let reason: Decision = serde_json::from_value(json!({ "reason": "seen it" })).unwrap();
        agent.client.stable.approve_remediation(name, &id(), &reason).await.unwrap();
        ended(&agent, name).await
    };

    // The remediation's own policy, which somebody opened: it is repaired, the pod refuses the label, and the policy is deleted.
    let cut_off = send(&agent, "quarantine", "shop-undone", "Pod", "web-1").await;
    let remediations = Api::<ZenAgentRemediation>::namespaced(admin.clone(), "undone");
    let opened = json!({
        "metadata": {
            "name": format!("zen-quarantine-{cut_off}"),
            "annotations": { "zen.kube-zen.io/remediation-uid": remediations.get(&cut_off).await.unwrap().metadata.uid },
        },
        "spec": { "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}] },
    });
    let policies = Api::<NetworkPolicy>::namespaced(admin.clone(), "shop-undone");
    policies.create(&PostParams::default(), &serde_json::from_value(opened).unwrap()).await.unwrap();
    let item = approve(&cut_off).await;
    assert_eq!((item.status, item.reason.as_deref()), (Status::Failed, Some("Forbidden")), "{item:?}");
    assert!(item.message.unwrap().contains("no quarantine here"));
    assert!(policies.list(&ListParams::default()).await.unwrap().items.is_empty());
    assert_eq!((written(&admin, "PUT").await - updates, written(&admin, "DELETE").await - deletions), (1.0, 1.0));

    // Nobody plays the Deployment's controller.
    let item = approve(&send(&agent, "scale", "shop-undone", "Deployment", "web").await).await;
    assert_eq!((item.status, item.reason.as_deref()), (Status::RolledBack, Some("ValidationTimedOut")), "{item:?}");
    let live = Api::<Deployment>::namespaced(admin.clone(), "shop-undone").get("web").await.unwrap();
    assert_eq!((live.spec.unwrap().replicas, live.metadata.generation), (Some(3), Some(3)));

    agent.stop();
    let (lines, after) = refusals(&admin).await;
    assert_eq!(after - before, 0.0, "{lines:#?}");
    // And what scales cannot change what runs.
    let account = controlplane::client(&release.kubeconfig()).await;
    for workload in ["deployments", "statefulsets", "replicasets"] {
        assert!(allowed(&account, &format!("patch apps:{workload}/scale shop-undone")).await, "{workload}");
        for verb in ["patch", "update"] {
            assert!(!allowed(&account, &format!("{verb} apps:{workload} shop-undone")).await, "{verb} {workload}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_create_in_their_namespaces_is_done_where_all_are_watched_and_no_call_is_refused() {
    let _alone = ALONE.lock().await;
    let control = control_plane().await;
    let admin = control.client().await;
    workload(&admin, "shop-watched").await;
    space(&admin, "team").await;
    let values = json!({ "policy": policy(), "watchAllNamespaces": true, "targetNamespaces": ["shop-watched"] });
    let release = Release::install(control, "watched", &values);
    let (_, before) = refusals(&admin).await;
    let agent = release.start(&[]);
    let theirs = Api::<ZenAgentRemediation>::namespaced(admin.clone(), "team");
    let wanted = json!({
        "apiVersion": "zen.kube-zen.io/v1", "kind": "ZenAgentRemediation", "metadata": { "name": "theirs" },
        "spec": {
            "target": { "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop-watched", "name": "web" },
            "action": { "label": { "labels": { "flag": "team" } } }, "mode": "automatic",
        },
    });
    theirs.create(&PostParams::default(), &serde_json::from_value(wanted).unwrap()).await.unwrap();
    let begun = Instant::now();
    let status = loop {
        let item = theirs.get("theirs").await.unwrap();
        if item.phase().is_terminal() {
            break item.status.unwrap();
        }
        assert!(begun.elapsed() < DEADLINE, "it did not end: {item:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
    };
    assert_eq!(status.phase, Some(Phase::Succeeded), "{status:?}");
    let live = Api::<Deployment>::namespaced(admin.clone(), "shop-watched").get("web").await.unwrap();
    assert_eq!(live.labels().get("flag").map(String::as_str), Some("team"));
    let own = send(&agent, "label", "shop-watched", "Pod", "web-1").await;
    assert_eq!(ended(&agent, &own).await.status, Status::Succeeded);

    let log = agent.stop();
    let (lines, after) = refusals(&admin).await;
    assert_eq!(after - before, 0.0, "{lines:#?}");
    assert!(!log.to_lowercase().contains("forbidden"), "{log}");
}

/// `verb group/resource[/subresource] namespace`, asked by the agent's service account.
async fn allowed(agent: &Client, wanted: &str) -> bool {
    let words: Vec<_> = wanted.split(' ').collect();
    let (resource, name) = words[1].split_once('#').map_or((words[1], None), |(resource, name)| (resource, Some(name)));
    let (group, resource) = resource.split_once(':').unwrap_or(("", resource));
    let (resource, subresource) = resource.split_once('/').map_or((resource, None), |(resource, sub)| (resource, Some(sub)));
    let attributes = ResourceAttributes {
        verb: Some(words[0].to_owned()),
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: subresource.map(str::to_owned),
        name: name.map(str::to_owned),
        namespace: words.get(2).map(|namespace| (*namespace).to_owned()),
        ..ResourceAttributes::default()
    };
    let review = serde_json::from_value(json!({ "spec": { "resourceAttributes": attributes } })).unwrap();
    let answer = Api::<SelfSubjectAccessReview>::all(agent.clone()).create(&PostParams::default(), &review).await.unwrap();
    answer.status.unwrap().allowed
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agent_does_not_need_is_forbidden_to_it() {
    let _alone = ALONE.lock().await;
    let control = control_plane().await;
    space(&control.client().await, "shop").await;
    let release = Release::install(control, "needless", &json!({ "enabledActions": ["label", "network-quarantine"] }));
    let agent = controlplane::client(&release.kubeconfig()).await;
    for needed in [
        "create zen.kube-zen.io:zenagentremediations needless",
        "patch zen.kube-zen.io:zenagentremediations/status needless",
        "update coordination.k8s.io:leases#zen-agent needless",
        "patch pods shop",
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
        "list pods shop",
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
    let release = Release::install(control, "narrow", &values);
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
    assert!(!message.contains("pods"), "what is granted is not said to be missing: {message}");
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
