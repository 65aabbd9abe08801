//! A target and a remediation for each action, and how the target looks when it is done.

use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams, TypeMeta},
};
use serde_json::{Value, json};
use zen_agent::{
    identity::Role,
    kube_events::Events,
    remediation::{
        ActionKind, Phase, ZenAgentRemediation,
        approval::Decider,
        requests::{Asked, rollback},
    },
    telemetry::Metrics,
};

use crate::{
    agent::{self, Orders},
    servers::Server,
    tap::{Boundary, Course},
};

/// Whether the target is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    Taken,
    Free,
}

/// One remediation of one target.
pub(crate) struct Case {
    pub(crate) kind: ActionKind,
    pub(crate) is_changed: fn(&Value) -> bool,
    pub(crate) before: Value,
    name: String,
    target: (TypeMeta, Option<String>),
}

impl Case {
    /// Puts a target and a remediation of it there.
    pub(crate) async fn place(server: &Server, kind: ActionKind, ground: Ground, course: Course, suffix: &str) -> Self {
        let name = format!("{}-{suffix}", kind.as_str());
        let (mut target, mut action, is_changed) = example(kind);
        let types: TypeMeta = serde_json::from_value(target.clone()).unwrap();
        let namespace = (types.kind != "Node").then(|| server.namespace.clone());
        // Only what is labelled is followed by the stand-in for controllers.
        let labels = if matches!(course, Course::Holds | Course::Asked) { json!({ "zen.kube-zen.io/demo": "true" }) } else { json!({}) };
        target["metadata"] = json!({ "name": name, "namespace": namespace, "labels": labels });
        let mut case = Self { kind, is_changed, before: Value::Null, name: name.clone(), target: (types.clone(), namespace.clone()) };
        if ground == Ground::Taken {
            case.objects(server).create(&PostParams::default(), &serde_json::from_value(target).unwrap()).await.unwrap();
        }
        if kind == ActionKind::Apply {
            let mut manifest: Value = serde_json::from_str(action["apply"]["manifest"].as_str().unwrap()).unwrap();
            manifest["metadata"] = json!({ "name": name });
            action["apply"]["manifest"] = manifest.to_string().into();
            if ground == Ground::Taken {
                // What nobody holds may be set otherwise without force.
                let kept = json!({
                    "manager": "them", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
                    "fieldsV1": { "f:data": { "f:b": {} } },
                });
                let unheld = Patch::Merge(json!({ "metadata": { "managedFields": [kept] } }));
                case.objects(server).patch(&name, &PatchParams::default(), &unheld).await.unwrap();
            }
        }
        case.before = case.state(server).await;
        let mut spec = json!({
            "target": { "apiVersion": types.api_version, "kind": types.kind, "namespace": namespace, "name": name },
            "action": action, "mode": "automatic-irreversible",
        });
        if matches!(course, Course::Verified | Course::Refuted) {
            let status = if course == Course::Verified { "True" } else { "False" };
            let conditions = json!({ "status": { "conditions": [{ "type": "Ready", "status": status }] } });
            case.objects(server).patch_status(&name, &PatchParams::default(), &Patch::Merge(conditions)).await.unwrap();
            let probe = json!({ "name": "ready", "condition": { "type": "Ready" } });
            spec["verification"] = json!({ "probes": [probe], "intervalSeconds": 1, "soakSeconds": 1, "timeoutSeconds": 30 });
        }
        let remediation = ZenAgentRemediation::new(&name, serde_json::from_value(spec).unwrap());
        case.remediations(server).create(&PostParams::default(), &remediation).await.unwrap();
        case
    }

    /// Has it carried out, and then asks for it to be undone.
    pub(crate) async fn ask(&self, server: &Server) {
        let done = agent::end(server.client.clone(), &self.orders(server, Course::Asked, None)).await;
        assert_eq!(done.phase(), Phase::Succeeded, "{:?}", done.status);
        assert!((self.is_changed)(&self.state(server).await));
        let by = Decider { subject: "ada", role: Role::Approver };
        let events = Events::start(server.client.clone(), Metrics::new());
        rollback(&self.remediations(server), &events, done, Asked { by, reason: "too much", request: "undo" }).await.unwrap();
    }

    pub(crate) fn orders(&self, server: &Server, course: Course, boundary: Option<Boundary>) -> Orders {
        let Server { kubeconfig, namespace, .. } = server;
        Orders { kubeconfig: kubeconfig.clone(), namespace: namespace.clone(), name: self.name.clone(), course, boundary }
    }

