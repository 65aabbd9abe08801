//! Operation × role × tenant: who may do what with whose remediations.
//!
//! For each row, callers of both tenants in all three roles ask for what is the agent's own tenant's and for what is a guest's:
//!
//! ```text
//!  role below the row's ─▶ 403 insufficient_role, whosever it is
//!  own                  ─▶ as the row says
//!  another tenant's     ─▶ Object: 404      Task: 403 tenant_mismatch      Collection, Ingest: as if it were not there
//! ```
//!
//! After each refusal the object is as it was.

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};
use kube::{ResourceExt, api::DeleteParams};
use serde_json::{Value, json};

use crate::{
    agent::sample,
    ground::{Answer, Ground, Tenant},
    mint::CLUSTER,
};

/// Each role includes those before it.
const ROLES: [&str; 3] = ["viewer", "approver", "admin"];

/// What of a tenant an operation reaches.
#[derive(Clone, Copy)]
enum Reach {
    /// A remediation, by its id in the path: in this phase, it is answered so to whom it belongs.
    Object { phase: &'static str, owner: u16 },
    /// A task of the tenant that the body names.
    Task { owner: u16 },
    /// What it creates is the caller's, whatever else there is.
    Ingest,
    /// The remediations of the caller.
    List,
    /// The same, as a stream.
    Watch,
    /// The old remediations of the caller, which it deletes.
    Cleanup,
    /// Every tenant, so that only the agent's own may ask for it.
    Everybody,
}

struct Row {
    operation: &'static str,
    role: &'static str,
    reach: Reach,
}

const fn row(operation: &'static str, role: &'static str, reach: Reach) -> Row {
    Row { operation, role, reach }
}

const ROWS: [Row; 17] = [
    row("ingestEvents", "viewer", Reach::Ingest),
    row("ingestFalco", "viewer", Reach::Ingest),
    row("ingestTrivy", "viewer", Reach::Ingest),
    row("ingestKyverno", "viewer", Reach::Ingest),
    row("listRemediations", "viewer", Reach::List),
    row("watchRemediations", "viewer", Reach::Watch),
    row("getRemediation", "viewer", Reach::Object { phase: "pending", owner: 200 }),
    row("getPlan", "viewer", Reach::Object { phase: "pending", owner: 200 }),
    row("approveRemediation", "approver", Reach::Object { phase: "pending", owner: 200 }),
    row("rejectRemediation", "approver", Reach::Object { phase: "pending", owner: 200 }),
    row("retryRemediation", "approver", Reach::Object { phase: "failed", owner: 200 }),
    // It is seen, and has nothing recorded that could be put back.
    row("rollbackRemediation", "approver", Reach::Object { phase: "succeeded", owner: 409 }),
    row("applyRemediation", "approver", Reach::Task { owner: 202 }),
    row("cancelRemediation", "approver", Reach::Task { owner: 404 }),
    row("cleanupRemediations", "admin", Reach::Cleanup),
    row("emergencyStop", "approver", Reach::Everybody),
    row("emergencyResume", "admin", Reach::Everybody),
];

/// An operation as the contracts have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Operation {
    id: String,
    method: &'static str,
    path: String,
}

/// Those of both contracts.
fn operations() -> BTreeSet<Operation> {
    let mut found = BTreeSet::new();
    for document in [zen_agent::contract::v0::DOCUMENT, zen_agent::contract::v1alpha1::DOCUMENT] {
        let document: Value = serde_json::from_str(document).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let method = ["GET", "POST", "DELETE"].into_iter().find(|known| known.eq_ignore_ascii_case(method)).unwrap();
                found.insert(Operation { id: operation["operationId"].as_str().unwrap().to_owned(), method, path: path.clone() });
            }
        }
    }
    found
}

fn rank(role: &str) -> usize {
    ROLES.iter().position(|known| *known == role).unwrap()
}

/// One caller, and whose the remediation is that is asked for.
#[derive(Clone, Copy, Debug)]
struct Cell {
    role: &'static str,
    caller: Tenant,
    owner: Tenant,
}

fn cells() -> impl Iterator<Item = Cell> {
    let pairs = Tenant::ALL.into_iter().flat_map(|caller| Tenant::ALL.map(|owner| (caller, owner)));
    pairs.flat_map(|(caller, owner)| ROLES.map(|role| Cell { role, caller, owner }))
}

/// Asks for the operation, of the remediation of this name, as the cell says.
async fn ask(ground: &Ground, operation: &Operation, cell: Cell, name: &str) -> Answer {
    let mut draft = Ground::draft(cell.caller, cell.role);
    draft.method = operation.method;
    draft.target = operation.path.replace("{id}", name);
    draft.version = if operation.path.starts_with("/v1alpha1/") { "v1alpha1".into() } else { "v0".into() };
    let target = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "namespace": "shop", "name": "web" });
    let body = |value: Value| value.to_string().into_bytes();
    draft.body = match operation.id.as_str() {
        "ingestEvents" => body(json!({ "cluster_id": CLUSTER, "events": [
            { "source": "test", "rule": name, "severity": "high", "time": jiff::Timestamp::now().to_string(), "target": target },
        ] })),
        "ingestFalco" => sample("falco-shell-in-container.json"),
        "ingestTrivy" => sample("trivy-operator-vulnerabilityreport.json"),
        "ingestKyverno" => sample("policy-reporter-result.json"),
        "applyRemediation" => body(json!({
            "execution_id": name, "tenant_id": cell.owner.name(), "cluster_id": CLUSTER, "remediation_id": name,
            "action": "label", "params": { "labels": { "example.com/seen": "yes" } }, "target": target,
        })),
        "cancelRemediation" => body(json!({ "execution_id": name, "tenant_id": cell.owner.name(), "cluster_id": CLUSTER })),
        _ if operation.method == "POST" => body(json!({ "reason": "for a test" })),
        _ => Vec::new(),
    };
    match operation.id.as_str() {
        "cleanupRemediations" => draft.target += "?older_than=1h&statuses=failed",
        "watchRemediations" => draft.target += "?timeout_seconds=1",
        _ => {}
    }
    ground.ask(cell.caller, draft).await
}

