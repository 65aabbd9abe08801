//! The commands that run the agent, or need none.

use std::{io::Write, pin::pin, time::Duration};

use futures::{FutureExt, future::FusedFuture};
use kube::Client;
use tokio::{select, time::timeout};

use super::{Dev, Failure};
use crate::{
    config::{LogConfig, Settings},
    dev::{self, Kubernetes, Options, Workloads},
    duration,
    fixtures::Fixtures as Generator,
    policy::Policy,
    remediation::{self, Phase, definition},
    runtime::{self, Addresses},
    telemetry::logs,
};

pub(super) async fn dev(dev: Dev) -> Result<(), Failure> {
    let format = dev.log_format.parse().map_err(|error: crate::config::NotALogFormat| Failure::Usage(format!("--log-format: {error}")))?;
    logs::init(&LogConfig { filter: dev.log_level, format });
    let workloads = match (dev.kubeconfig.is_none() || dev.demo, dev.frozen_workloads) {
        (true, false) => Workloads::Live,
        (true, true) => Workloads::Frozen,
        (false, false) => Workloads::Absent,
        (false, true) => return Err(Failure::usage("--frozen-workloads is about the sample workloads; add --demo")),
    };
    let (kubernetes, place) = match dev.kubeconfig {
        None => (Kubernetes::Embedded, "an embedded Kubernetes API".to_owned()),
        Some(path) => (Kubernetes::Kubeconfig(path.clone()), format!("the Kubernetes API of {}", path.display())),
    };
    // Recorded on that server, so that the uids are its own.
    let samples = if dev.demo { dev.state_dir.join("samples") } else { "tests/samples".into() };
    let samples = samples.display().to_string();
    let state = dev.state_dir.clone();
    let options = Options { state_dir: dev.state_dir, listen: dev.listen, admin_listen: dev.admin_listen, kubernetes, workloads };
    eprintln!("zen-agent dev: throw-away credentials in {}, on {place}; not for production", state.display());
    let state = if state == std::path::Path::new(".zen-agent") { String::new() } else { format!(" --state-dir {}", state.display()) };
    let ready = move |Addresses { api, admin }| {
        announce(&format!(
            "ready api=https://{api} admin=http://{admin}\n\
             \n\
             Try next, in another terminal:\n\
             \x20 zen-agent send falco tests/samples/falco-outbound-c2.json{state}\n\
             \x20 zen-agent get{state}\n\
             \x20 zen-agent send trivy {samples}/trivy-operator-vulnerabilityreport.json{state}\n\
             \x20 zen-agent approve NAME{state}\n\
             \x20 curl http://{admin}/health\n\
             \n\
             The API's pages: http://{admin}/docs   Stop: Ctrl-C\n"
        ));
    };
    dev::run(options, runtime::signals(), ready).await.map_err(Failure::refused)
}

pub(super) async fn serve(settings: Settings) -> Result<(), Failure> {
    let config = settings.validate().map_err(Failure::usage)?;
    logs::init(&config.log);
    let policy = match &config.policy_file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
            Policy::parse(&text).map_err(Failure::usage)?.needs_only(&config.actions).map_err(Failure::usage)?
        }
        None => Policy::built_in(&config.actions).map_err(Failure::usage)?,
    };
    let client = Client::try_default()
        .await
        .map_err(|error| Failure::Usage(format!("no Kubernetes API ({error}); set KUBECONFIG, run in a pod, or use `zen-agent dev`")))?;
    // Before anything is accepted if the API server answers soon, else beside an agent that is not ready until it does.
    let mut definition = pin!(definition::required(&client).fuse());
    if let Ok(checked) = timeout(Duration::from_secs(2), &mut definition).await {
        checked.map_err(Failure::usage)?;
    }
    let shutdown = runtime::signals();
    let ready = |Addresses { api, admin }| announce(&format!("ready api=https://{api} admin=http://{admin}\n"));
    let mut agent = pin!(runtime::run(config, client.clone(), policy, shutdown.clone(), ready));
    select! {
        ended = &mut agent => ended.map_err(Failure::refused),
        Err(unfit) = &mut definition, if !definition.is_terminated() => {
            shutdown.cancel();
            agent.await.map_err(Failure::refused)?;
            Err(Failure::usage(unfit))
        }
    }
}

/// Standard output may be closed, which must not end the agent.
fn announce(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        tracing::info!("ready, with nobody to tell");
    }
}

pub(super) fn config(settings: Settings) -> Result<(), Failure> {
    print!("{}", settings.redacted());
    settings.validate().map(drop).map_err(Failure::usage)
}

pub(super) fn crd() -> Result<(), Failure> {
    print!("{}", serde_yaml_ng::to_string(&remediation::crd()).map_err(Failure::refused)?);
    Ok(())
}

#[derive(clap::Args)]
pub(super) struct Fixtures {
    /// How many.
    #[arg(long, default_value_t = 10)]
    count: usize,
    /// pending, in_progress, succeeded, failed or rolled_back; a mixture when absent.
    #[arg(long)]
    status: Option<String>,
    /// How long ago they ended, or were reported, such as 8d.
    #[arg(long, default_value = "0s")]
    age: String,
    /// Least bytes of each, as JSON.
    #[arg(long, default_value_t = 0)]
    size: usize,
    /// The same seed gives the same remediations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Namespace they are for.
    #[arg(short, long, default_value = dev::NAMESPACE)]
    namespace: String,
}

impl Fixtures {
    pub(super) fn run(self) -> Result<(), Failure> {
        let age = duration::parse(&self.age).map_err(|error| Failure::Usage(format!("--age: {error}")))?;
        let mut generator = Generator::new(self.seed).namespace(self.namespace).age(age).size(self.size);
        if let Some(text) = self.status {
            let phase = Phase::parse(&text);
            if let Phase::Unknown(_) = phase {
                return Err(Failure::Usage(format!("--status: {text:?} is none of pending, in_progress, succeeded, failed, rolled_back")));
            }
            generator = generator.status(phase);
        }
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        for remediation in generator.generate(self.count) {
            let line = serde_json::to_string(&remediation).map_err(Failure::refused)?;
            // A reader that has seen enough, such as `head`, is no failure.
            if writeln!(out, "{line}").is_err() {
                return Ok(());
            }
        }
        out.flush().map_err(Failure::refused)
    }
}
