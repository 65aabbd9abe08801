//! An unmodified kubectl does the same on the embedded server as on a real one, and prints the same.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use controlplane::ControlPlane;
use embedded_kube::{EmbeddedKube, Options};
use serde_json::{Value, json};

use crate::support::DEADLINE;

const DEFINITION: &str = include_str!("../../../../generated/crd.yaml");
const NAMESPACE: &str = "kubectl";

/// The embedded server on a port, beside the real one.
struct Servers {
    embedded: String,
    folder: tempfile::TempDir,
}

impl Servers {
    async fn start() -> Self {
        tokio::task::spawn_blocking(ControlPlane::shared).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let kube = EmbeddedKube::open(&folder.path().join("store"), Options::default()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let embedded = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { kube.serve(listener, std::future::pending()).await });
        Self { embedded, folder }
    }

    fn real(&self, arguments: &[&str]) -> Command {
        let mut kubectl = ControlPlane::shared().kubectl();
        kubectl.args(["--namespace", NAMESPACE]).args(arguments);
        kubectl
    }

    fn embedded(&self, arguments: &[&str]) -> Command {
        let mut kubectl = ControlPlane::shared().kubectl();
        kubectl.env("KUBECONFIG", "/dev/null").env("KUBECACHEDIR", self.folder.path().join("cache"));
        kubectl.args(["--server", &self.embedded, "--namespace", NAMESPACE]).args(arguments);
        kubectl
    }

    /// Runs a command on both; what both printed, once what differs by nature is taken away.
    async fn same(&self, arguments: &[&str], input: &str) -> String {
        let (real, embedded) = (said(self.real(arguments), input).await, said(self.embedded(arguments), input).await);
        assert_eq!(embedded, real, "kubectl {}: embedded, and real", arguments.join(" "));
        real
    }
}

/// What a command printed, and whether it failed.
async fn said(mut command: Command, input: &str) -> String {
    let input = input.to_owned();
    let running = tokio::task::spawn_blocking(move || {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = tokio::time::timeout(3 * DEADLINE, running).await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    let code = output.status.code().unwrap();
    let lines: Vec<String> = text.lines().filter(|line| !is_of_the_server(line)).map(plain).collect();
    format!("{}{}", lines.join("\n"), if code == 0 { String::new() } else { format!("\nexit code {code}") })
}

/// What a command printed, as JSON.
async fn read(command: Command) -> Value {
    serde_json::from_str(&said(command, "").await).unwrap()
}

/// Lines that no two servers share.
fn is_of_the_server(line: &str) -> bool {
    let line = line.trim_start();
    ["uid:", "UID:", "resourceVersion:", "Resource Version:", "creationTimestamp:", "Creation Timestamp:"]
        .iter()
        .any(|start| line.starts_with(start))
}

/// Without ages, and the room that they take.
fn plain(line: &str) -> String {
    let words = line.split_whitespace().map(|word| if is_age(word) { "AGE" } else { word });
    let indent: String = line.chars().take_while(|char| char.is_whitespace()).collect();
    indent + &words.collect::<Vec<_>>().join(" ")
}

/// Such as `5s`, `2m5s` and `15m`: kubectl leaves out what is too fine for so long a time.
fn is_age(word: &str) -> bool {
    let mut numbers = word.split_inclusive(['s', 'm', 'h']).map(|part| part.trim_end_matches(['s', 'm', 'h']).parse::<u32>());
    word.ends_with(['s', 'm', 'h']) && numbers.all(|number| number.is_ok())
}

fn definition() -> String {
    // Other tests have that definition too, and what is short must not be theirs.
    DEFINITION.replace("zen.kube-zen.io", "kubectl.example.com").replace("- zar", "- kzar")
}

fn remediation(name: &str, spec: Value) -> String {
    json!({"apiVersion": "kubectl.example.com/v1", "kind": "ZenAgentRemediation", "metadata": {"name": name}, "spec": spec}).to_string()
}

fn config_map(name: &str) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}}).to_string()
}

const CRD: &str = "customresourcedefinition.apiextensions.k8s.io/zenagentremediations.kubectl.example.com";

