//! The chart against what the agent declares: permissions, settings, and how long it takes to stop.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;
use zen_agent::{
    config::ENABLED_ACTIONS,
    forward::ReportKind,
    permissions::{Roles, TargetNamespaces},
    remediation::ActionKind,
    runtime::DRAIN,
};

use crate::helm::{self, NAMESPACE, objects, refusal};

/// One verb on one resource, perhaps of one name.
type Grant = (String, String, String, String);
/// By kind of role and namespace.
type Grants = BTreeMap<(String, String), BTreeSet<Grant>>;

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What the roles among these objects grant.
fn grants(objects: &[Value]) -> Grants {
    let mut grants = Grants::new();
    for role in objects.iter().filter(|object| ["Role", "ClusterRole"].contains(&object["kind"].as_str().unwrap())) {
        let place = (role["kind"].as_str().unwrap().to_owned(), role["metadata"]["namespace"].as_str().unwrap_or_default().to_owned());
        let granted = grants.entry(place).or_default();
        for rule in role["rules"].as_array().unwrap() {
            assert!(rule.get("nonResourceURLs").is_none(), "{rule}");
            let mut names = texts(&rule["resourceNames"]);
            if names.is_empty() {
                names.push(String::new());
            }
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    for name in &names {
                        granted.extend(texts(&rule["verbs"]).into_iter().map(|verb| (group.clone(), resource.clone(), name.clone(), verb)));
                    }
                }
            }
        }
    }
    grants
}

/// What `zen-agent rbac` prints.
fn declared(actions: &str, more: &[&str]) -> Grants {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    command.args(["rbac", "--namespace", NAMESPACE, "--actions", actions]).args(more);
    let text = helm::run(&mut command);
    let roles = serde_yaml_ng::Deserializer::from_str(&text).map(|role| serde::Deserialize::deserialize(role).unwrap());
    grants(&roles.collect::<Vec<Value>>())
}

#[test]
fn the_chart_grants_exactly_what_the_agent_declares_for_the_enabled_actions_and_namespaces() {
    let every = ActionKind::ALL.map(ActionKind::as_str).join(",");
    let everything = format!("enabledActions={{{every}}}");
    let (shop, all) = (["--target-namespaces", "shop"], ["targetNamespaces=null", "targetAllNamespaces=true"]);
    let cases: [(&[&str], &str, &[&str]); 8] = [
        (&[], ENABLED_ACTIONS, &shop),
        (&["watchAllNamespaces=true"], ENABLED_ACTIONS, &[&shop[..], &["--watch-all-namespaces"]].concat()),
        (&["enabledActions={label}"], "label", &shop),
        (
            &["enabledActions={network-quarantine,scale}", "targetNamespaces={shop,jobs}"],
            "network-quarantine,scale",
            &["--target-namespaces", "shop,jobs"],
        ),
        (&["enabledActions={cordon}"], "cordon", &shop),
        (&[&everything], &every, &shop),
        (&[&all[..], &[&everything]].concat(), &every, &["--target-all-namespaces"]),
        (&all, ENABLED_ACTIONS, &["--target-all-namespaces"]),
    ];
    for (values, actions, flags) in cases {
        assert_eq!(grants(&objects(values)), declared(actions, flags), "{values:?}");
    }
    // No action at all, which the command line cannot say.
    let target_namespaces = TargetNamespaces::These(["shop".to_owned()].into());
    let none = Roles {
        namespace: NAMESPACE.into(),
        watch_all: false,
        target_namespaces,
        actions: BTreeSet::new(),
        apply_targets: BTreeSet::new(),
    };
    let roles = none.roles().into_iter().map(|role| serde_json::to_value(role).unwrap());
    let none: Vec<_> = roles.chain([serde_json::to_value(none.cluster_role()).unwrap()]).collect();
    assert_eq!(grants(&objects(&["enabledActions=null"])), grants(&none));
}

