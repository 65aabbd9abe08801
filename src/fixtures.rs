//! Remediations made to measure, for tests, load and demonstrations.
//!
//! The same seed, time and settings make the same objects: nothing here looks at a clock. No server lets a client set
//! `creationTimestamp`, so age is put where clients can: `status.completedAt`, which retention counts
//! from, for terminal statuses; `status.startedAt` for what is in progress; `spec.eventTime` for all.
//!
//! Their targets do not exist: a worker that meets one that is not terminal finds nothing to change.

mod create;

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::ObjectMeta;

pub use create::create;

use crate::{
    event::Target,
    pipeline::actions::LabelAction,
    random::SplitMix64,
    remediation::{Action, Mode, Phase, RemediationSpec, RemediationStatus, ZenAgentRemediation},
};

/// Label: the batch that a fixture belongs to; select it to delete them.
pub const BATCH_LABEL: &str = "zen.kube-zen.io/fixture";

/// Bytes of the largest that is of use: the agent stores no larger remediation (64 KiB).
pub const MAX_SIZE: u32 = 64 * 1_024;

const SOURCES: [&str; 3] = ["falco", "trivy", "kyverno"];
const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];
const KNOWN: [Phase; 5] = [Phase::Pending, Phase::InProgress, Phase::Succeeded, Phase::Failed, Phase::RolledBack];

/// The settings of a generator.
#[derive(Clone, Debug)]
pub struct Fixtures {
    seed: u64,
    namespace: String,
    batch: String,
    statuses: Vec<Phase>,
    age: Duration,
    size: usize,
    now: Timestamp,
}

impl Fixtures {
    /// Fixtures of all statuses, no age and natural size, in the namespace `default`; ages count from `now`.
    pub fn new(seed: u64, now: Timestamp) -> Self {
        Self {
            seed,
            namespace: "default".to_owned(),
            batch: format!("fixture-{seed:x}"),
            statuses: Vec::new(),
            age: Duration::ZERO,
            size: 0,
            now,
        }
    }

    /// In this namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Of this batch: the beginning of their names, and their label [`BATCH_LABEL`]. Two batches
    /// can be in one namespace. It must be a valid name of an object, and short.
    #[must_use]
    pub fn batch(mut self, batch: impl Into<String>) -> Self {
        self.batch = batch.into();
        self
    }

    /// Of this status; called again, of either.
    #[must_use]
    pub fn status(mut self, phase: Phase) -> Self {
        self.statuses.push(phase);
        self
    }

    /// Of this age.
    #[must_use]
    pub fn age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// Of this many bytes as JSON, where that is more than the natural size. A server adds its own
    /// metadata, and the status.
    #[must_use]
    pub fn size(mut self, bytes: usize) -> Self {
        self.size = bytes;
        self
    }

    /// Makes `count` remediations, one when it is asked for.
    pub fn generate(&self, count: usize) -> impl Iterator<Item = ZenAgentRemediation> + Send + use<> {
        let (settings, mut random) = (self.clone(), SplitMix64::new(self.seed));
        (0..count).map(move |index| settings.one(index, &mut random))
    }

    fn one(&self, index: usize, random: &mut SplitMix64) -> ZenAgentRemediation {
        let phases = if self.statuses.is_empty() { &KNOWN[..] } else { &self.statuses };
        let phase = pick(phases, random).cloned().unwrap_or_default();
        let then = SignedDuration::try_from(self.age).ok().and_then(|age| self.now.checked_sub(age).ok());
        let then = MicroTime(then.unwrap_or(Timestamp::MIN));
        let name = format!("{}-{index:06}", self.batch);
        let target = Target {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: Some(self.namespace.clone()),
            name: format!("{name}-target"),
            uid: None,
        };
        let spec = RemediationSpec {
            source: pick(&SOURCES, random).map(ToString::to_string),
            rule: Some(format!("fixture rule {}", random.below(20))),
            severity: pick(&SEVERITIES, random).map(ToString::to_string),
            event_time: Some(then.clone()),
            target: Some(target),
            action: Some(Action::Label(LabelAction { labels: BTreeMap::from([("fixture".to_owned(), "true".to_owned())]) })),
            mode: Some(Mode::Propose),
            ..RemediationSpec::default()
        };
        let finished = phase.is_terminal().then(|| then.clone());
        let status = RemediationStatus {
            started_at: (phase != Phase::Pending).then(|| then.clone()),
            completed_at: finished,
            reason: phase.is_terminal().then(|| "Fixture".to_owned()),
            phase: Some(phase),
            ..RemediationStatus::default()
        };
        let metadata = ObjectMeta {
            name: Some(name),
            namespace: Some(self.namespace.clone()),
            labels: Some(BTreeMap::from([(BATCH_LABEL.to_owned(), self.batch.clone())])),
            ..ObjectMeta::default()
        };
        pad(ZenAgentRemediation { metadata, spec, status: Some(status) }, self.size)
    }
}

fn pick<'a, T>(among: &'a [T], random: &mut SplitMix64) -> Option<&'a T> {
    let index = random.below(u64::try_from(among.len()).ok()?.max(1));
    among.get(usize::try_from(index).ok()?)
}

/// Adds a fact that makes the object's JSON `size` bytes long; there is no fact shorter than its name.
fn pad(mut object: ZenAgentRemediation, size: usize) -> ZenAgentRemediation {
    let bytes = |object: &ZenAgentRemediation| serde_json::to_string(object).map_or(usize::MAX, |json| json.len());
    if bytes(&object) < size {
        object.spec.facts.insert("padding".to_owned(), String::new());
        let missing = size.saturating_sub(bytes(&object));
        object.spec.facts.insert("padding".to_owned(), "x".repeat(missing));
    }
    object
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn fixtures() -> Fixtures {
        Fixtures::new(42, Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000))
    }

    #[test]
    fn the_same_seed_makes_the_same_objects_and_another_seed_others() {
        let made = |fixtures: Fixtures| fixtures.generate(50).collect::<Vec<_>>();
        assert_eq!(made(fixtures()), made(fixtures()));
        assert_ne!(made(fixtures()), made(Fixtures { seed: 43, ..fixtures() }));
    }

    #[test]
    fn a_longer_run_begins_with_the_shorter_one() {
        let long: Vec<_> = fixtures().generate(50).take(10).collect();
        assert_eq!(long, fixtures().generate(10).collect::<Vec<_>>());
    }

    #[test]
    fn statuses_are_those_asked_for_or_all() {
        let phases = |fixtures: Fixtures| fixtures.generate(200).map(|object| object.phase()).collect::<std::collections::HashSet<_>>();
        assert_eq!(phases(fixtures().status(Phase::Failed)), [Phase::Failed].into());
        assert_eq!(phases(fixtures().status(Phase::Failed).status(Phase::Pending)), [Phase::Failed, Phase::Pending].into());
        assert_eq!(phases(fixtures()), KNOWN.into());
    }

    #[test]
    fn age_is_the_time_since_the_end() {
        let fixtures = fixtures().status(Phase::Succeeded).age(Duration::from_secs(3_600));
        let object = fixtures.generate(1).next().unwrap();
        let completed = object.status.unwrap().completed_at.unwrap();
        assert_eq!(completed.0, fixtures.now - SignedDuration::from_hours(1));
    }

    #[test]
    fn size_is_the_size_as_json() {
        for object in fixtures().size(2_048).generate(100) {
            assert_eq!(serde_json::to_vec(&object).unwrap().len(), 2_048);
        }
    }
}
