//! Settings as people write them: text, all of it optional.

use std::{fs, path::Path};

use clap::Args;
use serde::Serialize;
use serde_yaml_ng::{Mapping, Value};

use super::ConfigErrors;

/// The actions that are on where nobody says which: those that are undone where they do not help, on objects in
/// namespaces. What cannot be undone (restart, delete-pod, evict), what all namespaces share (cordon), and what takes manifests
/// (apply) is asked for.
pub const ENABLED_ACTIONS: &str = "label,annotate,network-quarantine,scale,set-image,suspend";

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $env:literal = $default:expr;)+) => {
        /// Every setting, as text; the file's keys are the field names, the flags the same with dashes.
        #[derive(Args, Default, Clone, Serialize)]
        pub struct Settings {
            $($(#[doc = $doc])+
            #[arg(long, env = $env, hide_env_values = true, value_name = "VALUE")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $name: Option<String>,)+
        }

        impl Settings {
            /// Fills what is absent here from `lower`.
            #[must_use]
            pub fn over(self, lower: Self) -> Self {
                Self { $($name: self.$name.or(lower.$name),)+ }
            }

            /// Sets one by its name, or says that there is none of it.
            fn set(&mut self, name: &str, text: String) -> Result<(), &'static str> {
                match name {
                    $(stringify!($name) => self.$name = Some(text),)+
                    _ => return Err("no such setting"),
                }
                Ok(())
            }

            /// The defaults; an empty one means absent.
            pub fn defaults() -> Self {
                Self { $($name: (!$default.is_empty()).then(|| $default.to_owned()),)+ }
            }
        }
    };
}

