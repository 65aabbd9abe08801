//! The command line of `zen-agent serve`, for those who run it as a process.

use std::{path::Path, process::Command};

use zen_agent::dev::credentials::{AUDIENCE, Credentials, HMAC_KID, ISSUER};

/// `zen-agent serve` with the kubeconfig of whom it is, the credentials of `dev` in `state`, and its policy.
pub(crate) fn serve(kubeconfig: &Path, state: &Path, admin: &str) -> Command {
    let credentials = Credentials::prepare(state, "https://127.0.0.1:0", jiff::Timestamp::now()).unwrap();
    let (client, server) = (|name: &str| credentials.client.join(name), |name: &str| credentials.server.join(name));
    let mut command = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    command
        .arg("serve")
        .env("KUBECONFIG", kubeconfig)
        .env("TLS_CERT_FILE", server("tls.crt"))
        .env("TLS_KEY_FILE", server("tls.key"))
        .env("TLS_CLIENT_CA_FILE", client("ca.crt"))
        .env("JWT_KEY_FILES", server("jwt.pub"))
        .env("HMAC_SECRET", std::fs::read_to_string(client("hmac.key")).unwrap())
        .env("POLICY_FILE", concat!(env!("CARGO_MANIFEST_DIR"), "/policies/dev.yaml"))
        .envs([("HMAC_KEY_ID", HMAC_KID), ("JWT_ISSUER", ISSUER), ("JWT_AUDIENCE", AUDIENCE)])
        .envs([("TENANT_ID", zen_agent::dev::TENANT), ("CLUSTER_ID", zen_agent::dev::CLUSTER)])
        .envs([("LISTEN", "127.0.0.1:0"), ("ADMIN_LISTEN", admin), ("LOG_LEVEL", "error"), ("LOG_FORMAT", "pretty")])
        .env("REQUESTS_PER_SECOND", "10000");
    command
}
