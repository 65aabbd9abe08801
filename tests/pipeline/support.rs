//! A server with the sample workloads, and the ways in which tests drive and disturb the pipeline.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{Namespace, Pod},
        networking::v1::NetworkPolicy,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams, TypeMeta},
    client::Body,
};
use serde_json::{Value, json};
use zen_agent::{
    emergency::EmergencyStop,
    event::Target,
    kube_events::Events,
    lease::Tenure,
    pipeline::{
        Pipeline, Reach, Settings,
        actions::{
            AnnotateAction, ApplyAction, CordonAction, DeletePodAction, EvictAction, LabelAction, NetworkQuarantineAction, RestartAction,
            ScaleAction, SetImageAction, SuspendAction,
        },
    },
    policy::{Guardrails, Live, Policy},
    remediation::{Action, ActionKind, Mode, RemediationSpec, StepName, ZenAgentRemediation, crd},
    telemetry::Metrics,
};

use crate::ground::Ground;

/// Where the remediations live.
pub(crate) const HOME: &str = "zen-agent";
/// Longer than any test needs, shorter than anyone waits.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) metrics: Metrics,
    pub(crate) events: Events,
    _ground: Ground,
}

/// A policy of guardrails alone.
pub(crate) fn live(guardrails: Guardrails) -> Live {
    Live::new(Policy::observing(guardrails), HOME)
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(crd()).await
    }

    /// With a definition whose rules do not keep anybody from changing a spec, as an older one.
    pub(crate) async fn lax() -> Self {
        let mut definition = json!(crd());
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-validations"] = Value::Null;
        Self::with(serde_json::from_value(definition).unwrap()).await
    }

    /// With another definition of remediations.
    pub(crate) async fn with(definition: CustomResourceDefinition) -> Self {
        let ground = Ground::with(&definition).await;
        let client = ground.client.clone();
        let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": HOME } })).unwrap();
        let created = Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await;
        assert!(created.is_ok() || matches!(created, Err(kube::Error::Api(status)) if status.is_already_exists()));
        let metrics = Metrics::new();
        let events = Events::start(client.clone(), metrics.clone());
        Self { client, metrics, events, _ground: ground }
    }

    /// A pipeline without guardrails.
    pub(crate) fn pipeline(&self) -> Pipeline {
        self.guarded(Guardrails::none())
    }

    pub(crate) fn guarded(&self, guardrails: Guardrails) -> Pipeline {
        self.under(live(guardrails))
    }

    /// A pipeline under a policy that may change.
    pub(crate) fn under(&self, policy: Live) -> Pipeline {
        self.make(self.client.clone(), settings(), policy, EmergencyStop::never())
    }

    /// A guarded pipeline that calls this way.
    pub(crate) fn guarded_through(&self, client: Client, guardrails: Guardrails) -> Pipeline {
        self.make(client, settings(), live(guardrails), EmergencyStop::never())
    }

    /// A pipeline with other settings.
    pub(crate) fn set(&self, settings: Settings) -> Pipeline {
        self.set_through(self.client.clone(), settings)
    }

    /// A pipeline with other settings, that calls this way.
    pub(crate) fn set_through(&self, client: Client, settings: Settings) -> Pipeline {
        self.make(client, settings, live(Guardrails::none()), EmergencyStop::never())
    }

    /// A pipeline whose calls pass a tap.
    pub(crate) fn tapped(&self, tap: Tap) -> Pipeline {
        self.through(tapped(self.client.clone(), tap))
    }

    /// A pipeline that calls this way.
    pub(crate) fn through(&self, client: Client) -> Pipeline {
        self.make(client, settings(), live(Guardrails::none()), EmergencyStop::never())
    }

    /// A pipeline that can be stopped, and that calls this way.
    pub(crate) fn stoppable(&self, client: Client, emergency: EmergencyStop) -> Pipeline {
        self.make(client, settings(), live(Guardrails::none()), emergency)
    }

    /// A pipeline, whatever is said of it.
    pub(crate) fn make(&self, client: Client, settings: Settings, policy: Live, emergency: EmergencyStop) -> Pipeline {
        Pipeline::new(client, settings, policy, self.events.clone(), self.metrics.clone(), Tenure::endless(), emergency)
    }

    pub(crate) fn remediations(&self) -> Api<ZenAgentRemediation> {
        Api::namespaced(self.client.clone(), HOME)
    }

    pub(crate) async fn create(&self, name: &str, spec: RemediationSpec) -> ZenAgentRemediation {
        self.remediations().create(&PostParams::default(), &ZenAgentRemediation::new(name, spec)).await.unwrap()
    }

    pub(crate) async fn get(&self, name: &str) -> ZenAgentRemediation {
        self.remediations().get(name).await.unwrap()
    }

    /// Looks again whenever the pipeline asks for it, until it asks no more.
    pub(crate) async fn drive(&self, pipeline: &Pipeline, name: &str) -> ZenAgentRemediation {
        let all = async {
            while let Some(wait) = pipeline.reconcile(HOME, name).await.unwrap().unwrap().next {
                tokio::time::sleep(wait).await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.unwrap();
        self.get(name).await
    }

    /// Creates one and drives it with a pipeline of its own.
    pub(crate) async fn run(&self, name: &str, spec: RemediationSpec) -> ZenAgentRemediation {
        self.create(name, spec).await;
        self.drive(&self.pipeline(), name).await
    }

    pub(crate) fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub(crate) fn policies(&self, namespace: &str) -> Api<NetworkPolicy> {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub(crate) async fn replicas(&self, namespace: &str, deployment: &str) -> i32 {
        let api = Api::<Deployment>::namespaced(self.client.clone(), namespace);
        api.get(deployment).await.unwrap().spec.unwrap().replicas.unwrap()
    }

    pub(crate) async fn batch_replicas(&self) -> i32 {
        let api = Api::<StatefulSet>::namespaced(self.client.clone(), "jobs");
        api.get("batch").await.unwrap().spec.unwrap().replicas.unwrap()
    }

    pub(crate) async fn pod_label(&self, namespace: &str, pod: &str, key: &str) -> Option<String> {
        self.pods(namespace).get(pod).await.unwrap().labels().get(key).cloned()
    }

    /// What another party does.
    pub(crate) async fn patch_pod(&self, namespace: &str, pod: &str, patch: Value) {
        self.pods(namespace).patch(pod, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    pub(crate) async fn patch_deployment(&self, namespace: &str, name: &str, patch: Value) {
        let api = Api::<Deployment>::namespaced(self.client.clone(), namespace);
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// What somebody else does to a remediation, past its status.
    pub(crate) async fn patch(&self, name: &str, patch: Value) -> ZenAgentRemediation {
        self.remediations().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap()
    }

    /// What another program writes into a remediation's status.
    pub(crate) async fn patch_status(&self, name: &str, status: Value) -> ZenAgentRemediation {
        let patch = Patch::Merge(json!({ "status": status }));
        self.remediations().patch_status(name, &PatchParams::default(), &patch).await.unwrap()
    }

    /// Creates an object of whichever kind, with the status that it says.
    pub(crate) async fn place(&self, object: Value) -> DynamicObject {
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let types = object.types.clone().unwrap();
        let api = self.objects(&types.api_version, &types.kind, object.metadata.namespace.as_deref());
        let created = api.create(&PostParams::default(), &object).await.unwrap();
        let Some(status) = object.data.get("status") else { return created };
        let patch = Patch::Merge(json!({ "status": status }));
        api.patch_status(&object.name_any(), &PatchParams::default(), &patch).await.unwrap()
    }

    /// The objects of a kind.
    pub(crate) fn objects(&self, api_version: &str, kind: &str, namespace: Option<&str>) -> Api<DynamicObject> {
        let types = TypeMeta { api_version: api_version.to_owned(), kind: kind.to_owned() };
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types).unwrap());
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }

    async fn object(&self, target: &Target) -> DynamicObject {
        let api = self.objects(&target.api_version, &target.kind, target.namespace.as_deref());
        api.get(&target.name).await.unwrap()
    }

    /// What can be changed of an object: all of it, but for what counts the changes.
    pub(crate) async fn state(&self, target: &Target) -> Value {
        let mut state = json!(self.object(target).await);
        for count in ["resourceVersion", "generation", "managedFields"] {
            state["metadata"].as_object_mut().unwrap().remove(count);
        }
        state
    }

    /// How often what is wanted of an object has changed.
    pub(crate) async fn generation(&self, target: &Target) -> i64 {
        self.object(target).await.metadata.generation.unwrap()
    }

    /// What another party does to an object.
    pub(crate) async fn change(&self, target: &Target, patch: Value) {
        let api = self.objects(&target.api_version, &target.kind, target.namespace.as_deref());
        api.patch(&target.name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// What a controller says about an object.
    pub(crate) async fn report(&self, target: &Target, status: Value) {
        let api = self.objects(&target.api_version, &target.kind, target.namespace.as_deref());
        let patch = Patch::Merge(json!({ "status": status }));
        api.patch_status(&target.name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Drives what is executed with an agent that cannot read the target any more, until it goes over to undoing;
    /// then with one that can.
    pub(crate) async fn undo(&self, name: &str, part: &'static str) -> ZenAgentRemediation {
        let blind = self.tapped(Arc::new(move |_, path: String| async move { path.contains(part).then_some(500) }.boxed()));
        let blinded = async {
            while self.get(name).await.step(StepName::Rollback).is_none() {
                let wait = blind.reconcile(HOME, name).await.ok().and_then(|progress| progress.unwrap().next);
                tokio::time::sleep(wait.unwrap_or(Duration::from_millis(50))).await; // pacing of a poll with a deadline
            }
        };
        tokio::time::timeout(PATIENCE, blinded).await.unwrap();
        self.drive(&self.pipeline(), name).await
    }

    /// What the controllers of a workload do once they have seen its spec.
    pub(crate) async fn settle(&self, namespace: &str, name: &str) {
        let api = Api::<Deployment>::namespaced(self.client.clone(), namespace);
        let live = api.get(name).await.unwrap();
        let (generation, replicas) = (live.metadata.generation, live.spec.unwrap().replicas);
        let status = json!({ "status": {
            "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas,
            "availableReplicas": replicas,
        } });
        api.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        watch_namespace: None,
        actions: ActionKind::ALL.into(),
        validation_timeout: Duration::from_millis(400),
        reach: Reach::default(),
    }
}

/// A call that a test holds back may run out of its own time where the machine is slow. Then nobody has slept through
/// anything, and what is to be shown is tried anew.
pub(crate) async fn within_a_call<T>(attempt: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..5 {
        if let Some(shown) = attempt().await {
            return shown;
        }
    }
    panic!("five times what was to happen within one call took longer than it");
}

/// For what is to wait for its effect, however slow the machine is.
pub(crate) fn patient() -> Settings {
    Settings { validation_timeout: Duration::from_secs(3_600), ..settings() }
}

pub(crate) fn web_pod() -> Target {
    target("v1", "Pod", "shop", "web-6d4cf56db6-x2x7p")
}

pub(crate) fn target(api_version: &str, kind: &str, namespace: &str, name: &str) -> Target {
    Target { api_version: api_version.into(), kind: kind.into(), namespace: Some(namespace.into()), name: name.into(), uid: None }
}

pub(crate) fn automatic(target: Target, action: Action) -> RemediationSpec {
    RemediationSpec { target: Some(target), action: Some(action), mode: Some(Mode::Automatic), ..RemediationSpec::default() }
}

pub(crate) fn proposal(target: Target, action: Action) -> RemediationSpec {
    RemediationSpec { mode: Some(Mode::Propose), ..automatic(target, action) }
}

/// Runs at once, also what cannot be undone.
pub(crate) fn unattended(target: Target, action: Action) -> RemediationSpec {
    RemediationSpec { mode: Some(Mode::AutomaticIrreversible), ..automatic(target, action) }
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn label(pairs: &[(&str, &str)]) -> Action {
    Action::Label(LabelAction { labels: texts(pairs) })
}

pub(crate) fn annotate(pairs: &[(&str, &str)]) -> Action {
    Action::Annotate(AnnotateAction { annotations: texts(pairs) })
}

pub(crate) fn set_image(containers: &[(&str, &str)], init_containers: &[(&str, &str)]) -> Action {
    Action::SetImage(SetImageAction { containers: texts(containers), init_containers: texts(init_containers) })
}

pub(crate) fn restart() -> Action {
    Action::Restart(RestartAction {})
}

pub(crate) fn suspend() -> Action {
    Action::Suspend(SuspendAction {})
}

pub(crate) fn delete_pod() -> Action {
    Action::DeletePod(DeletePodAction {})
}

pub(crate) fn evict() -> Action {
    Action::Evict(EvictAction {})
}

pub(crate) fn apply(manifest: &Value) -> Action {
    Action::Apply(ApplyAction { manifest: manifest.to_string() })
}

pub(crate) fn cordon() -> Action {
    Action::Cordon(CordonAction {})
}

pub(crate) fn quarantine() -> Action {
    Action::NetworkQuarantine(NetworkQuarantineAction {})
}

pub(crate) fn scale(replicas: i32) -> Action {
    Action::Scale(ScaleAction { replicas })
}

pub(crate) fn reason(remediation: &ZenAgentRemediation) -> &str {
    remediation.status.as_ref().and_then(|status| status.reason.as_deref()).unwrap_or_default()
}

pub(crate) fn message(remediation: &ZenAgentRemediation) -> &str {
    remediation.status.as_ref().and_then(|status| status.message.as_deref()).unwrap_or_default()
}

/// A condition's status and reason.
pub(crate) fn condition<'a>(remediation: &'a ZenAgentRemediation, type_: &str) -> (&'a str, &'a str) {
    remediation.condition(type_).map_or(("", ""), |condition| (condition.status.as_str(), condition.reason.as_str()))
}

pub(crate) fn attempts(remediation: &ZenAgentRemediation, step: StepName) -> i32 {
    remediation.step(step).map_or(0, |step| step.attempts)
}

/// What happens to a call: it passes, or it is answered with this status code instead.
pub(crate) type Tap = Arc<dyn Fn(http::Method, String) -> BoxFuture<'static, Option<u16>> + Send + Sync>;

/// A client whose calls pass a tap first, but for those that are only tried.
pub(crate) fn tapped(client: Client, tap: Tap) -> Client {
    tapped_if(client, tap, |is_tried| !is_tried)
}

/// A client of which the calls pass a tap first that are only tried.
pub(crate) fn tapped_trials(client: Client, tap: Tap) -> Client {
    tapped_if(client, tap, |is_tried| is_tried)
}

fn tapped_if(client: Client, tap: Tap, is_meant: fn(bool) -> bool) -> Client {
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, tap) = (client.clone(), tap.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await?;
            // Deletions say so in the body.
            let tried = |text: &str| text.contains("dryRun=All") || text.contains(r#""dryRun":["All"]"#);
            let is_tried = parts.uri.query().is_some_and(tried) || std::str::from_utf8(&body).is_ok_and(tried);
            let answer = if is_meant(is_tried) { tap(parts.method.clone(), parts.uri.path().to_owned()).await } else { None };
            match answer {
                None => client.send(http::Request::from_parts(parts, Body::from(body.to_vec()))).await.map_err(tower::BoxError::from),
                Some(code) => Ok(refused(code)),
            }
        }
    });
    Client::new(service, "default")
}

pub(crate) fn refused(code: u16) -> http::Response<Body> {
    let reason = if code == 403 { "Forbidden" } else { "InternalError" };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": "the tap refuses it",
    });
    http::Response::builder().status(code).body(Body::from(status.to_string().into_bytes())).unwrap()
}

/// Reviews of access are posted, and write nothing.
pub(crate) fn is_write(method: &http::Method, path: &str) -> bool {
    method != http::Method::GET && !path.ends_with("accessreviews")
}
