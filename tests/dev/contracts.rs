//! `zen-agent contracts` as the CI of others meets it.

use std::{fs, io::Write as _, net::TcpListener, path::Path, process::Command, thread};

use serde_json::{Value, json};

use super::Agent;

/// Exit code, standard output, standard error.
fn contracts(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_zen-agent")).arg("contracts").args(arguments).output().expect("the binary starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stderr);
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    (output.status.code().expect("it ends by itself"), text(&output.stdout), said)
}

fn check(source: &str, more: &[&str]) -> (i32, Value) {
    let (code, out, said) = contracts(&[&["check", source, "--output", "json"], more].concat());
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out} {said}")))
}

fn root(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

fn exported(state: &Path) -> String {
    let folder = state.join("exported");
    assert_eq!(contracts(&["export", folder.to_str().unwrap()]).0, 0);
    folder.to_str().unwrap().to_owned()
}

/// Changes a document of a folder.
fn change(folder: &str, name: &str, change: impl Fn(&mut Value)) {
    let file = Path::new(folder).join(name).join("openapi.yaml");
    let mut document: Value = serde_yaml_ng::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    change(&mut document);
    fs::write(file, serde_yaml_ng::to_string(&document).unwrap()).unwrap();
}

#[test]
fn what_is_exported_and_what_it_was_made_of_are_equal_to_the_contract() {
    let state = tempfile::tempdir().unwrap();
    let folder = exported(state.path());
    for source in [folder.as_str(), &root("contracts")] {
        let (code, report) = check(source, &["--exact"]);
        assert_eq!((code, &report["verdict"], &report["differences"]), (0, &json!("equal"), &json!([])), "{source}");
        assert_eq!(report["compared"], json!(["saas", "v0", "v1alpha1"]));
    }
    let (code, _, said) = contracts(&["export", &folder]);
    assert!(code == 2 && said.contains("is not empty"), "{said}");
    // What is not served by an agent need not be there, and a contract has to be.
    fs::remove_dir_all(Path::new(&folder).join("saas")).unwrap();
    assert_eq!(check(&folder, &["--exact"]).0, 0);
    fs::remove_dir_all(Path::new(&folder).join("v1alpha1")).unwrap();
    let (code, report) = check(&folder, &[]);
    assert_eq!((code, &report["differences"][0]["document"]), (1, &json!("v1alpha1")));
}

#[test]
fn a_break_is_1_an_addition_0_and_exactly_1() {
    let state = tempfile::tempdir().unwrap();
    let folder = exported(state.path());
    change(&folder, "v0", |document| document["components"]["schemas"]["Decision"]["properties"]["ticket"] = json!({ "type": "string" }));
    let (code, report) = check(&folder, &[]);
    assert_eq!((code, &report["verdict"]), (0, &json!("compatible")));
    let (code, report) = check(&folder, &["--exact"]);
    assert_eq!((code, &report["verdict"]), (1, &json!("different")));
    assert_eq!(report["differences"][0]["place"], "/components/schemas/Decision/properties/ticket");

    change(&folder, "v1alpha1", |document| document["paths"]["/v1alpha1/stop"]["post"]["x-required-role"] = json!("admin"));
    let (code, report) = check(&folder, &[]);
    assert_eq!((code, &report["verdict"]), (1, &json!("breaking")));
    let place = "/paths/~1v1alpha1~1stop/post/x-required-role";
    assert_eq!((&report["differences"][0]["document"], &report["differences"][0]["place"]), (&json!("v1alpha1"), &json!(place)));
    let (code, out, said) = contracts(&["check", &folder]);
    assert!(code == 1 && said.contains("breaks the contract"), "{said}");
    assert!(
        out.contains(&format!("v1alpha1 {place}: is \"admin\", and was \"approver\"")) && out.contains("a caller with the role"),
        "{out}"
    );
}

#[test]
fn a_verdict_holds_although_nobody_reads_why() {
    let state = tempfile::tempdir().unwrap();
    let folder = exported(state.path());
    change(&folder, "v0", |document| drop(document["paths"].as_object_mut().unwrap().remove("/v0/events")));
    let mut command = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    let mut child = command.args(["contracts", "check", &folder]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn what_cannot_be_told_is_2() {
    let state = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| {
        let folder = state.path().join(name).join("v0");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("openapi.yaml"), text).unwrap();
        state.path().join(name).to_str().unwrap().to_owned()
    };
    let html = answering("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>");
    let moved = answering("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
    let cut = answering("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{");
    let none = answering("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    for (source, why) in [
        ("/nonexistent".to_owned(), "has no contract"),
        (at("empty", ""), "is no contract"),
        (at("yaml", "a: ["), "no YAML"),
        (at("json", "{}"), "must be 3.0.3"),
        (at("newer", "openapi: 3.1.0"), "must be 3.0.3"),
        (at("lost", "openapi: 3.0.3\npaths: {a: {$ref: ../agent/none.json}}"), "is no file"),
        ("http://127.0.0.1:1".to_owned(), "does not answer"),
        ("https://127.0.0.1:1".to_owned(), "no address of an admin listener"),
        ("ftp://x".to_owned(), "no address of an admin listener"),
        (html, "is no contract"),
        (moved, "answers 302"),
        (cut, "does not answer"),
        (none, "has no contract"),
    ] {
        let (code, report) = check(&source, &["--exact"]);
        let problem = report["problem"].as_str().unwrap_or_default();
        assert!(code == 2 && report["verdict"] == "unknown" && problem.contains(why), "{source}: {code} {report}");
        let (code, out, said) = contracts(&["check", &source]);
        assert!(code == 2 && out.is_empty() && said.contains(why), "{source}: {out} {said}");
    }
    assert_eq!(contracts(&["check"]).0, 2);
}

/// The address of a server that answers everything so.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            // One request comes in one piece, and is not looked at.
            drop(std::io::Read::read(&mut stream, &mut request));
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    format!("http://{address}")
}

#[test]
fn an_agent_serves_what_its_binary_promises() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    for source in [agent.admin.clone(), format!("{}/", agent.admin)] {
        let (code, report) = check(&source, &["--exact"]);
        assert_eq!((code, &report["verdict"], &report["compared"]), (0, &json!("equal"), &json!(["v0", "v1alpha1"])), "{report}");
    }
}

#[test]
fn a_release_is_frozen_once_and_is_laid_out_like_the_contracts() {
    let state = tempfile::tempdir().unwrap();
    let folder = exported(state.path());
    let (code, out, said) = contracts(&["baseline", &folder]);
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("CHANGELOG.md"), "{out}");
    let frozen = format!("{folder}/baseline/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(check(&frozen, &["--exact"]).0, 0);
    for name in ["proto/zen/agent/v0/agent.proto", "proto/zen/agent/v0/value.proto", "proto/zen/agent/v1alpha1/agent.proto"] {
        let (frozen, text) = (fs::read(format!("{frozen}/{name}")).unwrap(), fs::read(root(&format!("contracts/{name}"))).unwrap());
        assert_eq!((frozen, fs::read(format!("{folder}/{name}")).unwrap()), (text.clone(), text), "{name}");
    }
    let sums = Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&frozen).status().unwrap();
    assert!(sums.success());
    let (code, _, said) = contracts(&["baseline", &folder]);
    assert!(code == 1 && said.contains("frozen once"), "{said}");
    assert_eq!(contracts(&["baseline", "/nonexistent"]).0, 2);
}
