//! Two replicas of a served agent, the Kubernetes API under it, and what callers of two tenants need.

use std::{io, net::SocketAddr, process::Command, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use embedded_kube::{EmbeddedKube, Options};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_util::sync::{CancellationToken, DropGuard};
use zen_agent::remediation::{ZenAgentRemediation, crd};

use crate::{
    agent::{Agent, DEADLINE},
    mint::{self, Ca, Draft, Leaf, TokenKey},
};

pub(crate) const NAMESPACE: &str = "zen-agent";

/// Whose a caller or an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenant {
    /// The agent's own, which owns what names no tenant, too.
    Own,
    /// One of the others that it serves.
    Guest,
}

impl Tenant {
    pub(crate) const ALL: [Self; 2] = [Self::Own, Self::Guest];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Own => mint::TENANT,
            Self::Guest => "umbrella",
        }
    }

    const fn secret(self) -> (&'static str, [u8; 32]) {
        match self {
            Self::Own => (mint::KID, mint::SECRET),
            Self::Guest => ("k-umbrella", [9; 32]),
        }
    }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// As it came, after the headers.
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The problem's code, or nothing.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) struct Ground {
    addresses: [SocketAddr; 2],
    pub(crate) ca: Ca,
    pub(crate) key: TokenKey,
    /// The certificates of the tenants' callers.
    pub(crate) callers: [Leaf; 2],
    client: Client,
    _replicas: [Agent; 2],
    _serving: DropGuard,
    _folder: TempDir,
}

