//! The domain knows neither Kubernetes' client nor the web framework: what decides can be read, and
//! tested, without either.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// What the rule is about, and what those modules may lean on: one closed set.
const PURE: [&str; 13] = [
    "contracts",
    "event",
    "policy",
    "queue",
    "duration",
    "identity",
    "kinds",
    "naming",
    "random",
    "remediation/mode",
    "remediation/phase",
    "remediation/reason",
    "remediation/verification",
];
/// An action is one file, parameters and driver together (`src/pipeline/actions.rs`). Of these two the domain knows
/// that they have a name, and can be read, compared and found wrong; what an action does it never sees.
const ACTIONS: [&str; 2] = ["Action", "ActionKind"];
const FORBIDDEN: [&str; 5] = ["kube", "kube_runtime", "k8s_openapi", "poem", "poem_openapi"];

fn source(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// A module's files: its own, and those below it.
fn files(module: &str) -> Vec<String> {
    let own = format!("src/{module}.rs");
    let mut files = vec![own];
    if let Ok(folder) = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(module)) {
        let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let below: BTreeSet<_> = names.map(|name| name.trim_end_matches(".rs").to_owned()).collect();
        files.extend(below.iter().flat_map(|name| self::files(&format!("{module}/{name}"))));
    }
    files
}

/// Every path of a `use` declaration, its braces taken apart.
fn uses(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect();
    let mut paths = Vec::new();
    let mut rest = code.as_str();
    while let Some(at) = rest.find("use ") {
        let begins = rest[..at].chars().next_back().is_none_or(|c| c.is_whitespace());
        let tree = rest[at + 4..].split(';').next().unwrap();
        if begins {
            flatten("", &tree.split_whitespace().collect::<Vec<_>>().join(" "), &mut paths);
        }
        rest = &rest[at + 4..];
    }
    paths
}

fn flatten(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((head, inner)) = tree.split_once('{') else {
        paths.push(format!("{prefix}{}", tree.trim()));
        return;
    };
    let (prefix, inner) = (format!("{prefix}{}", head.trim()), inner.trim_end().trim_end_matches('}'));
    let (mut depth, mut begun) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[begun..at].trim().is_empty() {
                    flatten(&prefix, inner[begun..at].trim(), paths);
                }
                begun = at + 1;
            }
            _ => {}
        }
    }
}

/// Whether `crate::…` stands for something in the set; `remediation` re-exports what its modules define.
fn is_pure(path: &str) -> bool {
    let parts: Vec<&str> = path.split("::").collect();
    match parts[..] {
        ["contract", _, "types", ..] | ["contract", "DateTime"] => true,
        ["remediation", name] if ACTIONS.contains(&name) => true,
        ["remediation", name] => {
            PURE.iter().filter(|module| module.starts_with("remediation/")).flat_map(|module| files(module)).any(|file| {
                let text = source(&file);
                text.contains(&format!("pub enum {name} ")) || text.contains(&format!("pub struct {name} "))
            })
        }
        [module, ..] => PURE.contains(&module),
        [] => false,
    }
}

#[test]
fn the_domain_imports_neither_kube_nor_poem() {
    let mut looked_at = 0;
    for file in PURE.iter().flat_map(|module| files(module)) {
        let text = source(&file);
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for name in FORBIDDEN {
                let found = line.match_indices(&format!("{name}::")).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
                });
                assert!(!found, "{file}:{} reaches for {name}: {line}", number + 1);
            }
        }
        for path in uses(&text) {
            let inner = match path.strip_prefix("crate::") {
                Some(inner) => inner.to_owned(),
                // Their parent re-exports what is not of the domain too.
                None if file.starts_with("src/remediation/") && path.starts_with("super::") => path.replacen("super", "remediation", 1),
                None => continue,
            };
            assert!(is_pure(&inner), "{file} imports {path}, which is not of the domain");
            looked_at += 1;
        }
    }
    assert!(looked_at > 20, "only {looked_at} imports were found: the test reads them wrongly");
}

#[test]
fn the_client_needs_neither_kube_nor_poem() {
    let tree = ["tree", "--locked", "--offline", "--package", "zen-agent-client", "--edges", "normal", "--prefix", "none"];
    let tree = Command::new(env!("CARGO")).args(tree).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let needed: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).map(|name| name.replace('-', "_")).collect();
    assert!(needed.contains("reqwest"), "the tree is read wrongly: {tree}");
    for name in FORBIDDEN {
        assert!(!needed.contains(name), "the client needs {name}");
    }
}

#[test]
fn uses_are_taken_apart() {
    let text = "// use a::b;\nuse a::{b, c::{d, e},\n    f};\npub use g::h;\nlet reuse = 1;";
    assert_eq!(uses(text), ["a::b", "a::c::d", "a::c::e", "a::f", "g::h"]);
}
