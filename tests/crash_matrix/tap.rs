//! What stands between the agent and the API server: counts writes, kills, and hides the target.

use std::{
    process::{self, Command},
    sync::{Mutex, PoisonError},
};

use http::{Method, Request, Response};
use kube::{Client, client::Body};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zen_agent::remediation::{StepName, StepState, ZenAgentRemediation};

/// What the world does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Course {
    Holds,
    Undone,
    /// A person asks for what has succeeded to be undone.
    Asked,
    /// A probe passes, for a soak time.
    Verified,
    /// A probe does not pass.
    Refuted,
}

impl Course {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Undone => "undone",
            Self::Asked => "asked",
            Self::Verified => "verified",
            Self::Refuted => "refuted",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Side {
    Before,
    After,
}

impl Side {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// Where an agent dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Boundary {
    /// Counted from one.
    pub(crate) write: usize,
    pub(crate) side: Side,
}

/// What it has seen pass.
pub(crate) struct Tap {
    client: Client,
    course: Course,
    boundary: Option<Boundary>,
    seen: Mutex<Seen>,
}

struct Seen {
    writes: usize,
    /// The step that is under way, by what was last written.
    step: Option<StepName>,
}

impl Tap {
    pub(crate) fn new(client: Client, course: Course, boundary: Option<Boundary>, remediation: &ZenAgentRemediation) -> Self {
        let steps = remediation.status.as_ref().map(|status| json!(status.steps)).unwrap_or_default();
        Self { client, course, boundary, seen: Mutex::new(Seen { writes: 0, step: under_way(&steps) }) }
    }

    pub(crate) async fn pass(&self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let (parts, body) = request.into_parts();
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let bytes = body.collect_bytes().await.unwrap();
        let of_remediation = path.contains("/zenagentremediations/");
        let hidden = self.course == Course::Undone && method == Method::GET && !of_remediation && self.step() == Some(StepName::Validate);
        if hidden {
            return Ok(unreadable());
        }
        let number = (method != Method::GET && !path.ends_with("accessreviews") && !path.contains("/events")).then(|| self.count());
        self.die_at(number, Side::Before);
        let response = self.client.send(Request::from_parts(parts, Body::from(bytes.to_vec()))).await?;
        self.die_at(number, Side::After);
        if of_remediation && path.ends_with("/status") && response.status().is_success() {
            let patch: Value = serde_json::from_slice(&bytes).unwrap();
            if let Some(steps) = patch["status"].get("steps") {
                self.lock().step = under_way(steps);
            }
        }
        Ok(response)
    }

    fn count(&self) -> usize {
        let mut seen = self.lock();
        seen.writes += 1;
        seen.writes
    }

    fn step(&self) -> Option<StepName> {
        self.lock().step
    }

    fn die_at(&self, number: Option<usize>, side: Side) {
        if number.is_some() && number.map(|write| Boundary { write, side }) == self.boundary {
            // Nothing of this process runs on: no destructor, no answer, no log.
            drop(Command::new("kill").args(["-KILL", &process::id().to_string()]).status());
            process::abort();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn under_way(steps: &Value) -> Option<StepName> {
    let mut running = steps.as_array().into_iter().flatten().filter(|step| step["state"] == json!(StepState::Running));
    running.next_back().and_then(|step| serde_json::from_value(step["name"].clone()).ok())
}

fn unreadable() -> Response<Body> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 500, "reason": "InternalError",
        "message": "the target is hidden while it is validated",
    });
    Response::builder().status(500).body(Body::from(status.to_string().into_bytes())).unwrap()
}