impl Ground {
    /// Served, with a policy that has a person decide on everything.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        // 1. The Kubernetes API.
        let kube = EmbeddedKube::open(&folder.path().join("kubernetes"), Options::default()).unwrap();
        for namespace in [NAMESPACE, "shop"] {
            kube.seed(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } })).await.unwrap();
        }
        kube.seed(serde_json::to_value(crd()).unwrap()).await.unwrap();
        kube.seed(json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "web", "namespace": "shop" } }))
            .await
            .unwrap();
        let client = kube.client(NAMESPACE);
        let (listener, stop) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), CancellationToken::new());
        let kubeconfig = file(
            "kubeconfig",
            &json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "test",
                "clusters": [{ "name": "test", "cluster": { "server": format!("http://{}", listener.local_addr().unwrap()) } }],
                "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "anybody", "namespace": NAMESPACE } }],
                "users": [{ "name": "anybody", "user": {} }],
            })
            .to_string(),
        );
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move { kube.serve(listener, stopped).await.unwrap() });
        // 2. Keys.
        let (ca, key) = (Ca::new("ca"), TokenKey::es256());
        let server = ca.server();
        let secrets = Tenant::ALL.map(|tenant| {
            let (kid, secret) = tenant.secret();
            format!("{}: {{ {kid}: whsec_{} }}\n", tenant.name(), BASE64_STANDARD.encode(secret))
        });
        let settings = [
            ("KUBECONFIG", kubeconfig),
            ("TLS_CERT_FILE", file("tls.crt", &server.cert)),
            ("TLS_KEY_FILE", file("tls.key", &server.key)),
            ("TLS_CLIENT_CA_FILE", file("ca.crt", &ca.pem)),
            ("JWT_KEY_FILES", file("jwt.pub", &key.public_pem)),
            ("HMAC_KEYS_FILE", file("hmac.yaml", &secrets.concat())),
            ("POLICY_FILE", file("policy.yaml", POLICY)),
        ];
        // 3. The agent, twice.
        let replicas = [&settings, &settings].map(|settings| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
            command
                .arg("serve")
                .envs(settings.iter().map(|(name, path)| (name, path)))
                .envs([("JWT_ISSUER", mint::ISSUER), ("JWT_AUDIENCE", mint::AUDIENCE), ("REQUESTS_PER_SECOND", "10000")])
                .envs([("TENANT_ID", mint::TENANT), ("CLUSTER_ID", mint::CLUSTER), ("REMEDIATION_NAMESPACE", NAMESPACE)])
                .envs([("LISTEN", "127.0.0.1:0"), ("ADMIN_LISTEN", "127.0.0.1:0"), ("LOG_LEVEL", "error"), ("LOG_FORMAT", "pretty")]);
            tokio::task::spawn_blocking(move || Agent::start(command))
        });
        let [first, second] = replicas;
        let replicas = [first.await.unwrap(), second.await.unwrap()];
        let callers = Tenant::ALL.map(|tenant| ca.client(mint::CLUSTER, tenant.name()));
        let addresses = replicas.each_ref().map(|agent| agent.api.trim_start_matches("https://").parse().unwrap());
        Self { addresses, ca, key, callers, client, _replicas: replicas, _serving: stop.drop_guard(), _folder: folder }
    }

    /// A request of a caller in this role, before it is signed.
    pub(crate) fn draft(tenant: Tenant, role: &str) -> Draft {
        let (now, (kid, secret)) = (jiff::Timestamp::now().as_second(), tenant.secret());
        let mut draft = Draft { timestamp: now, tenant: tenant.name().into(), kid: kid.into(), secret, ..Draft::new() };
        draft.request_id = uuid::Uuid::now_v7().to_string();
        for (claim, value) in
            [("tenant_id", json!(tenant.name())), ("role", json!(role)), ("nbf", json!(now - 60)), ("exp", json!(now + 600))]
        {
            draft.claims[claim] = value;
        }
        draft
    }

    /// What is answered to a request, signed, of the caller of this tenant.
    pub(crate) async fn ask(&self, tenant: Tenant, draft: Draft) -> Answer {
        let answer = self.exchange(0, Some(&self.callers[tenant as usize]), &draft.sent(&self.key).http1()).await;
        answer.expect("a caller's request is answered")
    }

    /// What a replica answers to bytes on a connection with this certificate; an error where the connection ends without an answer.
    pub(crate) async fn exchange(&self, replica: usize, client: Option<&Leaf>, bytes: &[u8]) -> io::Result<Answer> {
        timeout(DEADLINE, self.exchange_in_time(replica, client, bytes)).await.expect("an answer in time")
    }

    async fn exchange_in_time(&self, replica: usize, client: Option<&Leaf>, bytes: &[u8]) -> io::Result<Answer> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.pem.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some(leaf) => {
                let chain = vec![CertificateDer::from_pem_slice(leaf.cert.as_bytes()).unwrap()];
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap()).unwrap()
            }
        };
        let socket = TcpStream::connect(self.addresses[replica]).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
        // Whoever is refused early may find the connection closed while it still writes, and the answer is there all the same.
        let written = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        let Some((head, text)) = answer.split_once("\r\n\r\n") else {
            return Err(written.and(read.map(drop)).err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()));
        };
        Ok(Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), text: text.to_owned() })
    }

    pub(crate) fn objects(&self) -> Api<ZenAgentRemediation> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// A remediation of this tenant, in this phase.
    pub(crate) async fn create(&self, name: &str, tenant: Tenant, phase: &str) {
        let object = json!({
            "apiVersion": "zen.kube-zen.io/v1", "kind": "ZenAgentRemediation",
            "metadata": { "name": name, "labels": { "zen.kube-zen.io/tenant": tenant.name() } },
            "spec": {
                "source": "falco", "rule": "a rule", "severity": "high", "mode": "propose", "remediationId": name,
                "eventTime": "2026-01-01T00:00:00.000000Z", "action": { "label": { "labels": { "example.com/seen": "yes" } } },
                "target": { "apiVersion": "v1", "kind": "ServiceAccount", "namespace": "shop", "name": "web" },
            },
        });
        self.objects().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
        // Old enough for a cleanup, and too young for retention, which a new leader begins with.
        let ended = json!(MicroTime(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(2)));
        let status = match phase {
            "pending" => return,
            "failed" => json!({ "phase": phase, "reason": "TargetNotFound", "completedAt": ended, "updatedAt": ended }),
            _ => json!({ "phase": phase, "completedAt": ended, "updatedAt": ended }),
        };
        let patch = Patch::Merge(json!({ "status": status }));
        self.objects().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }
}

const POLICY: &str = r#"
rules: []
default: { mode: propose, action: { label: { labels: { example.com/seen: "yes" } } } }
guardrails: { budget: "off", cooldown: "off", recurrence: "off", shortCircuit: "off", minHealthyReplicas: "off", staleness: "off" }
"#;