async fn prepared() -> Servers {
    let servers = Servers::start().await;
    servers
        .same(&["create", "-f", "-"], &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}).to_string())
        .await;
    assert_eq!(servers.same(&["apply", "-f", "-"], &definition()).await, format!("{CRD} created"));
    servers.same(&["wait", "--for=condition=Established", CRD], "").await;
    servers
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_does_and_prints_the_same_on_both() {
    let servers = prepared().await;
    let spec = json!({"rule": "r", "severity": "high", "action": {"scale": {"replicas": 0}},
                      "target": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web"}});

    // Custom objects: what apply does with them, and what is shown of them.
    let apply = async |spec: &Value| servers.same(&["apply", "-f", "-"], &remediation("one", spec.clone())).await;
    assert!(apply(&spec).await.ends_with("/one created"));
    assert!(apply(&spec).await.ends_with("/one unchanged"));
    let mut changed = spec.clone();
    changed["severity"] = "low".into();
    assert!(apply(&changed).await.ends_with("/one configured"));
    changed["action"]["scale"]["replicas"] = 1.into();
    let refused = apply(&changed).await;
    assert!(refused.contains("spec.action: Invalid value: \"object\": action does not change"), "{refused}");
    let stray = servers.same(&["create", "-f", "-"], &remediation("two", json!({"stray": 1}))).await;
    assert!(stray.contains("strict decoding error: unknown field \"spec.stray\""), "{stray}");

    let table = servers.same(&["get", "kzar"], "").await;
    assert_eq!(table, "NAME STATUS SEVERITY RULE TARGET REASON AGE\none pending low r web AGE");
    for form in ["wide", "name", "jsonpath={.items[0].status.phase}", "custom-columns=A:.metadata.name,B:.spec.rule"] {
        servers.same(&["get", "zenagentremediations.kubectl.example.com", "-o", form], "").await;
    }
    servers.same(&["get", "kzar", "one", "-o", "yaml"], "").await;
    let [real, embedded] = [servers.real(&["get", "kzar", "one", "-o", "json"]), servers.embedded(&["get", "kzar", "one", "-o", "json"])];
    let (real, embedded): (Value, Value) = (read(real).await, read(embedded).await);
    assert_eq!(
        (&embedded["spec"], &embedded["status"], embedded["kind"].as_str()),
        (&real["spec"], &real["status"], real["kind"].as_str())
    );
    servers.same(&["get", "kzar", "--field-selector", "status.phase=failed"], "").await;
    servers.same(&["get", "kzar", "absent"], "").await;
    servers.same(&["get", "nonsense"], "").await;
    servers.same(&["describe", "kzar", "one"], "").await.find("Phase:").unwrap();
    servers.same(&["explain", "kzar.spec.action.scale", "--api-version=kubectl.example.com/v1"], "").await.find("replicas").unwrap();
    servers.same(&["api-resources", "--api-group=kubectl.example.com"], "").await;
    servers.same(&["patch", "kzar", "one", "--subresource=status", "--type=merge", "-p", r#"{"status":{"phase":"failed"}}"#], "").await;
    servers.same(&["wait", "kzar/one", "--for=jsonpath={.status.phase}=failed", "--timeout=60s"], "").await;

    // Built-in ones.
    servers.same(&["create", "-f", "-"], &config_map("one")).await;
    servers.same(&["create", "-f", "-"], &config_map("one")).await;
    servers.same(&["label", "configmap", "one", "app=web"], "").await;
    servers.same(&["label", "configmap", "one", "app=db"], "").await;
    servers.same(&["annotate", "configmap", "one", "note=x"], "").await;
    servers.same(&["patch", "configmap", "one", "--type=json", "-p", r#"[{"op":"add","path":"/data/c","value":"d"}]"#], "").await;
    servers.same(&["patch", "configmap", "one", "--type=json", "-p", r#"[{"op":"test","path":"/data/c","value":"e"}]"#], "").await;
    servers.same(&["patch", "configmap", "one", "--type=merge", "-p", r#"{"data":{"a":null}}"#], "").await;
    assert_eq!(servers.same(&["get", "configmap", "one", "-o", "jsonpath={.data}"], "").await, r#"{"c":"d"}"#);
    servers.same(&["get", "configmap", "-l", "app=web"], "").await;
    servers.same(&["get", "configmap,kzar", "--show-labels"], "").await;
    servers.same(&["create", "-f", "-"], &json!(crate::support::deployment("web")).to_string()).await;
    servers.same(&["scale", "deployment", "web", "--replicas=3"], "").await;
    servers.same(&["get", "deployments"], "").await.find("0/3").unwrap();
    servers.same(&["get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"], "").await;
    servers.same(&["create", "-f", "-", "--dry-run=server", "-o", "name"], &config_map("two")).await;
    servers.same(&["get", "configmap", "two"], "").await;

    // Deletion.
    servers.same(&["delete", "configmap", "one", "absent"], "").await;
    servers.same(&["delete", "deployment", "web", "--cascade=foreground"], "").await;
    servers.same(&["delete", "kzar", "--all", "--cascade=foreground"], "").await;
    assert_eq!(servers.same(&["get", "kzar,deploy"], "").await, "No resources found in kubectl namespace.");

    // What is lacking is refused in so many words.
    servers.same(&["create", "-f", "-"], &config_map("three")).await;
    // kubectl writes this in Protocol Buffers.
    let generated = said(servers.embedded(&["create", "configmap", "four"]), "").await;
    assert!(generated.contains("accepted media types include: application/json"), "{generated}");
    let strategic = said(servers.embedded(&["patch", "configmap", "three", "-p", r#"{"data":{"a":"b"}}"#]), "").await;
    assert!(strategic.contains("accepted media types include: application/json-patch+json, application/merge-patch+json"), "{strategic}");
    let namespace = said(servers.embedded(&["delete", "namespace", NAMESPACE, "--wait=false"]), "").await;
    assert!(namespace.contains("MethodNotAllowed") || namespace.contains("does not allow this method"), "{namespace}");
    watched(&servers).await;
}

/// `get --watch` shows what is there and what comes.
async fn watched(servers: &Servers) {
    let mut watching = Watching::start(servers.embedded(&["get", "kzar", "--watch"]));
    said(servers.embedded(&["create", "-f", "-"]), &remediation("first", json!({"rule": "r"}))).await;
    assert_eq!(watching.next(), "NAME STATUS SEVERITY RULE TARGET REASON AGE");
    assert_eq!(watching.next(), "first pending r AGE");
    said(servers.embedded(&["patch", "kzar", "first", "--type=merge", "-p", r#"{"spec":{"severity":"high"}}"#]), "").await;
    assert_eq!(watching.next(), "first pending high r AGE");
    watching.0.kill().unwrap();
    watching.0.wait().unwrap();
}

struct Watching(Child, mpsc::Receiver<String>);

impl Watching {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(plain(&line)))));
        Self(child, told)
    }

    fn next(&self) -> String {
        self.1.recv_timeout(DEADLINE).unwrap()
    }
}
