//! What a forwarder counts.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use prometheus::{Encoder as _, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use tokio::sync::watch;

use super::{ReportKind, Tool};
use crate::{
    problem::Code,
    spool::Shares,
    telemetry::metrics::{counter_vec, register},
};

/// In place of a problem code.
const HANDSHAKE: &str = "handshake";

/// The registry and every metric in it. Cloning shares them.
#[derive(Clone)]
pub(super) struct Metrics {
    registry: Registry,
    accepted: IntCounterVec,
    refused: IntCounterVec,
    delivered: IntCounterVec,
    failed: IntCounterVec,
    parked: IntCounterVec,
    events: IntGaugeVec,
    bytes: IntGaugeVec,
    letters: IntGauge,
    dropped: IntCounter,
    age: GaugeVec,
    watch_up: IntGaugeVec,
    known: IntGaugeVec,
    /// Once the spool is open.
    held: Arc<OnceLock<watch::Receiver<Shares<Tool>>>>,
    /// When the first of a tool's events came that still waits.
    since: Arc<Mutex<[Option<Timestamp>; Tool::ALL.len()]>>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        let by_tool = |name, help| counter_vec(&registry, name, help, &["tool"]);
        let depth = |name, help| register(&registry, IntGaugeVec::new(Opts::new(name, help), &["tool"]));
        let metrics = Self {
            accepted: by_tool("zen_agent_forward_accepted_total", "Events that were acknowledged"),
            refused: counter_vec(
                &registry,
                "zen_agent_forward_refused_total",
                "Requests that were not taken, by problem code; connections refused before a request, as handshake",
                &["code"],
            ),
            delivered: by_tool("zen_agent_forward_delivered_total", "Events that the agent has taken"),
            failed: by_tool("zen_agent_forward_failed_attempts_total", "Attempts to deliver an event that are repeated"),
            parked: by_tool("zen_agent_forward_parked_total", "Events that were given up on, as dead letters"),
            events: depth("zen_agent_forward_spool_events", "Events that wait to be delivered"),
            bytes: depth("zen_agent_forward_spool_bytes", "Bytes of the events that wait to be delivered"),
            letters: register(&registry, IntGauge::new("zen_agent_forward_dead_letters", "Dead letters that wait for a person")),
            dropped: register(
                &registry,
                IntCounter::new("zen_agent_forward_dropped_dead_letters_total", "Dead letters that were dropped as too old or too many"),
            ),
            age: register(
                &registry,
                GaugeVec::new(Opts::new("zen_agent_forward_oldest_age_seconds", "Age of the first event that waits, or zero"), &["tool"]),
            ),
            watch_up: register(
                &registry,
                IntGaugeVec::new(
                    Opts::new("zen_agent_forward_watch_up", "Whether the reports of a kind are watched now, where they are to be"),
                    &["resource"],
                ),
            ),
            known: register(
                &registry,
                IntGaugeVec::new(
                    Opts::new("zen_agent_forward_known_reports", "Reports of a kind that are there and were taken"),
                    &["resource"],
                ),
            ),
            held: Arc::default(),
            since: Arc::default(),
            registry,
        };
        for tool in Tool::ALL {
            for counter in [&metrics.accepted, &metrics.delivered, &metrics.failed, &metrics.parked] {
                counter.with_label_values(&[tool.as_str()]);
            }
        }
        for code in Code::ALL.map(Code::as_str).into_iter().chain([HANDSHAKE]) {
            metrics.refused.with_label_values(&[code]);
        }
        metrics
    }

    /// How much waits in the spool, from now on.
    pub(super) fn show(&self, held: watch::Receiver<Shares<Tool>>) {
        _ = self.held.set(held);
    }

    pub(super) fn accepted(&self, tool: Tool) {
        self.accepted.with_label_values(&[tool.as_str()]).inc();
    }

    pub(super) fn refused(&self, code: Code) {
        self.refused.with_label_values(&[code.as_str()]).inc();
    }

    /// A TLS handshake failed, or took too long.
    pub(super) fn handshake_failed(&self) {
        self.refused.with_label_values(&[HANDSHAKE]).inc();
    }

    pub(super) fn delivered(&self, tool: Tool) {
        self.delivered.with_label_values(&[tool.as_str()]).inc();
    }

    pub(super) fn failed(&self, tool: Tool) {
        self.failed.with_label_values(&[tool.as_str()]).inc();
    }

    pub(super) fn parked(&self, tool: Tool) {
        self.parked.with_label_values(&[tool.as_str()]).inc();
    }

    /// How many dead letters there are, and how many were dropped.
    pub(super) fn holds(&self, letters: usize, dropped: u64) {
        self.dropped.inc_by(dropped.saturating_sub(self.dropped.get()));
        self.letters.set(i64::try_from(letters).unwrap_or(i64::MAX));
    }

    /// That the reports of a kind are to be watched.
    pub(super) fn watches(&self, kind: ReportKind) {
        self.follows(kind, false);
        self.knows(kind, 0);
    }

    /// Whether the reports of a kind are watched now.
    pub(super) fn follows(&self, kind: ReportKind, up: bool) {
        self.watch_up.with_label_values(&[kind.as_str()]).set(up.into());
    }

    /// How many reports of a kind were taken, of those that there are.
    pub(super) fn knows(&self, kind: ReportKind, count: u64) {
        self.known.with_label_values(&[kind.as_str()]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// When the first of a tool's events came that still waits, if one does.
    pub(super) fn waits_since(&self, tool: Tool, since: Option<Timestamp>) {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)[tool as usize] = since;
    }

    /// The text that Prometheus scrapes (exposition format 0.0.4).
    pub(super) fn render(&self) -> Result<String, prometheus::Error> {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, held) = (Timestamp::now(), self.held.get().map(|held| held.borrow().clone()));
        for (tool, since) in Tool::ALL.into_iter().zip(since) {
            let age = since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
            self.age.with_label_values(&[tool.as_str()]).set(age);
            // What is not known yet is not shown as zero.
            if let Some(held) = held.as_ref().map(|held| held.of(tool)) {
                self.events.with_label_values(&[tool.as_str()]).set(i64::try_from(held.records).unwrap_or(i64::MAX));
                self.bytes.with_label_values(&[tool.as_str()]).set(i64::try_from(held.bytes).unwrap_or(i64::MAX));
            }
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
