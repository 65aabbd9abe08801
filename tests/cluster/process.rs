//! The agent as a process on the control plane.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    agent::{Agent, DEADLINE},
    ground::Ground,
};

pub(crate) use crate::serve::serve;

/// `zen-agent dev` on it.
pub(crate) fn dev(ground: &Ground, state: &Path, more: &[&str]) -> Agent {
    let kubeconfig = ground.control_plane().kubeconfig();
    Agent::dev(state, &[&["--kubeconfig", kubeconfig.to_str().unwrap()], more].concat())
}

/// An address that was free a moment ago, and that no connection is given meanwhile: below the ports that the kernel hands out.
pub(crate) fn free_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(10_000 + (std::process::id() % 90) * 100).unwrap();
    let listener = (0..100).find_map(|_| {
        let port = first + NEXT.fetch_add(1, Ordering::SeqCst) % 100;
        TcpListener::bind(("127.0.0.1", port)).ok()
    });
    listener.expect("one of a hundred is free").local_addr().unwrap().to_string()
}

/// Runs a command that is to end by itself.
pub(crate) fn outcome(mut command: Command) -> Output {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > DEADLINE {
            child.kill().unwrap();
            panic!("it did not end: {}", String::from_utf8_lossy(&child.wait_with_output().unwrap().stderr));
        }
        std::thread::sleep(Duration::from_millis(20)); // pacing of a poll with a deadline
    }
    child.wait_with_output().unwrap()
}

/// A page of the admin listener, head and body; nothing while nobody listens.
fn answer(admin: &str, path: &str) -> Option<(String, String)> {
    let address: SocketAddr = admin.trim_start_matches("http://").parse().unwrap();
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(head, body)| (head.to_owned(), body.to_owned()))
}

/// The text of a page of the admin listener.
pub(crate) fn text(admin: &str, path: &str) -> Option<String> {
    answer(admin, path).map(|(_, body)| body)
}

/// What `/readyz` says about each condition, and whether it is ready; nothing while nobody listens.
pub(crate) fn readiness(admin: &str) -> Option<(bool, Value)> {
    let (head, body) = answer(admin, "/readyz")?;
    let checks = serde_json::from_str::<Value>(&body).ok()?["checks"].clone();
    Some((head.lines().next()?.contains(" 200 "), checks))
}

/// Waits until `/readyz` says this about the Kubernetes API, and is green or red accordingly.
///
/// It is well again once the circuit is closed, too: until then calls are hurried (`deadline::HASTE`).
pub(crate) fn until_kubernetes_is(admin: &str, said: &[&str]) {
    let closed = || text(admin, "/metrics").is_some_and(|page| page.contains("zen_agent_circuit_state{dependency=\"kubernetes\"} 0"));
    let well = said == ["ok"];
    let begun = Instant::now();
    let mut last = None;
    while begun.elapsed() < DEADLINE {
        last = readiness(admin);
        if let Some((ready, checks)) = &last
            && said.contains(&checks["kubernetes"].as_str().unwrap_or_default())
            && *ready == well
            && (!well || closed())
        {
            return;
        }
        std::thread::sleep(Duration::from_millis(50)); // pacing of a poll with a deadline
    }
    panic!("readiness is {last:?}, not {said:?}");
}

/// The main job, by the independent client.
pub(crate) fn main_job(state: &Path, agent: &Agent) {
    let output = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/blackbox/main_job.py"))
        .arg(state)
        .args([agent.api.trim_start_matches("https://"), agent.admin.trim_start_matches("http://")])
        .output()
        .expect("python3 is there, as the control plane needs it too");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
