//! `zen-agent doctor` on the control plane.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::{
    ground::Ground,
    process::{outcome, serve},
};

/// The findings, by check, and whether none is a failure.
fn examined(ground: &Ground, state: &Path, more: &[&str]) -> (bool, Vec<(String, String, String)>) {
    let serve = serve(&ground.control_plane().kubeconfig(), state, "127.0.0.1:0");
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    doctor.args(["doctor", "-o", "json"]).args(more).envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = outcome(doctor);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let found = found.iter().map(|finding| (text(finding, "check"), text(finding, "result"), text(finding, "message")));
    (output.status.success(), found.collect())
}

fn result<'a>(found: &'a [(String, String, String)], wanted: &str) -> (&'a str, &'a str) {
    let found = found.iter().find(|(check, ..)| check == wanted).unwrap_or_else(|| panic!("{wanted}: {found:?}"));
    (&found.1, &found.2)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_nothing_where_nothing_is_missing_and_says_what_is_where_it_is() {
    let (ground, state) = (Ground::clean().await, tempfile::tempdir().unwrap());
    let (healthy, found) = examined(&ground, state.path(), &["--target-all-namespaces"]);
    assert!(healthy, "{found:?}");
    for check in ["settings", "hmac", "jwt_key_files", "policy", "kubernetes", "clock", "definition", "permissions"] {
        assert_eq!(result(&found, check).0, "ok", "{check}: {found:?}");
    }
    assert_eq!(result(&found, "permissions of scale").0, "ok");
    assert!(!found.iter().any(|(check, ..)| check == "permissions of restart"), "it is not enabled: {found:?}");

    // The credentials of `dev` are short-lived on purpose.
    assert!(["ok", "warning"].contains(&result(&found, "tls_cert_file").0), "{found:?}");

    let nobody = ["--as", "system:serviceaccount:default:nobody", "--target-namespaces", "shop", "--enabled-actions", "scale,cordon"];
    let (healthy, found) = examined(&ground, state.path(), &nobody);
    assert!(!healthy);
    let (verdict, message) = result(&found, "permissions");
    assert!(verdict == "failed" && message.contains("create zenagentremediations.zen.kube-zen.io in zen-agent"), "{message}");
    let (verdict, message) = result(&found, "permissions of scale");
    assert!(verdict == "failed" && message.contains("deployments") && message.contains("in shop"), "{message}");
    let (verdict, message) = result(&found, "permissions of cordon");
    assert!(verdict == "failed" && message.contains("patch nodes") && !message.contains("nodes in shop"), "{message}");

    let apply = ["--as", "system:serviceaccount:default:nobody", "--target-namespaces", "shop", "--enabled-actions", "apply"];
    let (_, found) = examined(&ground, state.path(), &apply);
    assert_eq!(result(&found, "permissions of apply").0, "skipped", "nobody said of what: {found:?}");
    let (_, found) =
        examined(&ground, state.path(), &[&apply[..], &["--apply-targets", "configmaps,ingresses.networking.k8s.io"]].concat());
    let (verdict, message) = result(&found, "permissions of apply");
    assert!(verdict == "failed" && message.contains("create configmaps in shop"), "{message}");
    assert!(message.contains("update ingresses.networking.k8s.io in shop"), "{message}");

    let (_, found) = examined(&ground, state.path(), &["--as", "system:serviceaccount:default:nobody"]);
    assert_eq!(result(&found, "permissions of scale").0, "warning", "targets may be in some namespaces: {found:?}");

    ground.undefine().await;
    let (healthy, found) = examined(&ground, state.path(), &[]);
    assert!(!healthy && result(&found, "definition").1.contains("zen-agent crd | kubectl apply"), "{found:?}");
}
