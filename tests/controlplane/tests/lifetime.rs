//! A control plane is there for as long as the process that started it, and no longer.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use controlplane::{ControlPlane, Program};

const DEADLINE: Duration = Duration::from_secs(60);

fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(20)); // pacing of a poll with a deadline
    }
}

fn runs(pid: u32) -> bool {
    // A zombie has no command line.
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

/// Set in the process that is killed.
const VICTIM: &str = "CONTROLPLANE_TEST_VICTIM";

#[test]
fn it_ends_with_the_process_that_started_it_also_when_that_is_killed() {
    if std::env::var_os(VICTIM).is_some() {
        return wait_to_be_killed();
    }
    let mut victim = Command::new(std::env::current_exe().expect("this process"))
        .arg("--nocapture")
        .env(VICTIM, "yes")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(victim.stdout.take().expect("stdout is piped")).lines().map_while(Result::ok);
    let line = lines.find_map(|line| Some(line.strip_prefix("victim ")?.to_owned())).expect("its control plane starts");
    let (folder, pids) = line.split_once(' ').expect("a folder and process ids");
    let pids: Vec<u32> = pids.split(' ').map(|pid| pid.parse().expect("a process id")).collect();
    assert!(pids.len() == 3 && pids.iter().all(|pid| runs(*pid)));
    victim.kill().expect("it is ours");
    victim.wait().expect("it ends");
    until("its processes and its folder are gone", || !pids.iter().any(|pid| runs(*pid)) && !Path::new(folder).exists());
}

fn wait_to_be_killed() {
    let control_plane = ControlPlane::start(&[]);
    let pids = Program::ALL.map(|program| control_plane.pid(program).expect("it runs").to_string());
    println!("\nvictim {} {}", control_plane.kubeconfig().parent().expect("a folder").display(), pids.join(" "));
    thread::park_timeout(DEADLINE);
}
