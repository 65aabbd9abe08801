//! The helm that CI lints with, and what it renders.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde::Deserialize as _;
use serde_json::Value;

/// The release's namespace.
pub(crate) const NAMESPACE: &str = "zen-agent";

pub(crate) fn chart() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/chart"))
}

/// What the chart renders with the least values and these, CustomResourceDefinitions included.
pub(crate) fn objects(set: &[&str]) -> Vec<Value> {
    let set = set.iter().flat_map(|set| ["--set", set]);
    render(template(NAMESPACE).args(set))
}

/// Why the chart does not render with these values.
pub(crate) fn refusal(set: &str) -> String {
    let output = template(NAMESPACE).args(["--set", set]).output().expect("the command starts");
    assert!(!output.status.success(), "{set} is taken");
    String::from_utf8(output.stderr).unwrap()
}

/// What a release in a namespace renders with the values of a file on top.
pub(crate) fn release(namespace: &str, values: &Path) -> Vec<Value> {
    render(template(namespace).arg("--values").arg(values))
}

pub(crate) fn program() -> &'static Path {
    static HELM: OnceLock<PathBuf> = OnceLock::new();
    HELM.get_or_init(|| {
        let root = env!("CARGO_MANIFEST_DIR");
        run(Command::new(format!("{root}/.ci/go-tool")).arg("helm")).trim().into()
    })
}

fn template(namespace: &str) -> Command {
    let mut command = Command::new(program());
    command.args(["template", "zen-agent", "--namespace", namespace, "--include-crds", "--kube-version", "1.34.0"]);
    command.arg(chart()).arg("--values").arg(chart().join("ci/values.yaml"));
    command
}

fn render(command: &mut Command) -> Vec<Value> {
    let text = run(command);
    let documents = serde_yaml_ng::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap());
    documents.filter(|object| !object.is_null()).collect()
}

pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
