//! What was released stays as it was, and what comes after it says so.
//!
//! `contracts/baseline/RELEASE` holds the documents of a release, as they were served, and their digests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zen_agent::{
    contract::DOCUMENTS,
    contracts::{Document, Tolerance, Verdict, check},
};

const UNRELEASED: &str = "## Unreleased\n";
/// What only explains.
const ANNOTATIONS: [&str; 6] = ["description", "example", "title", "summary", "tags", "info"];

fn contracts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts")
}

/// The folders of all releases, oldest first.
fn releases() -> Vec<(String, PathBuf)> {
    let mut releases: Vec<_> = fs::read_dir(contracts().join("baseline"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .collect();
    releases.sort_by_key(|(release, _)| release.split(['.', '-']).map(|part| part.parse().unwrap_or(0)).collect::<Vec<u64>>());
    assert!(!releases.is_empty(), "no release is frozen: zen-agent contracts baseline");
    releases
}

fn frozen(folder: &Path) -> BTreeMap<&'static str, Document> {
    let read = |(name, _): &(&'static str, &str)| {
        let text = fs::read_to_string(folder.join(name).join("openapi.yaml")).ok()?;
        Some((*name, Document::parse(&text, &BTreeMap::new()).unwrap()))
    };
    DOCUMENTS.iter().filter_map(read).collect()
}

fn present() -> BTreeMap<String, Document> {
    DOCUMENTS.iter().map(|(name, text)| ((*name).to_owned(), Document::parse(text, &BTreeMap::new()).unwrap())).collect()
}

fn changelog() -> String {
    fs::read_to_string(contracts().join("CHANGELOG.md")).unwrap()
}

/// Files below a folder, by their paths in it.
fn files(folder: &Path, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            found.extend(files(&entry.path(), &format!("{name}/")));
        } else {
            found.insert(name);
        }
    }
    found
}

/// What of a release is not as it was.
fn thawed(folder: &Path) -> Vec<String> {
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let sums: BTreeMap<&str, &str> = sums.lines().map(|line| line.split_once("  ").unwrap()).map(|(sum, name)| (name, sum)).collect();
    let mut there = files(folder, "");
    there.remove("SHA256SUMS");
    let mut wrong: Vec<_> = sums
        .iter()
        .filter(|(name, sum)| fs::read(folder.join(name)).ok().is_none_or(|bytes| hex::encode(Sha256::digest(bytes)) != **sum))
        .map(|(name, _)| (*name).to_owned())
        .collect();
    wrong.extend(there.into_iter().filter(|name| !sums.contains_key(name.as_str())));
    wrong
}

/// Whether a contract is another one than was released, under the same version.
fn unmoved(released: &Value, now: &Value) -> bool {
    released != now && released["info"]["version"] == now["info"]["version"]
}

/// By which names people speak of a place: the operation's, the component's, the property's.
fn names(place: &str, documents: [&Value; 2]) -> Vec<String> {
    let parts: Vec<String> = place.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match &parts[..] {
        ["paths", path, rest @ ..] => {
            let operations = documents.map(|document| document["paths"][path].clone());
            let is_meant = |method: &str| rest.first().is_none_or(|meant| *meant == method);
            let methods = operations.iter().filter_map(Value::as_object).flatten().filter(|(method, _)| is_meant(method));
            methods.filter_map(|(_, operation)| operation["operationId"].as_str()).map(str::to_owned).collect()
        }
        ["components", _, name, rest @ ..] => {
            let properties = rest.windows(2).filter(|pair| pair[0] == "properties").map(|pair| pair[1].to_owned());
            properties.chain([(*name).to_owned()]).collect()
        }
        _ => vec![parts.first().map_or_else(|| "openapi".to_owned(), |part| (*part).to_owned())],
    }
}

fn only_explains(place: &str) -> bool {
    let parts: Vec<&str> = place.split('/').collect();
    parts.windows(2).any(|pair| ANNOTATIONS.contains(&pair[1]) && pair[0] != "properties")
}

/// The changes that are not named where those who read the changelog look for them.
fn unnamed(released: &Document, now: &Document, changelog: &str) -> Vec<String> {
    let news = changelog.split_once(UNRELEASED).map_or("", |(_, rest)| rest.split("\n## ").next().unwrap_or_default());
    let report = check(&BTreeMap::from([("it", released.clone())]), &BTreeMap::from([("it".to_owned(), now.clone())]), Tolerance::Exact);
    let places: BTreeSet<String> = report.differences.into_iter().map(|found| found.place).filter(|place| !only_explains(place)).collect();
    let is_named = |name: &String| news.contains(&format!("`{name}`"));
    places.into_iter().filter(|place| !names(place, [released.value(), now.value()]).iter().any(is_named)).collect()
}

