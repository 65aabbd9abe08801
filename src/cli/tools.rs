//! The commands that run the agent, or need none.

use std::{io::Write, path::Path, pin::pin, time::Duration};

use futures::{FutureExt, future::FusedFuture};
use jiff::Timestamp;
use kube::{Api, Client};
use tokio::{select, time::timeout};

use super::{Configured, Dev, Failure, connect::chain, output};
use crate::{
    dev::{self, DevError, Kubernetes, Options, Workloads},
    duration,
    fixtures::{self, Fixtures as Generator},
    lease, naming,
    policy::Policy,
    remediation::{self, Phase, definition},
    runtime::{self, Addresses, RunError},
    telemetry::logs::{self, LogConfig},
};

pub(super) async fn dev(dev: Dev) -> Result<(), Failure> {
    logs::init(&LogConfig { filter: dev.log_level, format: dev.log_format });
    let workloads = match (dev.kubeconfig.is_none() || dev.demo, dev.frozen_workloads) {
        (true, false) => Workloads::Live,
        (true, true) => Workloads::Frozen,
        (false, false) => Workloads::Absent,
        (false, true) => return Err(Failure::usage("--frozen-workloads is about the sample workloads; add --demo")),
    };
    let (kubernetes, place) = match dev.kubeconfig {
        None => (Kubernetes::Embedded { listen: dev.kube_listen }, "an embedded Kubernetes API".to_owned()),
        Some(path) => (Kubernetes::Kubeconfig(path.clone()), format!("the Kubernetes API of {}", path.display())),
    };
    output::note(&format!("dev: throw-away credentials in {}, on {place}; not for production", dev.state_dir.display()));
    // Recorded on that server, so that the uids are its own.
    let samples = if dev.demo { dev.state_dir.join("samples") } else { "tests/samples".into() };
    let samples = quoted(&samples);
    // As it was called, which works in another terminal, too.
    let program = quoted(Path::new(&std::env::args_os().next().unwrap_or_else(|| "zen-agent".into())));
    let state = match quoted(&dev.state_dir) {
        default if default == ".zen-agent" => String::new(),
        other => format!(" --state-dir {other}"),
    };
    let Dev { state_dir, listen, admin_listen, policy, saas_api_base, .. } = dev;
    let options = Options { state_dir, listen, admin_listen, kubernetes, workloads, policy, saas_api_base };
    let ready = move |Addresses { api, admin }| {
        announce(&format!(
            "ready api=https://{api} admin=http://{admin}\n\
             \n\
             Try next, in another terminal:\n\
             \x20 {program} send falco tests/samples/falco-outbound-c2.json{state}\n\
             \x20 {program} get{state}\n\
             \x20 {program} send trivy {samples}/trivy-operator-vulnerabilityreport.json{state}\n\
             \x20 {program} approve NAME{state}\n\
             \x20 curl http://{admin}/health\n\
             \n\
             The API's pages: http://{admin}/docs   Stop: Ctrl-C\n"
        ));
    };
    dev::run(options, runtime::signals(), ready).await.map_err(|error| match error {
        DevError::Config(_) | DevError::Policy(_) => Failure::usage(error),
        DevError::Run(error) => ended(error),
        other => Failure::refused(other),
    })
}

pub(super) async fn serve(configured: Configured) -> Result<(), Failure> {
    let config = configured.settings()?.validate()?;
    logs::init(&config.log);
    config.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let built_in = Policy::built_in(&config.actions).map_err(Failure::usage)?;
    let client = Client::try_default()
        .await
        .map_err(|error| Failure::Usage(format!("no Kubernetes API ({error}); set KUBECONFIG, run in a pod, or use `zen-agent dev`")))?;
    // Before anything is accepted if the API server answers soon, else beside an agent that is not ready until it does.
    let mut definition = pin!(definition::required(&client).fuse());
    if let Ok(checked) = timeout(Duration::from_secs(2), &mut definition).await {
        checked.map(drop).map_err(Failure::usage)?;
    }
    let shutdown = runtime::signals();
    let ready = |Addresses { api, admin }| announce(&format!("ready api=https://{api} admin=http://{admin}\n"));
    let mut agent = pin!(runtime::run(config, client.clone(), lease::identity(), built_in, shutdown.clone(), ready));
    select! {
        result = &mut agent => result.map_err(ended),
        Err(unfit) = &mut definition, if !definition.is_terminated() => {
            shutdown.cancel();
            agent.await.map_err(ended)?;
            Err(Failure::usage(unfit))
        }
    }
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    // Only a NUL cannot be quoted, and no path holds one.
    shlex::try_quote(&path.to_string_lossy()).unwrap_or_default().into_owned()
}

