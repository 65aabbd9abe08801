//! `forward`: takes what security tools write, and gives it to the agent, signed.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{
    Failure,
    connect::{BUSY, chain},
    input, output,
    send::post,
    tools::announce,
};
use crate::{
    client::{Client, Credentials, DEFAULT_BASE_URL},
    forward::{self, Addresses, ForwardError, Options, ReportKind, Tool},
    problem::Problem,
    runtime,
    telemetry::logs::{self, LogConfig, LogFilter, LogFormat},
};

#[derive(clap::Args)]
pub(super) struct Forward {
    /// Send one body of this tool, print what became of it, and end.
    #[arg(requires = "file")]
    tool: Option<Tool>,
    /// File with that body; - reads standard input.
    #[arg(requires = "tool")]
    file: Option<PathBuf>,
    /// Folder of the credentials for the agent, in `client`, and of what waits for it, in `forward`.
    #[arg(long, env = "ZEN_AGENT_STATE_DIR", default_value = ".zen-agent")]
    state_dir: PathBuf,
    /// Address for the tools: POST /falco, /trivy and /kyverno. One that other machines reach needs --token-file or --client-ca.
    #[arg(long, default_value = "127.0.0.1:2802")]
    listen: SocketAddr,
    /// Address of health and metrics.
    #[arg(long, default_value = "127.0.0.1:2803")]
    admin_listen: SocketAddr,
    /// Address of the agent.
    #[arg(long, value_name = "URL", default_value = DEFAULT_BASE_URL)]
    to: String,
    /// Follow Falco's output file, of JSON lines, from where the last process was.
    #[arg(long, value_name = "FILE", conflicts_with = "tool")]
    tail: Option<PathBuf>,
    /// Kinds of reports to watch in the cluster of KUBECONFIG, or of the pod: each one that is created or changed is sent.
    #[arg(long, value_name = "KIND", value_delimiter = ',', conflicts_with = "tool")]
    watch: Vec<ReportKind>,
    /// File with the tokens, one a line, of which callers have to send one as `Authorization: Bearer`. It and the certificates are read
    /// anew when they change.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// File with the CA of client certificates, which do in place of the token.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
    /// File with the certificate chain of the listener.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// File with its key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Log filter: error, warn, info, debug, trace, or per module.
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    log_level: LogFilter,
    /// pretty or json.
    #[arg(long, env = "LOG_FORMAT", default_value = "pretty")]
    log_format: LogFormat,
}

impl Forward {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if let Some((tool, file)) = self.tool.zip(self.file) {
            return one(tool, &file, &self.state_dir, &self.to).await;
        }
        logs::init(&LogConfig { filter: self.log_level, format: self.log_format });
        let Self { state_dir, listen, admin_listen, to, tail, watch, token_file, client_ca, tls_cert, tls_key, .. } = self;
        output::note(&format!("forward: credentials of {0}/client, events that wait in {0}/forward, for {to}", state_dir.display()));
        let watch = watch.into_iter().collect();
        let options = Options { state_dir, listen, admin_listen, to, tail, watch, token_file, client_ca, tls: tls_cert.zip(tls_key) };
        let ready = |Addresses { tools, admin }| announce(&format!("ready tools={tools} admin=http://{admin}\n"));
        forward::run(options, runtime::signals(), ready).await.map_err(|error| match error {
            ForwardError::Spool(_) | ForwardError::Reports(_) | ForwardError::Listen { .. } | ForwardError::Ended => {
                Failure::Refused(chain(&error))
            }
            ForwardError::Door(_) | ForwardError::Credentials(_) | ForwardError::Client(_) | ForwardError::Kubernetes(_) => {
                Failure::Usage(chain(&error))
            }
        })
    }
}

/// Sends what one file holds, under the request id that a forwarder would send it under.
async fn one(tool: Tool, file: &Path, state_dir: &Path, to: &str) -> Result<(), Failure> {
    let credentials = Credentials::read(&state_dir.join("client")).map_err(|error| Failure::Usage(chain(&error)))?;
    let client = Client::new(&credentials, to, BUSY).map_err(|error| Failure::Usage(chain(&error)))?.stable;
    let (id, body) = forward::one(credentials.tenant(), tool, &input::read(file)?).map_err(|problem| refusal(&problem))?;
    output::receipt(&post(&client, tool.into(), &id, body.into()).await?)
}

fn refusal(problem: &Problem) -> Failure {
    let mut text = problem.detail.to_string();
    for violation in &problem.violations {
        let place = if violation.pointer.is_empty() { "the body" } else { &violation.pointer };
        text.push_str(&format!("\n  {place}: {}", violation.message));
    }
    Failure::Refused(text)
}
