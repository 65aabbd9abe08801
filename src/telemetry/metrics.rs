//! Every metric of the agent, defined in one place.
//!
//! Names follow Prometheus' conventions; every label is bounded, none names a tenant, and every
//! series whose labels are known exists from the start, at zero.

mod labels;

use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use labels::{OUTCOMES, RELOADS, UNROUTED};
pub use labels::{PROCESSING_PHASES, Told, Unanswered};

use crate::{
    audit,
    contract::{Route, v0, v1alpha1},
    event::Ignored,
    problem::Code,
    remediation::{ActionKind, Answer, Phase, ProbeKind},
};

const SIZE_BUCKETS: [f64; 8] = [512.0, 1_024.0, 2_048.0, 4_096.0, 8_192.0, 16_384.0, 32_768.0, 65_536.0];
const AGE_BUCKETS: [f64; 9] = [60.0, 600.0, 3_600.0, 21_600.0, 86_400.0, 259_200.0, 604_800.0, 1_209_600.0, 2_592_000.0];
const DURATION_BUCKETS: [f64; 12] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0];

/// The registry and every metric in it. Cloning shares them.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    /// Remediations in the cache of this replica, by status: not to be added up over replicas.
    pub crd_count: IntGaugeVec,
    crd_memory: HistogramVec,
    crd_age: HistogramVec,
    processing: HistogramVec,
    /// Whether this replica leads: 1 or 0.
    pub leader: IntGauge,
    /// Whether the emergency stop is set, as this replica reads it.
    pub emergency_stop: IntGauge,
    /// What waits for a worker, in the backlog and in the pool's queue; without a pool, all that has changed.
    pub queue_depth: IntGauge,
    /// Workers that are busy.
    pub workers_active: IntGauge,
    work_processed: IntCounterVec,
    work_duration: HistogramVec,
    requests: IntCounterVec,
    request_duration: Histogram,
    rejections: IntCounterVec,
    ignored: IntCounterVec,
    /// Panics that were contained: a defect each.
    pub panics: IntCounter,
    /// Actions ended, by action and outcome.
    pub actions: IntCounterVec,
    /// Answers of probes, by kind and answer.
    pub probe_answers: IntCounterVec,
    /// Kubernetes Events, by outcome: recorded, failed, dropped.
    pub events: IntCounterVec,
    policy_reloads: IntCounterVec,
    policy_valid: IntGauge,
    /// Remediations deleted by retention and cleanup, by outcome: deleted, changed, gone, error.
    pub retention: IntCounterVec,
    /// Circuit breakers, by dependency: 0 closed, 1 half-open, 2 open.
    pub circuit: IntGaugeVec,
    /// Circuit breakers of actions, by action, as above.
    pub action_circuit: IntGaugeVec,
    told: IntCounterVec,
    /// Remediations whose status is to be told to the SaaS, by stage: observe, send.
    pub saas_queue: IntGaugeVec,
    /// Reports in the spool.
    pub saas_spool: IntGauge,
    /// Reports that were given up on.
    pub saas_dead_letters: IntGauge,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Panics
    /// Only if two definitions below share a name, which every test that makes one shows.
    pub fn new() -> Self {
        let registry = Registry::new();
        let metrics = Self {
            crd_count: gauge_vec(
                &registry,
                "zen_agent_crd_count",
                "Remediations in this replica's cache; every replica has them all",
                &["status"],
            ),
            crd_memory: histogram_vec(&registry, "zen_agent_crd_memory_bytes", "Size of remediations as JSON", &["status"], &SIZE_BUCKETS),
            crd_age: histogram_vec(&registry, "zen_agent_crd_age_seconds", "Age of remediations when seen", &["status"], &AGE_BUCKETS),
            processing: histogram_vec(
                &registry,
                "zen_agent_crd_processing_duration_seconds",
                "Duration of a processing phase",
                &["status", "phase"],
                &DURATION_BUCKETS,
            ),
            leader: register(
                &registry,
                IntGauge::new("zen_agent_leader", "1 on the replica that leads and works on remediations, 0 on the others"),
            ),
            emergency_stop: register(
                &registry,
                IntGauge::new("zen_agent_emergency_stop", "1 while no target may be changed: the emergency stop is set, or cannot be read"),
            ),
            queue_depth: register(
                &registry,
                IntGauge::new(
                    "zen_agent_worker_pool_queue_depth",
                    "Remediations waiting for a worker; on a replica that does not lead, all that it would look at if it did",
                ),
            ),
            workers_active: register(&registry, IntGauge::new("zen_agent_worker_pool_workers_active", "Workers that are busy")),
            work_processed: counter_vec(
                &registry,
                "zen_agent_worker_pool_work_processed_total",
                "Items processed, by the status they were left in; failed attempts as failed, except conflicts and deleted objects",
                &["status"],
            ),
            work_duration: histogram_vec(
                &registry,
                "zen_agent_worker_pool_work_duration_seconds",
                "Duration of one item's processing",
                &["status"],
                &DURATION_BUCKETS,
            ),
            requests: counter_vec(
                &registry,
                "zen_agent_requests_total",
                "Requests answered, by operation and status code",
                &["operation", "code"],
            ),
            request_duration: register(
                &registry,
                Histogram::with_opts(
                    HistogramOpts::new("zen_agent_request_duration_seconds", "Time to answer a request").buckets(DURATION_BUCKETS.to_vec()),
                ),
            ),
            rejections: counter_vec(
                &registry,
                "zen_agent_rejections_total",
                "Requests refused, by problem code; connections refused before a request, as handshake or malformed_http",
                &["reason"],
            ),
            ignored: counter_vec(
                &registry,
                "zen_agent_events_ignored_total",
                "Accepted events that lead to nothing, by reason",
                &["reason"],
            ),
            panics: register(&registry, IntCounter::new("zen_agent_panics_total", "Panics contained")),
            actions: counter_vec(&registry, "zen_agent_actions_total", "Actions ended, by action and outcome", &["action", "outcome"]),
            probe_answers: counter_vec(
                &registry,
                "zen_agent_probe_answers_total",
                "Answers of probes, by kind and answer",
                &["probe", "answer"],
            ),
            events: counter_vec(&registry, "zen_agent_kubernetes_events_total", "Kubernetes Events, by outcome", &["outcome"]),
            policy_reloads: counter_vec(
                &registry,
                "zen_agent_policy_reloads_total",
                "Changes of the policy file, by result; after a failure the former policy is in force",
                &["result"],
            ),
            policy_valid: register(
                &registry,
                IntGauge::new(
                    "zen_agent_policy_last_reload_successful",
                    "1 while the policy in force is what the policy file says, 0 while the file cannot be used",
                ),
            ),
            retention: counter_vec(
                &registry,
                "zen_agent_retention_total",
                "Remediations handled by retention and cleanup, by outcome",
                &["outcome"],
            ),
            circuit: gauge_vec(
                &registry,
                "zen_agent_circuit_state",
                "Circuit breakers, by dependency: 0 closed, 1 half-open, 2 open",
                &["dependency"],
            ),
            action_circuit: gauge_vec(
                &registry,
                "zen_agent_action_circuit_state",
                "Circuit breakers of actions on the leader: 0 closed, 1 half-open, 2 open",
                &["action"],
            ),
            told: counter_vec(&registry, "zen_agent_saas_reports_total", "Attempts to tell the SaaS a status, by outcome", &["outcome"]),
            saas_queue: gauge_vec(
                &registry,
                "zen_agent_saas_queue_depth",
                "Remediations that wait for being looked at, or for being told to the SaaS",
                &["stage"],
            ),
            saas_spool: register(&registry, IntGauge::new("zen_agent_saas_spool_entries", "Reports to the SaaS in this replica's spool")),
            saas_dead_letters: register(
                &registry,
                IntGauge::new("zen_agent_saas_dead_letters", "Reports to the SaaS that this replica has given up on"),
            ),
            registry,
        };
        let build = gauge_vec(&metrics.registry, "zen_agent_build_info", "Always 1; the labels say what runs", &["version"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        for status in Phase::LABELS {
            metrics.crd_count.with_label_values(&[status]).set(0);
            metrics.crd_memory.with_label_values(&[status]);
            metrics.crd_age.with_label_values(&[status]);
            metrics.work_processed.with_label_values(&[status]);
            metrics.work_duration.with_label_values(&[status]);
            for phase in PROCESSING_PHASES {
                metrics.processing.with_label_values(&[status, phase]);
            }
        }
        for route in v0::ROUTES.iter().chain(v1alpha1::ROUTES) {
            let Route { operation, successes, problems, .. } = route;
            for status in successes.iter().chain(*problems) {
                metrics.requests.with_label_values(&[operation.id, &status.to_string()]);
            }
        }
        for status in UNROUTED {
            metrics.requests.with_label_values(&[audit::NO_OPERATION, &status.to_string()]);
        }
        for reason in Code::ALL.map(Code::as_str).into_iter().chain(Unanswered::ALL.map(Unanswered::as_str)) {
            metrics.rejections.with_label_values(&[reason]);
        }
        for action in ActionKind::ALL {
            for outcome in &OUTCOMES {
                metrics.actions.with_label_values(&[action.as_str(), outcome.label()]);
            }
        }
        for kind in ProbeKind::ALL {
            for answer in Answer::LABELS {
                metrics.probe_answers.with_label_values(&[kind.as_str(), answer]);
            }
        }
        for reason in Ignored::ALL {
            metrics.ignored.with_label_values(&[reason.as_str()]);
        }
        metrics.policy_valid.set(1);
        for result in RELOADS {
            metrics.policy_reloads.with_label_values(&[result]);
        }
        for outcome in ["recorded", "failed", "dropped"] {
            metrics.events.with_label_values(&[outcome]);
        }
        for outcome in ["deleted", "changed", "gone", "error"] {
            metrics.retention.with_label_values(&[outcome]);
        }
        for dependency in ["kubernetes", "saas"] {
            metrics.circuit.with_label_values(&[dependency]).set(0);
        }
        for action in ActionKind::ALL {
            metrics.action_circuit.with_label_values(&[action.as_str()]).set(0);
        }
        for outcome in Told::ALL {
            metrics.told.with_label_values(&[outcome.as_str()]);
        }
        metrics
    }

    /// Counts an attempt to tell the SaaS.
    pub fn told(&self, outcome: Told) {
        self.told.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Records the size and age of a remediation that was added, or that changed its status.
    pub fn seen(&self, status: &Phase, bytes: usize, age: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
        self.crd_memory.with_label_values(&[status.label()]).observe(bytes as f64);
        self.crd_age.with_label_values(&[status.label()]).observe(age.as_secs_f64());
    }

    /// Records how long a phase (one of [`PROCESSING_PHASES`]) took, and the status it led to.
    pub fn processed(&self, status: &Phase, phase: &'static str, took: Duration) {
        self.processing.with_label_values(&[status.label(), phase]).observe(took.as_secs_f64());
    }

    /// Records one work item: the status it was left in, and the time it took.
    ///
    /// An attempt that failed counts as `failed`, also when it is repeated. An attempt that lost to
    /// another writer, or that came after the object's deletion, is not recorded at all; so the rate of
    /// `failed` is the rate of what went wrong.
    pub fn worked(&self, status: &Phase, took: Duration) {
        self.work_processed.with_label_values(&[status.label()]).inc();
        self.work_duration.with_label_values(&[status.label()]).observe(took.as_secs_f64());
    }

    /// Records a request that was answered.
    pub fn answered(&self, operation: &'static str, status: http::StatusCode, took: Duration) {
        self.requests.with_label_values(&[operation, status.as_str()]).inc();
        self.request_duration.observe(took.as_secs_f64());
    }

    /// Counts a request that was refused.
    pub fn rejected(&self, code: Code) {
        self.rejections.with_label_values(&[code.as_str()]).inc();
    }

    /// Counts a connection that got no answer.
    pub fn unanswered(&self, what: Unanswered) {
        self.rejections.with_label_values(&[what.as_str()]).inc();
    }

    /// Counts an event that was accepted and leads to nothing.
    pub fn ignored(&self, reason: &'static str) {
        self.ignored.with_label_values(&[reason]).inc();
    }

    /// Counts a change of the policy file, which could be used or not.
    pub fn policy_reloaded(&self, usable: bool) {
        self.policy_reloads.with_label_values(&[RELOADS[usize::from(usable)]]).inc();
        self.policy_valid.set(i64::from(usable));
    }

    /// The text that Prometheus scrapes (exposition format 0.0.4).
    ///
    /// # Errors
    /// When a metric cannot be encoded, which the definitions above exclude.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::unwrap_used, reason = "fails only on a malformed or doubled definition in this file, at the first start of any test")]
pub(crate) fn register<M: prometheus::core::Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<M>) -> M {
    let metric = metric.unwrap();
    registry.register(Box::new(metric.clone())).unwrap();
    metric
}

fn gauge_vec(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    register(registry, IntGaugeVec::new(Opts::new(name, help), labels))
}

pub(crate) fn counter_vec(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    register(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn histogram_vec(registry: &Registry, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
    register(registry, HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
}
