//! `generated/` holds, for review, exactly what the build makes and the compiler compiles; the chart
//! holds the definition of remediations and the permissions that the agent declares.

use std::{collections::BTreeMap, env, fs, path::Path};

const HOW: &str = "a contract or the generator changed; look at the effect with\n    ZEN_UPDATE_GENERATED=1 cargo test --test contract && git diff generated\n";

fn crd() -> String {
    let crd = serde_yaml_ng::to_string(&zen_agent::remediation::crd()).unwrap();
    format!("# Generated from src/remediation/resource.rs; do not edit.\n{crd}")
}

fn made() -> BTreeMap<String, String> {
    let out = Path::new(env!("OUT_DIR"));
    let mut files: BTreeMap<_, _> = fs::read_dir(out)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    files.insert("crd.yaml".into(), crd());
    files
}

#[test]
fn what_is_committed_is_what_is_generated() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("generated");
    let made = made();
    if env::var_os("ZEN_UPDATE_GENERATED").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(&folder).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (name, text) in &made {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let committed: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for name in &committed {
        assert!(made.contains_key(name), "generated/{name} is made by nothing: {HOW}");
    }
    for (name, text) in made {
        let same = fs::read_to_string(folder.join(&name)).is_ok_and(|committed| committed == text);
        assert!(same, "generated/{name} is stale or was edited: {HOW}");
    }
}

#[test]
fn the_chart_holds_the_definition_and_the_permissions_that_the_agent_declares() {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/chart");
    let rbac = serde_yaml_ng::to_string(&zen_agent::permissions::Declared::all()).unwrap();
    let rbac = format!("# Generated from src/permissions.rs and src/pipeline/actions/; do not edit.\n{rbac}");
    for (name, text) in [("crds/zenagentremediations.yaml", crd()), ("files/rbac.yaml", rbac)] {
        let file = chart.join(name);
        if env::var_os("ZEN_UPDATE_GENERATED").is_some() {
            fs::write(&file, &text).unwrap();
        }
        let same = fs::read_to_string(file).is_ok_and(|committed| committed == text);
        assert!(same, "deploy/chart/{name} is stale or was edited: {HOW}");
    }
}
