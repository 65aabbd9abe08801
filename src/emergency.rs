//! The emergency stop: one ConfigMap in the agent's namespace that halts every change of a target.
//!
//! ```text
//!  zen-agent stop ─▶ API ─┐
//!  kubectl ───────────────┴▶ ConfigMap zen-agent-emergency-stop ─▶ every replica reads it each second ([`Watcher`])
//!                                                                        │ Order
//!                              ┌─────────────────────────────────────────┴──────────────┐
//!                              ▼ the leader's pipeline                                   ▼ all
//!        a pass under way is cut off, as by a crash; what may run,               /health, a gauge
//!        executes or rolls back is Held, reason EmergencyStop
//! ```
//!
//! | what is read | order |
//! |---|---|
//! | no such ConfigMap, or its key `stop` is absent or `false` | proceed |
//! | `stop` is anything else | halt |
//! | nothing, for [`PATIENCE`]: forbidden, or no answer | halt, since it cannot be known |
//!
//! Validation goes on, from a new pass, since it changes nothing: what had been recorded as carried out may end succeeded. A change
//! that was made by a pass that was cut off is recorded once the stop is lifted, and an undo that validation calls for waits too. A
//! call that was sent already may still be carried out; a create is looked after, and taken back where it came too late
//! (`pipeline/actions/create.rs`). Until the first order is read no work is handed out; when the order changes, the leader looks at
//! everything again (`runtime::leader`).
//!
//! Without a ConfigMap nobody has to make one for the agent to work; with `kubectl` it is stopped and resumed thus, also where nobody
//! has a token:
//!
//! ```text
//! kubectl -n NAMESPACE create configmap zen-agent-emergency-stop --from-literal stop=true --from-literal reason=…
//! kubectl -n NAMESPACE delete configmap zen-agent-emergency-stop
//! ```

mod switch;

use std::{fmt, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use prometheus::IntGauge;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{causes::chain, deadline::within, heartbeat::Heartbeat, telemetry::Metrics};

pub use switch::{Switch, SwitchError, Switched};

/// The ConfigMap's name.
pub const NAME: &str = "zen-agent-emergency-stop";
/// How often it is read.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a read may take.
const READ: Duration = Duration::from_secs(3);
/// How long the last answer counts where there is no new one.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Whether targets may be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// They may.
    Proceed,
    /// They may not.
    Halt(Halt),
}

/// Why targets may not be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Somebody said so.
    Ordered {
        /// Who, where it is written.
        by: Option<String>,
        /// Why, where it is written.
        reason: Option<String>,
    },
    /// The order cannot be read.
    Unknown,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordered { by, reason } => {
                f.write_str("the emergency stop is set")?;
                by.as_ref().map_or(Ok(()), |by| write!(f, " by {by}"))?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
            }
            Self::Unknown => write!(f, "whether the emergency stop is set cannot be read (ConfigMap {NAME}), so it counts as set"),
        }
    }
}

impl Halt {
    /// What every tenant, and whoever reads the health, may know of it.
    pub const fn public(&self) -> &'static str {
        match self {
            Self::Ordered { .. } => "the emergency stop is set",
            Self::Unknown => "whether the emergency stop is set cannot be read, so it counts as set",
        }
    }
}

impl Order {
    /// Why targets may not be changed, where they may not.
    pub const fn halt(&self) -> Option<&Halt> {
        match self {
            Self::Proceed => None,
            Self::Halt(halt) => Some(halt),
        }
    }
}

/// The order as it stands. Cloning shares it.
#[derive(Clone, Debug)]
pub struct EmergencyStop(watch::Receiver<Option<Order>>);

impl EmergencyStop {
    /// The order, and who gives it. Until the first is given, it is to halt.
    pub fn new() -> (watch::Sender<Option<Order>>, Self) {
        let (orders, given) = watch::channel(None);
        (orders, Self(given))
    }

    /// An order to proceed that nobody changes.
    pub fn never() -> Self {
        Self(watch::channel(Some(Order::Proceed)).1)
    }

    /// The order now.
    pub fn order(&self) -> Order {
        self.0.borrow().clone().unwrap_or(Order::Halt(Halt::Unknown))
    }

    /// Returns once there is an order at all.
    pub async fn known(&self) {
        self.until(Option::is_some).await;
    }

    /// Returns once the order is to halt.
    pub async fn halted(&self) {
        self.until(|order| !matches!(order, Some(Order::Proceed))).await;
    }

    /// Returns when the order is another one than this.
    pub async fn other_than(&self, order: &Order) {
        self.until(|now| now.as_ref().unwrap_or(&Order::Halt(Halt::Unknown)) != order).await;
    }

    async fn until(&self, wanted: impl FnMut(&Option<Order>) -> bool) {
        // Where nobody gives orders any more, the last one stands.
        if self.0.clone().wait_for(wanted).await.is_err() {
            std::future::pending().await
        }
    }
}

/// Reads the order, again and again.
pub struct Watcher {
    api: Api<ConfigMap>,
    orders: watch::Sender<Option<Order>>,
    gauge: IntGauge,
    heartbeat: Heartbeat,
}

impl Watcher {
    /// A watcher of the ConfigMap in this namespace, and what it finds.
    pub fn new(client: Client, namespace: &str, metrics: &Metrics) -> (Self, EmergencyStop) {
        let (orders, stop) = EmergencyStop::new();
        let api = Api::namespaced(client, namespace);
        (Self { api, orders, gauge: metrics.emergency_stop.clone(), heartbeat: Heartbeat::new() }, stop)
    }

    /// Beats with each read.
    pub const fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// Reads until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut due = interval(PERIOD);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answered = Instant::now();
        while stop.run_until_cancelled(due.tick()).await.is_some() {
            let Some(read) = stop.run_until_cancelled(within(READ, self.api.get_opt(NAME))).await else { return };
            self.heartbeat.beat();
            match read {
                Ok(found) => {
                    answered = Instant::now();
                    self.give(order(found.as_ref()));
                }
                Err(error) => {
                    tracing::debug!(error = chain(&error), "the emergency stop could not be read");
                    // What was ordered stays so; what was not is not known for long.
                    if answered.elapsed() >= PATIENCE && self.orders.borrow().as_ref().is_none_or(|order| order.halt().is_none()) {
                        tracing::error!(
                            error = chain(&error),
                            "the emergency stop cannot be read, and counts as set: no target is changed"
                        );
                        self.give(Order::Halt(Halt::Unknown));
                    }
                }
            }
        }
    }

    fn give(&self, order: Order) {
        self.gauge.set(i64::from(order.halt().is_some()));
        self.orders.send_if_modified(|known| {
            if known.as_ref() == Some(&order) {
                return false;
            }
            match &order {
                Order::Halt(halt) => tracing::warn!("no target is changed: {halt}"),
                Order::Proceed if known.is_some() => tracing::warn!("the emergency stop is lifted: targets are changed again"),
                Order::Proceed => {}
            }
            *known = Some(order);
            true
        });
    }
}

/// What a ConfigMap orders.
fn order(found: Option<&ConfigMap>) -> Order {
    let text = |key: &str| found.and_then(|map| map.data.as_ref()?.get(key)).map(|text| text.trim()).filter(|text| !text.is_empty());
    match text(switch::STOP) {
        None | Some("false") => Order::Proceed,
        Some(_) => {
            let kept = |key| text(key).map(|text| text.chars().take(switch::TEXT).collect());
            Order::Halt(Halt::Ordered { by: kept(switch::BY), reason: kept(switch::REASON) })
        }
    }
}

#[cfg(test)]
mod tests;