settings! {
    /// Address of the API.
    listen: "LISTEN" = "0.0.0.0:8443";
    /// Address of health and metrics; METRICS_PORT alone changes only the port.
    admin_listen: "ADMIN_LISTEN" = "";
    /// Port of health and metrics on all addresses.
    metrics_port: "METRICS_PORT" = "9090";
    /// PEM file with the API's certificate chain.
    tls_cert_file: "TLS_CERT_FILE" = "";
    /// PEM file with the API's private key.
    tls_key_file: "TLS_KEY_FILE" = "";
    /// PEM file with the CA of client certificates.
    tls_client_ca_file: "TLS_CLIENT_CA_FILE" = "";
    /// PEM file with lists of revoked client certificates, one of each CA; none are looked for when absent.
    tls_client_crl_file: "TLS_CLIENT_CRL_FILE" = "";
    /// Tenant that owns objects without a tenant label, and whose key HMAC_SECRET is.
    tenant_id: "TENANT_ID" = "";
    /// Cluster that events must name.
    cluster_id: "CLUSTER_ID" = "";
    /// Key id of HMAC_SECRET.
    hmac_key_id: "HMAC_KEY_ID" = "";
    /// The tenant's HMAC secret: whsec_ and base64 of at least 32 bytes.
    hmac_secret: "HMAC_SECRET" = "";
    /// YAML file with the HMAC secrets of all tenants: tenant → key id → secret.
    hmac_keys_file: "HMAC_KEYS_FILE" = "";
    /// The accepted issuer of tokens.
    jwt_issuer: "JWT_ISSUER" = "";
    /// The accepted audience of tokens.
    jwt_audience: "JWT_AUDIENCE" = "zen-agent";
    /// Comma-separated files with the keys of tokens: PEM public keys or JWKS.
    jwt_key_files: "JWT_KEY_FILES" = "";
    /// Namespace of remediations made from events.
    remediation_namespace: "REMEDIATION_NAMESPACE" = "zen-agent";
    /// The one namespace to watch; all when absent.
    watch_namespace: "WATCH_NAMESPACE" = "";
    /// Concurrent workers.
    worker_pool_size: "WORKER_POOL_SIZE" = "5";
    /// Items that may wait for a worker; twice the workers when absent.
    worker_max_queue_size: "WORKER_MAX_QUEUE_SIZE" = "";
    /// How often every remediation is looked at again.
    informer_resync_period: "INFORMER_RESYNC_PERIOD" = "10m";
    /// Age at which terminal remediations are deleted.
    retention_max_age: "RETENTION_MAX_AGE" = "7d";
    /// How often retention runs.
    retention_interval: "RETENTION_INTERVAL" = "1h";
    /// How long an action's effect may take to show.
    validation_timeout: "VALIDATION_TIMEOUT" = "5m";
    /// Comma-separated actions that may be carried out, of those that `zen-agent rbac --help` lists.
    enabled_actions: "ENABLED_ACTIONS" = ENABLED_ACTIONS;
    /// Policy file, of which a change holds within seconds; the built-in policy, which only proposes, when absent.
    policy_file: "POLICY_FILE" = "";
    /// Address of the SaaS that is told what becomes of remediations: https://HOST:PORT; nobody is told when absent.
    saas_api_base: "SAAS_API_BASE" = "";
    /// Folder with the agent's credentials at the SaaS, of the tenant TENANT_ID: tls.crt, tls.key, token, hmac.key, hmac.kid,
    /// tenant, and ca.crt unless TLS_CA_FILE is set. They are read anew every minute.
    saas_credentials_dir: "SAAS_CREDENTIALS_DIR" = "";
    /// PEM file with the CA of the SaaS's certificate.
    tls_ca_file: "TLS_CA_FILE" = "";
    /// Folder, of this replica alone, of what is to be told to the SaaS and of dead letters.
    spool_dir: "SPOOL_DIR" = "";
    /// Comma-separated origins that `http` probes may call, such as `https://status.example.com`, and `services` for the Services
    /// of the target's namespace; none when absent.
    probe_http_origins: "PROBE_HTTP_ORIGINS" = "";
    /// Address of the Prometheus that `prometheus` probes ask; none may be asked when absent.
    prometheus_url: "PROMETHEUS_URL" = "";
    /// File with a token for Prometheus, read for each query.
    prometheus_token_file: "PROMETHEUS_TOKEN_FILE" = "";
    /// PEM file with the CA of what probes call by https.
    probe_ca_file: "PROBE_CA_FILE" = "";
    /// Bytes of a request body; all bodies together may take 36 times as much memory.
    max_body_bytes: "MAX_BODY_BYTES" = "10485760";
    /// Open connections.
    max_connections: "MAX_CONNECTIONS" = "1024";
    /// Requests a second of one client certificate.
    requests_per_second: "REQUESTS_PER_SECOND" = "200";
    /// Remediations that one tenant may have stored.
    max_remediations_per_tenant: "MAX_REMEDIATIONS_PER_TENANT" = "100000";
    /// Log filter: error, warn, info, debug, trace, or per module.
    log_level: "LOG_LEVEL" = "info";
    /// json or pretty.
    log_format: "LOG_FORMAT" = "json";
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Settings {
    /// Reads a YAML file of settings: those that could be read, and what is wrong with the others.
    /// Texts, numbers and booleans may be written as YAML has them.
    ///
    /// # Errors
    /// When it cannot be read, or is no YAML of that form.
    pub fn from_file(path: &Path) -> Result<(Self, Vec<String>), ConfigErrors> {
        let wrong = |why: String| ConfigErrors(vec![format!("{}: {why}", path.display())]);
        let text = fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        // A YAML error can quote what it stands at, so only its place is told.
        let mapping: Option<Mapping> = serde_yaml_ng::from_str(&text).map_err(|error| match error.location() {
            Some(at) => wrong(format!("line {}, column {}: not YAML of the form `setting: value`", at.line(), at.column())),
            None => wrong("not YAML of the form `setting: value`".to_owned()),
        })?;
        let (mut settings, mut mistakes) = (Self::default(), Vec::new());
        for (name, value) in mapping.unwrap_or_default() {
            let Some(name) = name.as_str() else {
                mistakes.push(format!("{}: a setting's name is a text", path.display()));
                continue;
            };
            let text = match value {
                Value::Null => Ok(String::new()),
                Value::String(text) => Ok(text),
                Value::Number(number) => Ok(number.to_string()),
                Value::Bool(value) => Ok(value.to_string()),
                _ => Err("neither a text, a number nor a boolean"),
            };
            if let Err(why) = text.and_then(|text| settings.set(name, text)) {
                mistakes.push(format!("{}: {name}: {why}", path.display()));
            }
        }
        Ok((settings, mistakes))
    }

    /// What has no default may be left empty instead of out: charts and shells do.
    pub(super) fn drop_empty(&mut self) {
        for optional in [
            &mut self.admin_listen,
            &mut self.hmac_key_id,
            &mut self.hmac_secret,
            &mut self.hmac_keys_file,
            &mut self.watch_namespace,
            &mut self.worker_max_queue_size,
            &mut self.policy_file,
            &mut self.saas_api_base,
            &mut self.saas_credentials_dir,
            &mut self.tls_ca_file,
            &mut self.spool_dir,
            &mut self.probe_http_origins,
            &mut self.prometheus_url,
            &mut self.prometheus_token_file,
            &mut self.probe_ca_file,
        ] {
            optional.take_if(|text| text.trim().is_empty());
        }
    }

    /// The settings as YAML, secrets replaced.
    pub fn redacted(&self) -> String {
        let mut shown = self.clone();
        if shown.hmac_secret.is_some() {
            shown.hmac_secret = Some("(redacted)".to_owned());
        }
        serde_yaml_ng::to_string(&shown).unwrap_or_default()
    }
}