#[test]
fn nodes_may_be_changed_only_where_cordon_is_enabled_and_then_in_the_cluster() {
    let nodes = |values: &[&str]| -> Vec<_> {
        let of = |(place, granted): (&(String, String), &BTreeSet<Grant>)| {
            granted.iter().filter(|grant| grant.1 == "nodes").map(|grant| (place.0.clone(), grant.3.clone())).collect::<Vec<_>>()
        };
        grants(&objects(values)).iter().flat_map(of).collect()
    };
    assert_eq!(nodes(&[]), []);
    let granted = ["get", "patch"].map(|verb| ("ClusterRole".to_owned(), verb.to_owned()));
    assert_eq!(nodes(&["enabledActions={cordon}"]), granted);
}

#[test]
fn a_further_kind_to_label_or_to_probe_is_granted_and_nothing_else() {
    let added = |values: &str| -> Vec<String> {
        let set = format!("{values}[0].apiGroup=,{values}[0].resource=services");
        let (without, with) = (grants(&objects(&[])), grants(&objects(&[&set])));
        let targets = ("Role".to_owned(), "shop".to_owned());
        with[&targets].difference(&without[&targets]).map(|(group, resource, _, verb)| format!("{verb} {group}/{resource}")).collect()
    };
    assert_eq!(added("extraTargets"), ["get /services", "patch /services"]);
    assert_eq!(added("probedKinds"), ["get /services"]);
}

#[test]
fn the_kinds_of_manifests_are_granted_where_apply_is_enabled_and_nothing_else() {
    let set = "applyTargets[0].apiGroup=,applyTargets[0].resource=configmaps";
    let targets = ("Role".to_owned(), "shop".to_owned());
    let added = |actions: &str| -> Vec<_> {
        let (without, with) = (grants(&objects(&[actions])), grants(&objects(&[actions, set])));
        with[&targets].difference(&without[&targets]).map(|(group, resource, _, verb)| format!("{verb} {group}/{resource}")).collect()
    };
    assert_eq!(added("enabledActions={label}"), [""; 0]);
    assert_eq!(added("enabledActions={apply}"), ["create", "delete", "get", "patch", "update"].map(|verb| format!("{verb} /configmaps")));
}

#[test]
fn no_kind_is_granted_that_no_remediation_may_touch() {
    for group in [
        "rbac.authorization.k8s.io",
        "authorization.openshift.io",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "zen.kube-zen.io",
    ] {
        for values in ["extraTargets", "probedKinds", "applyTargets"] {
            let why = refusal(&format!("{values}[0].apiGroup={group},{values}[0].resource=things"));
            assert!(why.contains("/0/apiGroup") || why.contains(".0.apiGroup"), "{why}");
        }
    }
    assert!(refusal("applyTargets[0].apiGroup=,applyTargets[0].resource=secrets").contains("resource"));
}

#[test]
fn every_role_is_bound_to_the_agents_service_account_and_to_nobody_else() {
    let objects = objects(&["targetNamespaces={shop,jobs}"]);
    let of_kind = |kind: &str| objects.iter().filter(|object| object["kind"] == kind).collect::<Vec<_>>();
    for kind in ["Role", "ClusterRole"] {
        let bound: Vec<_> =
            of_kind(&format!("{kind}Binding")).iter().map(|b| (&b["metadata"]["namespace"], &b["roleRef"]["name"])).collect();
        let roles: Vec<_> = of_kind(kind).iter().map(|role| (&role["metadata"]["namespace"], &role["metadata"]["name"])).collect();
        assert!(!roles.is_empty());
        assert_eq!(bound, roles);
    }
    for binding in of_kind("RoleBinding").into_iter().chain(of_kind("ClusterRoleBinding")) {
        let account = serde_json::json!([{ "kind": "ServiceAccount", "name": "zen-agent", "namespace": NAMESPACE }]);
        assert_eq!(binding["subjects"], account);
    }
    assert_eq!(pod(&objects)["serviceAccountName"], "zen-agent");
}

fn pod(objects: &[Value]) -> &Value {
    &objects.iter().find(|object| object["kind"] == "Deployment").unwrap()["spec"]["template"]["spec"]
}