/// A configuration that turns out to be wrong late is still a wrong configuration.
fn ended(error: RunError) -> Failure {
    match error {
        RunError::File { .. } | RunError::Tls(_) | RunError::Policy(_) | RunError::Verify(_) => Failure::usage(error),
        other => Failure::refused(other),
    }
}

/// Standard output may be closed, which must not end the agent.
pub(super) fn announce(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        tracing::info!("ready, with nobody to tell");
    }
}

pub(super) fn config(configured: Configured) -> Result<(), Failure> {
    let checked = configured.settings()?;
    output::print(checked.settings.redacted().trim_end())?;
    checked.validate()?.warnings.iter().for_each(|warning| output::note(&format!("warning: {warning}")));
    Ok(())
}

pub(super) fn crd() -> Result<(), Failure> {
    output::print(serde_yaml_ng::to_string(&remediation::crd()).map_err(Failure::refused)?.trim_end())
}

/// What ages count from where nobody says: a fixed day, so that the same arguments print the same.
const PRINTED_NOW: &str = "2026-01-01T00:00:00Z";
/// Writes to a cluster under way at the same time.
const CONCURRENCY: usize = 16;

#[derive(clap::Args)]
pub(super) struct Fixtures {
    /// How many.
    #[arg(long, default_value_t = 10)]
    count: usize,
    /// List with commas of pending, in_progress, succeeded, failed and rolled_back; a mixture of all when absent.
    #[arg(long, value_delimiter = ',', value_parser = phase)]
    status: Vec<Phase>,
    /// How long ago they ended, or were reported, such as 8d.
    #[arg(long, default_value = "0s", value_parser = duration::parse)]
    age: std::time::Duration,
    /// Least bytes of each, as JSON.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(fixtures::MAX_SIZE)))]
    size: u32,
    /// The same seed gives the same remediations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The beginning of their names, and their label zen.kube-zen.io/fixture; one for each seed when absent.
    #[arg(long, value_parser = batch)]
    batch: Option<String>,
    /// Namespace they are for.
    #[arg(short, long, default_value = dev::NAMESPACE)]
    namespace: String,
    /// The time that ages count from: 2026-01-01T00:00:00Z for what is printed, the present for what is created.
    #[arg(long)]
    now: Option<Timestamp>,
    /// Create them in the cluster of KUBECONFIG instead of printing them.
    #[arg(long)]
    create: bool,
}

fn phase(text: &str) -> Result<Phase, String> {
    match Phase::parse(text) {
        Phase::Unknown(_) => Err("none of pending, in_progress, succeeded, failed, rolled_back".to_owned()),
        known => Ok(known),
    }
}

fn batch(text: &str) -> Result<String, &'static str> {
    // The names add a number to it.
    let fits = text.len() <= 40 && naming::is_dns_label(text);
    if fits { Ok(text.to_owned()) } else { Err("1 to 40 of a-z, 0-9 and -, not at the ends") }
}

impl Fixtures {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let now = match self.now {
            Some(now) => now,
            None if self.create => Timestamp::now(),
            None => PRINTED_NOW.parse().map_err(Failure::usage)?,
        };
        let size = usize::try_from(self.size).map_err(Failure::usage)?;
        let mut generator = Generator::new(self.seed, now).namespace(&self.namespace).age(self.age).size(size);
        if let Some(batch) = self.batch {
            generator = generator.batch(batch);
        }
        generator = self.status.into_iter().fold(generator, Generator::status);
        let generated = generator.generate(self.count);
        if self.create {
            let client =
                Client::try_default().await.map_err(|error| Failure::Usage(format!("no Kubernetes API ({error}); set KUBECONFIG")))?;
            let created = fixtures::create(&Api::namespaced(client, &self.namespace), generated, CONCURRENCY).await;
            let created = created.map_err(|error| match error {
                kube::Error::Api(status) => Failure::Refused(format!("the Kubernetes API refused it: {}", status.message)),
                other => Failure::Refused(chain(&other)),
            })?;
            return output::print(&format!("{created} created in {}", self.namespace));
        }
        for remediation in generated {
            output::print(&serde_json::to_string(&remediation).map_err(Failure::refused)?)?;
        }
        Ok(())
    }
}