    pub(crate) async fn remediation(&self, server: &Server) -> ZenAgentRemediation {
        self.remediations(server).get(&self.name).await.unwrap()
    }

    fn remediations(&self, server: &Server) -> Api<ZenAgentRemediation> {
        Api::namespaced(server.client.clone(), &server.namespace)
    }

    fn objects(&self, server: &Server) -> Api<DynamicObject> {
        let (types, namespace) = &self.target;
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types).unwrap());
        match namespace {
            Some(namespace) => Api::namespaced_with(server.client.clone(), namespace, &resource),
            None => Api::all_with(server.client.clone(), &resource),
        }
    }

    /// What is wanted of the target, and which policies belong to the remediation; not what counts writes, or who made them.
    pub(crate) async fn state(&self, server: &Server) -> Value {
        let mut object = self.objects(server).get_opt(&self.name).await.unwrap().map_or(Value::Null, |object| json!(object));
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            for count in ["resourceVersion", "generation", "managedFields"] {
                metadata.remove(count);
            }
        }
        let policies = Api::<k8s_openapi::api::networking::v1::NetworkPolicy>::namespaced(server.client.clone(), &server.namespace);
        let policies = policies.list(&kube::api::ListParams::default()).await.unwrap().items;
        let own: Vec<_> = policies.iter().map(ResourceExt::name_any).filter(|name| name.ends_with(&self.name)).collect();
        json!({ "object": object, "policies": own })
    }
}

const OLD: &str = "docker.io/library/nginx:1.27";
const NEW: &str = "docker.io/library/nginx:1.28";

fn pod_spec() -> Value {
    json!({ "containers": [{ "name": "web", "image": OLD }] })
}

fn pod() -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "spec": pod_spec() })
}

fn deployment() -> Value {
    let template = json!({ "metadata": { "labels": { "app": "web" } }, "spec": pod_spec() });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "spec": { "replicas": 3, "selector": { "matchLabels": { "app": "web" } }, "template": template },
    })
}

fn cron_job() -> Value {
    let mut spec = pod_spec();
    spec["restartPolicy"] = "Never".into();
    let job = json!({ "spec": { "template": { "spec": spec } } });
    json!({ "apiVersion": "batch/v1", "kind": "CronJob", "spec": { "schedule": "0 0 1 1 *", "jobTemplate": job } })
}

fn node() -> Value {
    json!({ "apiVersion": "v1", "kind": "Node", "spec": {} })
}

/// The target, the action, and whether it was done.
fn example(kind: ActionKind) -> (Value, Value, fn(&Value) -> bool) {
    match kind {
        ActionKind::Label => {
            (pod(), json!({ "label": { "labels": { "flag": "x" } } }), |state| state["object"]["metadata"]["labels"]["flag"] == "x")
        }
        ActionKind::Annotate => (pod(), json!({ "annotate": { "annotations": { "flag": "x" } } }), |state| {
            state["object"]["metadata"]["annotations"]["flag"] == "x"
        }),
        ActionKind::NetworkQuarantine => (pod(), json!({ "networkQuarantine": {} }), |state| {
            state["object"]["metadata"]["labels"]["zen.kube-zen.io/quarantine"].is_string() && state["policies"] != json!([])
        }),
        ActionKind::Scale => (deployment(), json!({ "scale": { "replicas": 0 } }), |state| state["object"]["spec"]["replicas"] == 0),
        ActionKind::SetImage => (deployment(), json!({ "setImage": { "containers": { "web": NEW } } }), |state| {
            state["object"]["spec"]["template"]["spec"]["containers"][0]["image"] == NEW
        }),
        ActionKind::Restart => (deployment(), json!({ "restart": {} }), |state| {
            state["object"]["spec"]["template"]["metadata"]["annotations"]["zen.kube-zen.io/restarted-by"].is_string()
        }),
        ActionKind::Suspend => (cron_job(), json!({ "suspend": {} }), |state| state["object"]["spec"]["suspend"] == true),
        ActionKind::DeletePod => (pod(), json!({ "deletePod": {} }), |state| state["object"].is_null()),
        ActionKind::Evict => (pod(), json!({ "evict": {} }), |state| state["object"].is_null()),
        ActionKind::Apply => (
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": { "a": "old", "b": "kept" } }),
            json!({ "apply": { "manifest": r#"{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"new","c":"new"}}"# } }),
            |state| state["object"]["data"]["a"] == "new" && state["object"]["data"]["c"] == "new",
        ),
        ActionKind::Cordon => (node(), json!({ "cordon": {} }), |state| state["object"]["spec"]["unschedulable"] == true),
    }
}