/// What a person has decided or asked of a remediation, which no refused request may change.
async fn decided(ground: &Ground, name: &str) -> Value {
    let Some(object) = ground.objects().get_opt(name).await.unwrap() else { return Value::Null };
    let condition = |type_: &str| object.condition(type_).is_some_and(|condition| condition.status == "True");
    let status = object.status.clone().unwrap_or_default();
    json!({
        "spec": object.spec, "phase": object.phase().label(), "deleted": object.metadata.deletion_timestamp.is_some(),
        "approval": status.approval, "retries": status.retry_request_ids, "undone": condition("RollbackRequested"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_for_its_role_and_for_the_callers_own_tenant() {
    let ground = Ground::new().await;
    let operations = operations();
    let named: BTreeSet<_> = operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(named, ROWS.iter().map(|row| row.operation).collect(), "each operation of the contracts has its row");
    let mut wrong = Vec::new();
    for operation in &operations {
        let row = ROWS.iter().find(|row| row.operation == operation.id).unwrap();
        let version = if operation.path.starts_with("/v1alpha1/") { "alpha" } else { "v0" };
        // One cleanup would delete what another cell has made, and a stop and a resume at once contend.
        let at_once = if matches!(row.reach, Reach::Cleanup | Reach::Everybody) { 1 } else { cells().count() };
        let asked = cells().enumerate().map(async |(index, cell)| {
            let name = format!("{}-{version}-{index}", operation.id.to_lowercase());
            let held = holds(&ground, operation, row, cell, &name).await;
            held.map_err(|why| format!("{} {} {cell:?}: {why}", operation.method, operation.path))
        });
        wrong.extend(stream::iter(asked).buffer_unordered(at_once).filter_map(async |held| held.err()).collect::<Vec<_>>().await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether it is as the table says.
async fn holds(ground: &Ground, operation: &Operation, row: &Row, cell: Cell, name: &str) -> Result<(), String> {
    let own = cell.caller == cell.owner;
    let phase = match row.reach {
        Reach::Object { phase, .. } => phase,
        Reach::Cleanup => "failed",
        _ => "pending",
    };
    ground.create(name, cell.owner, phase).await;
    let before = decided(ground, name).await;
    let answer = ask(ground, operation, cell, name).await;
    let is = |status: u16, code: &str| {
        let same = answer.status == status && answer.code() == code;
        if same { Ok(()) } else { Err(format!("{status} {code} was to come, and not {answer:?}")) }
    };
    let answered = |status: u16| if answer.status == status { Ok(()) } else { Err(format!("{status} was to come, and not {answer:?}")) };
    let untouched = async || {
        let after = decided(ground, name).await;
        if after == before { Ok(()) } else { Err(format!("{before} has become {after}")) }
    };
    let told = |wanted: bool| {
        let told = answer.text.contains(&format!("\"{name}\""));
        if told == wanted { Ok(()) } else { Err(format!("whether it is told of {name}: {told}")) }
    };
    let result = if rank(cell.role) < rank(row.role) {
        is(403, "insufficient_role").and(untouched().await)
    } else {
        match row.reach {
            Reach::Object { owner, .. } if own => answered(owner),
            Reach::Object { .. } => is(404, "not_found").and(untouched().await),
            Reach::Task { owner } if own => answered(owner),
            Reach::Task { .. } => is(403, "tenant_mismatch"),
            Reach::Ingest => answered(202).and(created(ground, cell.caller, &answer).await),
            Reach::List | Reach::Watch => answered(200).and(told(own)),
            Reach::Cleanup => {
                let gone = decided(ground, name).await == Value::Null;
                answered(200).and(if gone == own { Ok(()) } else { Err(format!("whether it was deleted: {gone}")) })
            }
            Reach::Everybody if cell.caller == Tenant::Own => answered(200),
            Reach::Everybody => is(403, "insufficient_role"),
        }
    };
    // What is not needed any more would fill the pages of those who ask later.
    drop(ground.objects().delete(name, &DeleteParams::default()).await);
    result
}

/// Whether what an event has led to is the caller's.
async fn created(ground: &Ground, caller: Tenant, answer: &Answer) -> Result<(), String> {
    let Some(name) = answer.json()["results"][0]["remediation"].as_str().map(str::to_owned) else {
        return Err(format!("nothing came of it: {answer:?}"));
    };
    let object = ground.objects().get(&name).await.unwrap();
    let tenant = object.labels().get("zen.kube-zen.io/tenant").cloned();
    if tenant.as_deref() == Some(caller.name()) { Ok(()) } else { Err(format!("it is of {tenant:?}")) }
}
