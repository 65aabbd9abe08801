use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{MicroTime, Time},
    jiff::SignedDuration,
};

use super::*;
use crate::remediation::{Phase, RemediationStatus};

const HOUR: Duration = Duration::from_secs(3_600);

fn aged(created_hours: i64, completed_hours: Option<i64>) -> (ZenAgentRemediation, Timestamp) {
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000_000);
    let ago = |hours| now - SignedDuration::from_hours(hours);
    let mut object = ZenAgentRemediation::default();
    object.metadata.creation_timestamp = Some(Time(ago(created_hours)));
    object.status = Some(RemediationStatus {
        phase: Some(Phase::Succeeded),
        completed_at: completed_hours.map(ago).map(MicroTime),
        ..RemediationStatus::default()
    });
    (object, now)
}

#[test]
fn age_counts_from_the_end_else_from_creation() {
    let (object, now) = aged(10, Some(2));
    assert!(!is_old(Limit::Retention(3 * HOUR), &object, now));
    assert!(is_old(Limit::Retention(2 * HOUR), &object, now));
    let (object, now) = aged(10, None);
    assert!(is_old(Limit::Retention(10 * HOUR), &object, now));
    assert!(!is_old(Limit::Retention(11 * HOUR), &object, now));
}

#[test]
fn an_end_in_the_future_has_no_age() {
    let (object, now) = aged(10, Some(-1));
    assert!(is_old(Limit::Exactly(Duration::ZERO), &object, now));
    assert!(!is_old(Limit::Exactly(Duration::from_secs(1)), &object, now));
}

#[test]
fn the_loop_heeds_an_objects_own_time_to_live_and_the_operator_does_not() {
    let (mut object, now) = aged(10, Some(2));
    object.spec.ttl_seconds_after_finished = Some(3_600);
    assert!(is_old(Limit::Retention(168 * HOUR), &object, now), "shorter than retention");
    object.spec.ttl_seconds_after_finished = Some(360_000);
    assert!(!is_old(Limit::Retention(HOUR), &object, now), "longer than retention");
    assert!(is_old(Limit::Exactly(HOUR), &object, now));
}

#[test]
fn only_terminal_statuses_can_be_asked_for() {
    assert_eq!(TerminalPhase::parse_list("succeeded,failed"), Ok(vec![TerminalPhase::Succeeded, TerminalPhase::Failed]));
    assert_eq!(TerminalPhase::parse_list("rolled_back"), Ok(vec![TerminalPhase::RolledBack]));
    for text in ["pending", "succeeded,in_progress", "unknown", "", "succeeded,", "Succeeded", "failed, succeeded"] {
        let refused = TerminalPhase::parse_list(text).map_err(|error| error.to_string());
        assert!(refused.is_err_and(|message| message.ends_with("succeeded, failed and rolled_back")), "{text}");
    }
}
