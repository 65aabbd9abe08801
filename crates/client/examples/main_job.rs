//! The main job: an event is sent twice, acted on once, and watched until its remediation has ended.
//!
//! ```text
//! zen-agent dev &
//! cargo run -p zen-agent-client --example main_job -- .zen-agent tests/samples/falco-outbound-c2.json
//! ```

use std::{error::Error as StdError, fs, path::PathBuf, time::Duration};

use tokio::time::{Instant, sleep};
use zen_agent_client::{
    Client, Credentials, DEFAULT_BASE_URL, Error, Retries, request_id,
    v0::types::{Outcome, Problem, Remediation, Status},
};

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(state), Some(event)) = (arguments.next(), arguments.next()) else {
        return Err("usage: main_job STATE_DIR EVENT.json".into());
    };

    // 1. Who calls, and whom: `zen-agent dev` leaves both.
    let folder = state.join("client");
    let url = fs::read_to_string(folder.join("url")).unwrap_or_else(|_| DEFAULT_BASE_URL.to_owned());
    let client = Client::new(&Credentials::read(&folder)?, url.trim(), Retries::WhileAway)?.stable;

    // 2. An event, as its tool wrote it. Sent again under the same id it is the same request.
    let (id, body) = (request_id(), fs::read(event)?);
    let first = client.ingest_falco(&id, body.clone()).await?.into_inner();
    let again = client.ingest_falco(&id, body).await?.into_inner();
    let [receipt] = &first.results[..] else { return Err("one event has one result".into()) };
    let name = receipt.remediation.clone().ok_or("nothing is to be done about this event")?;
    if again.results[0].remediation.as_ref() != Some(&name) || again.results[0].outcome != Outcome::Replayed {
        return Err(format!("a repeat acted again: {again:?}").into());
    }

    // 3. What became of it.
    let ended = ended(&client, &name).await?;
    println!("{name} {} {}", ended.status, ended.reason.as_deref().unwrap_or_default());

    // 4. A refusal is a problem document: its code is for programs, its detail for people.
    match client.get_remediation("there-is-none", &request_id()).await {
        Err(Error::ErrorResponse(problem)) => {
            let Problem { code, detail, .. } = &*problem;
            println!("{code}: {detail}");
            Ok(())
        }
        other => Err(format!("expected a problem document: {other:?}").into()),
    }
}

/// Waits until a remediation has ended.
async fn ended(client: &zen_agent_client::v0::Client, name: &str) -> Result<Remediation, Box<dyn StdError>> {
    let begun = Instant::now();
    loop {
        let item = client.get_remediation(name, &request_id()).await?.into_inner();
        match item.status {
            Status::Pending | Status::InProgress if begun.elapsed() < DEADLINE => sleep(Duration::from_millis(100)).await,
            Status::Succeeded => return Ok(item),
            status => return Err(format!("{name} is {status}: {:?}", item.reason).into()),
        }
    }
}