#[test]
fn what_was_released_is_as_it_was() {
    for (release, folder) in releases() {
        let wrong = thawed(&folder);
        assert!(
            wrong.is_empty(),
            "release {release} is frozen, and {wrong:?} is not what it was: put it back with\n    git checkout -- contracts/baseline\n\
             What is to change, change in contracts/v0 or contracts/v1alpha1, and give `info.version` there a new value."
        );
        assert!(changelog().contains(&format!("\n## {release}\n")), "contracts/CHANGELOG.md has no part for the release {release}");
    }
}

#[test]
fn a_contract_that_is_not_what_was_released_has_another_version() {
    let (release, folder) = releases().pop().unwrap();
    let now = present();
    for (name, document) in frozen(&folder) {
        assert!(
            !unmoved(document.value(), now[name].value()),
            "contracts/{name}/openapi.yaml is not what was released with {release}, and has the same version: give `info.version` a new \
             value, and name the change under `Unreleased` in contracts/CHANGELOG.md"
        );
    }
}

#[test]
fn v0_breaks_nobody_who_keeps_to_a_release() {
    for (release, folder) in releases() {
        let stable = frozen(&folder).into_iter().filter(|(name, _)| *name == "v0").collect();
        let report = check(&stable, &present(), Tolerance::Compatible);
        let broken: String = report.differences.iter().map(|found| format!("\n  {}: {}", found.place, found.change)).collect();
        assert!(report.verdict < Verdict::Breaking, "v0 is stable, and breaks who keeps to the release {release}; undo{broken}");
    }
}

#[test]
fn what_changed_in_v1alpha1_is_in_the_changelog() {
    let (release, folder) = releases().pop().unwrap();
    let unnamed = unnamed(&frozen(&folder)["v1alpha1"], &present()["v1alpha1"], &changelog());
    assert!(
        unnamed.is_empty(),
        "v1alpha1 is not what was released with {release}: name each operation, component or property under `Unreleased` in \
         contracts/CHANGELOG.md, between backticks:\n  {}",
        unnamed.join("\n  ")
    );
}

#[test]
fn a_frozen_file_that_is_changed_gone_or_new_is_seen() {
    let (_, released) = releases().pop().unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in files(&released, "") {
        fs::create_dir_all(copy.path().join(&name).parent().unwrap()).unwrap();
        fs::copy(released.join(&name), copy.path().join(&name)).unwrap();
    }
    assert!(thawed(copy.path()).is_empty());
    let file = copy.path().join("v0/openapi.yaml");
    let text = fs::read(&file).unwrap();
    fs::write(&file, [&text[..], b" "].concat()).unwrap();
    assert_eq!(thawed(copy.path()), ["v0/openapi.yaml"]);
    fs::remove_file(&file).unwrap();
    assert_eq!(thawed(copy.path()), ["v0/openapi.yaml"]);
    fs::write(&file, text).unwrap();
    fs::write(copy.path().join("v0/other"), "").unwrap();
    assert_eq!(thawed(copy.path()), ["v0/other"]);
}

#[test]
fn a_change_without_another_version_or_a_word_in_the_changelog_is_seen() {
    let (_, folder) = releases().pop().unwrap();
    let released = &frozen(&folder)["v1alpha1"];
    let mut changed = released.value().clone();
    changed["components"]["schemas"]["Plan"]["properties"]["risk"] = json!({ "type": "string" });
    assert!(unmoved(released.value(), &changed));
    changed["info"]["version"] = json!("9.0.0");
    assert!(!unmoved(released.value(), &changed));
    changed["paths"]["/v1alpha1/stop"]["post"]["x-required-role"] = json!("admin");
    changed["paths"]["/v1alpha1/stop"]["post"]["description"] = json!("Explained otherwise.");
    let now = Document::parse(&changed.to_string(), &BTreeMap::new()).unwrap();
    let (risk, role) = ("/components/schemas/Plan/properties/risk", "/paths/~1v1alpha1~1stop/post/x-required-role");
    let news = |text: &str| format!("# Changes\n\n{UNRELEASED}\n{text}\n\n## 0.1.0\n\n`emergencyStop`, `risk`\n");
    assert_eq!(unnamed(released, &now, &news("")), [risk, role]);
    assert_eq!(unnamed(released, &now, &news("- `emergencyStop` is an admin's.")), [risk]);
    assert_eq!(unnamed(released, &now, &news("- `emergencyStop`, and `risk` of `Plan`.")), [""; 0]);
}