#[test]
fn every_setting_of_serve_is_given_by_the_chart_or_taken_from_values_and_no_other() {
    let help = helm::run(Command::new(env!("CARGO_BIN_EXE_zen-agent")).args(["serve", "--help"]));
    let settings: BTreeSet<_> = help.split("[env: ").skip(1).map(|rest| rest.split([']', '=']).next().unwrap().to_owned()).collect();
    // The file of settings is the environment here; secrets are mounted, not set; the port follows METRICS_PORT; the CA of the
    // SaaS is in the Secret of its credentials.
    let not_in_a_cluster = ["ZEN_AGENT_CONFIG", "HMAC_KEY_ID", "HMAC_SECRET", "ADMIN_LISTEN", "TLS_CA_FILE"];
    assert!(not_in_a_cluster.iter().all(|name| settings.contains(*name)), "{settings:?}");
    let schema: Value = serde_json::from_slice(&std::fs::read(helm::chart().join("values.schema.json")).unwrap()).unwrap();
    let taken: BTreeSet<_> = schema["properties"]["config"]["properties"].as_object().unwrap().keys().cloned().collect();
    let objects = objects(&[
        "clientCa.crlKey=revoked.crl",
        "policy.default.mode=observe",
        "saas.baseUrl=https://saas.example",
        "saas.secretName=saas",
        "probes.httpOrigins={services}",
        "probes.prometheusUrl=https://prometheus.example",
        "probes.prometheusToken=true",
        "probes.secretName=probes",
    ]);
    let env = pod(&objects)["containers"][0]["env"].as_array().unwrap();
    let given: BTreeSet<_> = env.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
    let mut offered = &taken | &given;
    offered.extend(not_in_a_cluster.map(str::to_owned));
    assert_eq!(offered, settings);
}

#[test]
fn a_pod_has_the_time_that_the_agent_takes_to_stop() {
    let objects = objects(&[]);
    let pod = pod(&objects);
    let sleep = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > sleep + DRAIN.as_secs());
}

#[test]
fn the_chart_has_the_agents_version_and_its_default_of_the_enabled_actions() {
    let read = |name: &str| -> Value { serde_yaml_ng::from_slice(&std::fs::read(helm::chart().join(name)).unwrap()).unwrap() };
    let chart = read("Chart.yaml");
    assert_eq!((&chart["version"], &chart["appVersion"]), (&env!("CARGO_PKG_VERSION").into(), &env!("CARGO_PKG_VERSION").into()));
    let objects = objects(&[]);
    let env = pod(&objects)["containers"][0]["env"].as_array().unwrap();
    let enabled = env.iter().find(|one| one["name"] == "ENABLED_ACTIONS").unwrap();
    assert_eq!(enabled["value"], ENABLED_ACTIONS);
}

const FORWARDER: &[&str] = &[
    "forwarder.enabled=true",
    "forwarder.credentials.secretName=forwarder",
    "forwarder.token.secretName=tools",
    "forwarder.clientCa.secretName=tools-ca",
    "forwarder.tls.secretName=forwarder-tls",
];

/// The objects of this kind, by their names.
fn named<'a>(objects: &'a [Value], kind: &str) -> BTreeMap<&'a str, &'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).map(|object| (object["metadata"]["name"].as_str().unwrap(), object)).collect()
}

#[test]
fn the_forwarder_is_started_with_arguments_that_it_takes() {
    let objects = objects(FORWARDER);
    let pod = &named(&objects, "Deployment")["zen-agent-forwarder"]["spec"]["template"]["spec"];
    let arguments = texts(&pod["containers"][0]["args"]);
    assert!(arguments.contains(&format!("--to=https://zen-agent.{NAMESPACE}.svc:8443")), "{arguments:?}");
    // Everything that is asked for before it starts is there but for the files, of which it reads the token first.
    let output = Command::new(env!("CARGO_BIN_EXE_zen-agent")).args(&arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("/etc/zen-agent/token/token"), "{said}");
}

#[test]
fn the_forwarder_may_do_nothing_in_the_cluster() {
    let (without, with) = (objects(&[]), objects(FORWARDER));
    assert_eq!(grants(&without), grants(&with));
    let pod = &named(&with, "Deployment")["zen-agent-forwarder"]["spec"]["template"]["spec"];
    assert_eq!((&pod["serviceAccountName"], &pod["automountServiceAccountToken"]), (&"zen-agent-forwarder".into(), &false.into()));
    for kind in ["RoleBinding", "ClusterRoleBinding"] {
        for binding in named(&with, kind).into_values() {
            assert!(binding["subjects"].as_array().unwrap().iter().all(|subject| subject["name"] == "zen-agent"), "{binding}");
        }
    }
}

