//! A release of the chart on the real API server, and the agent running as its pod would: with its environment, its
//! files, and the token of its service account.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use controlplane::ControlPlane;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use zen_agent::{
    client::{Client, Credentials, Retries},
    dev::{CLUSTER, TENANT, credentials},
};

use crate::{ground::allowed, helm};

/// How long anything that a test waits for may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// What the chart rendered, applied.
pub(crate) struct Release {
    pub(crate) namespace: String,
    control: &'static ControlPlane,
    objects: Vec<Value>,
    state: TempDir,
}

impl Release {
    /// Installs the chart into a namespace that takes restricted pods only.
    pub(crate) async fn install(control: &'static ControlPlane, namespace: &str, values: &Value) -> Self {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join("values.yaml");
        let mut all = json!({
            "config": { "TENANT_ID": TENANT, "CLUSTER_ID": CLUSTER, "JWT_ISSUER": credentials::ISSUER, "LOG_LEVEL": "debug" },
            "fullnameOverride": namespace,
        });
        all.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
        std::fs::write(&file, all.to_string()).unwrap();
        let objects = helm::release(namespace, &file);
        let restricted = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": namespace, "labels": {
                "pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted",
            } },
        });
        let release = Self { namespace: namespace.to_owned(), control, objects, state };
        release.apply(&[restricted]);
        release.apply(&release.objects);
        release.until_granted().await;
        release
    }

    /// Waits until the server goes by each rule of each role: it looks at them a moment after they are stored.
    async fn until_granted(&self) {
        let agent = controlplane::client(&self.kubeconfig()).await;
        let begun = Instant::now();
        let roles = self.objects.iter().filter(|object| matches!(object["kind"].as_str(), Some("Role" | "ClusterRole")));
        for (role, rule) in roles.flat_map(|role| role["rules"].as_array().into_iter().flatten().map(move |rule| (role, rule))) {
            let first = |of: &str| rule[of][0].as_str().unwrap_or_default();
            let name = rule["resourceNames"][0].as_str().map_or(String::new(), |name| format!("#{name}"));
            let namespace = role["metadata"]["namespace"].as_str().map_or(String::new(), |namespace| format!(" {namespace}"));
            let granted = format!("{} {}:{}{name}{namespace}", first("verbs"), first("apiGroups"), first("resources"));
            while !allowed(&agent, &granted).await {
                assert!(begun.elapsed() < DEADLINE, "the server does not go by this: {granted}");
                tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
            }
        }
    }

    fn apply(&self, objects: &[Value]) {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        // The custom resource's definition takes long to be served when it is applied together with its objects: none are.
        self.kubectl(&["apply", "-f", "-"], &list);
    }

    /// Runs kubectl as the administrator; a warning of the server is a failure as well.
    pub(crate) fn kubectl(&self, arguments: &[&str], input: &Value) -> String {
        let Output { status, stdout, stderr } = pipe(self.control.kubectl().args(arguments), &input.to_string());
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success() && !stderr.contains("Warning"), "kubectl {arguments:?}: {stderr}");
        String::from_utf8(stdout).unwrap()
    }

    /// The pod that the chart's Deployment would start.
    pub(crate) fn pod(&self) -> Value {
        let deployment = self.objects.iter().find(|object| object["kind"] == "Deployment").unwrap();
        let template = &deployment["spec"]["template"];
        let (mut metadata, spec) = (template["metadata"].clone(), &template["spec"]);
        metadata["name"] = "as-deployed".into();
        metadata["namespace"] = self.namespace.as_str().into();
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec })
    }

    /// The kubeconfig of the chart's service account, with a token of its own.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        let name = self.pod()["spec"]["serviceAccountName"].as_str().unwrap().to_owned();
        let token = self.kubectl(&["create", "token", &name, "--namespace", &self.namespace], &Value::Null);
        let mut config: Value = serde_yaml_ng::from_slice(&std::fs::read(self.control.kubeconfig()).unwrap()).unwrap();
        config["users"][0]["user"] = json!({ "token": token.trim() });
        let file = self.state.path().join("kubeconfig");
        std::fs::write(&file, config.to_string()).unwrap();
        file
    }

    /// Starts the agent with the environment of the pod, changed by `env`, and waits until it is ready.
    pub(crate) fn start(&self, env: &[(&str, &str)]) -> Agent {
        let made = credentials::Credentials::prepare(self.state.path(), "", Timestamp::now()).unwrap();
        let mount = self.state.path().join("mounts");
        let file = |name: &str, content: &[u8]| {
            let file = mount.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, content).unwrap();
        };
        let read = |path: PathBuf| std::fs::read(path).unwrap();
        file("tls/tls.crt", &read(made.server.join("tls.crt")));
        file("tls/tls.key", &read(made.server.join("tls.key")));
        file("client-ca/ca.crt", &read(made.client.join("ca.crt")));
        file("jwt/jwt.pub", &read(made.server.join("jwt.pub")));
        let secret = String::from_utf8(read(made.client.join("hmac.key"))).unwrap();
        file("hmac/keys.yaml", json!({ TENANT: { credentials::HMAC_KID: secret.trim() } }).to_string().as_bytes());
        let policy = self.objects.iter().find(|object| object["kind"] == "ConfigMap");
        file("policy/policy.yaml", policy.map_or("", |policy| policy["data"]["policy.yaml"].as_str().unwrap()).as_bytes());
        let mut command = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
        command.arg("serve").env_clear().env("KUBECONFIG", self.kubeconfig());
        for one in self.pod()["spec"]["containers"][0]["env"].as_array().unwrap() {
            let value = one["value"].as_str().unwrap().replace("/etc/zen-agent", mount.to_str().unwrap());
            command.env(one["name"].as_str().unwrap(), value);
        }
        command.env("LISTEN", "127.0.0.1:0").env("ADMIN_LISTEN", "127.0.0.1:0").envs(env.iter().copied());
        Agent::start(&mut command, &made.client)
    }
}

/// A running agent; killed when dropped.
pub(crate) struct Agent {
    child: Child,
    log: thread::JoinHandle<String>,
    pub(crate) client: Client,
}

impl Agent {
    fn start(command: &mut Command, credentials: &Path) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (send, ready) = mpsc::channel();
        let read = move |source: Box<dyn std::io::Read + Send>, send: Option<mpsc::Sender<String>>| {
            let mut all = String::new();
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                if let (Some(send), true) = (&send, line.starts_with("ready ")) {
                    drop(send.send(line.clone()));
                }
                all.push_str(&line);
                all.push('\n');
            }
            all
        };
        let log = thread::spawn(move || {
            let errors = thread::spawn(move || read(Box::new(stderr), None));
            let lines = read(Box::new(stdout), Some(send));
            lines + &errors.join().unwrap()
        });
        let Ok(line) = ready.recv_timeout(DEADLINE) else {
            drop(child.kill());
            drop(child.wait());
            panic!("the agent does not get ready:\n{}", log.join().unwrap());
        };
        let api = line.split_whitespace().find_map(|word| word.strip_prefix("api=")).unwrap();
        let client = Client::new(&Credentials::read(credentials).unwrap(), api, Retries::Never).unwrap();
        Self { child, log, client }
    }

    /// SIGTERM; what it wrote to its log until it had ended by itself.
    pub(crate) fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < DEADLINE, "it does not end");
            thread::sleep(Duration::from_millis(20)); // pacing of a poll with a deadline
        };
        assert!(status.success(), "{status}");
        let log = std::mem::replace(&mut self.log, thread::spawn(String::new));
        log.join().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn pipe(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feed = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    // A program that reads no input closes it.
    drop(feed.join());
    output
}
