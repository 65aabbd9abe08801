//! Helm itself on a real API server, with the commands of the README.

use std::{os::unix::fs::symlink, path::Path, process::Command};

use controlplane::ControlPlane;
use tempfile::TempDir;

use crate::helm::{self, run};

/// A folder like that of the README's reader: the chart, and values.
struct Reader {
    control: ControlPlane,
    folder: TempDir,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        symlink(helm::chart().parent().unwrap(), folder.path().join("deploy")).unwrap();
        symlink(helm::chart().join("ci/values.yaml"), folder.path().join("my-values.yaml")).unwrap();
        Self { control: ControlPlane::start(&[]), folder }
    }

    fn shell(&self, line: &str) -> Command {
        let kubectl = self.control.kubectl();
        let folders = [helm::program(), Path::new(kubectl.get_program())].map(|program| program.parent().unwrap().to_owned());
        let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap()))).unwrap();
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", line]).current_dir(self.folder.path());
        command.env("PATH", path).env("HOME", self.folder.path()).env("KUBECONFIG", self.control.kubeconfig());
        command
    }

    fn run(&self, line: &str) -> String {
        run(&mut self.shell(line))
    }

    fn refused(&self, line: &str) -> String {
        let output = self.shell(line).output().unwrap();
        assert!(!output.status.success(), "{line} should have been refused");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn the_commands_of_the_readme_install_and_upgrade_a_release_and_a_second_one_is_refused() {
    let readme = include_str!("../../README.md");
    let [install, define, upgrade] = readme.lines().filter(|line| line.starts_with("helm ")).collect::<Vec<_>>()[..] else {
        panic!("the README has other commands of helm than it had");
    };
    let reader = Reader::new();
    // A role is put into each target namespace, so that they come first.
    assert!(reader.refused(install).contains("namespaces \"shop\" not found"));
    reader.run("helm uninstall zen-agent --namespace zen-agent");
    reader.run("kubectl create namespace shop");
    reader.run(install);

    // An older definition stays as it is, until the command that comes before the upgrade.
    let lacks = "kubectl get crd zenagentremediations.zen.kube-zen.io -o jsonpath='{..properties.spec.properties.eventTime.type}'";
    let field = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/eventTime";
    reader.run(&format!(
        "kubectl patch crd zenagentremediations.zen.kube-zen.io --type json -p '[{{\"op\":\"remove\",\"path\":\"{field}\"}}]'"
    ));
    reader.run(upgrade);
    assert_eq!(reader.run(lacks), "");
    reader.run(define);
    assert_eq!(reader.run(lacks), "string");

    // The autoscaler has made it four by the time of an upgrade, and it stays four.
    let replicas = "kubectl --namespace zen-agent get deployment zen-agent -o jsonpath='{.spec.replicas}'";
    assert_eq!(reader.run(replicas), "2");
    reader.run("kubectl --namespace zen-agent scale deployment zen-agent --replicas 4");
    reader.run(&format!("{upgrade} --set autoscaling.enabled=true"));
    assert_eq!(reader.run(replicas), "4");

    let second = reader.refused("helm install second deploy/chart --namespace zen-agent --values my-values.yaml");
    assert!(second.contains("the release zen-agent is in the namespace zen-agent already"), "{second}");
    reader
        .run("helm install second deploy/chart --namespace other --create-namespace --values my-values.yaml --set fullnameOverride=other");
}