#[test]
fn a_forwarder_that_watches_may_list_and_watch_these_reports_and_nothing_else() {
    let watch = ReportKind::ALL.map(ReportKind::as_str).join(",");
    for kinds in ["policyreports,clustervulnerabilityreports", &watch] {
        let set = format!("forwarder.watch={{{kinds}}}");
        let (without, with) = (objects(FORWARDER), objects(&[FORWARDER, &[&set]].concat()));
        let cluster = ("ClusterRole".to_owned(), String::new());
        let (mut before, mut after) = (grants(&without), grants(&with));
        let (before_it, after_it) = (before.remove(&cluster).unwrap_or_default(), after.remove(&cluster).unwrap());
        assert_eq!(before, after);
        let resources = ReportKind::ALL.into_iter().filter(|kind| kinds.split(',').any(|name| name == kind.as_str()));
        let wanted = resources.map(ReportKind::resource).flat_map(|resource| {
            ["list", "watch"].map(|verb| (resource.group.clone(), resource.plural.clone(), String::new(), verb.to_owned()))
        });
        assert_eq!(after_it.difference(&before_it).cloned().collect::<BTreeSet<_>>(), wanted.collect());
        assert!(before_it.is_subset(&after_it));

        let bindings = named(&with, "ClusterRoleBinding");
        let account = serde_json::json!([{ "kind": "ServiceAccount", "name": "zen-agent-forwarder", "namespace": NAMESPACE }]);
        assert_eq!(bindings["zen-agent-forwarder"]["subjects"], account);
        assert_eq!(bindings["zen-agent-forwarder"]["roleRef"]["name"], "zen-agent-forwarder");
        let pod = &named(&with, "Deployment")["zen-agent-forwarder"]["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], true);
        let egress = |objects: &[Value]| named(objects, "NetworkPolicy")["zen-agent-forwarder"]["spec"]["egress"].clone();
        let agents = named(&with, "NetworkPolicy")["zen-agent"]["spec"]["egress"][1].clone();
        let mut opened = egress(&without);
        opened.as_array_mut().unwrap().push(agents);
        assert_eq!(egress(&with), opened);

        let arguments = texts(&pod["containers"][0]["args"]);
        let output = Command::new(env!("CARGO_BIN_EXE_zen-agent")).args(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(arguments.contains(&format!("--watch={kinds}")) && said.contains("/etc/zen-agent/token/token"), "{said}");
    }
    assert!(refusal("forwarder.watch={secrets}").contains("watch"));
}

#[test]
fn agent_and_forwarder_are_not_taken_for_one_another_and_may_talk() {
    let objects = objects(FORWARDER);
    let deployments = named(&objects, "Deployment");
    let labels = |name: &str| deployments[name]["spec"]["template"]["metadata"]["labels"].as_object().unwrap().clone();
    let fits = |selector: &Value, name: &str| selector.as_object().unwrap().iter().all(|(key, value)| labels(name).get(key) == Some(value));
    let (services, policies, budgets) =
        (named(&objects, "Service"), named(&objects, "NetworkPolicy"), named(&objects, "PodDisruptionBudget"));
    for (own, other) in [("zen-agent", "zen-agent-forwarder"), ("zen-agent-forwarder", "zen-agent")] {
        let selectors = [
            &deployments[own]["spec"]["selector"]["matchLabels"],
            &services[own]["spec"]["selector"],
            &services[format!("{own}-metrics").as_str()]["spec"]["selector"],
            &policies[own]["spec"]["podSelector"]["matchLabels"],
        ];
        for selector in selectors {
            assert!(fits(selector, own) && !fits(selector, other), "{own}: {selector}");
        }
    }
    assert!(!fits(&budgets["zen-agent"]["spec"]["selector"]["matchLabels"], "zen-agent-forwarder"));
    let from = &policies["zen-agent"]["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"];
    assert!(fits(from, "zen-agent-forwarder"), "{from}");
    let to = &policies["zen-agent-forwarder"]["spec"]["egress"][1]["to"][0]["podSelector"]["matchLabels"];
    assert!(fits(to, "zen-agent"), "{to}");
}
