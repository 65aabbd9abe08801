//! What the SaaS refuses: put aside, listed, and sent again when a person says so.

use serde_json::json;

use super::{Answer, Ground, command, listed, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_becomes_a_dead_letter_that_is_listed_and_replayed_and_stops_nothing_else() {
    let ground = Ground::new().await;
    ground.create("bad").await;
    ground.set("bad", "succeeded").await;
    ground.saas.usually(Answer::Status(400));
    let leader = ground.leader("spool").await;
    let spool = ground.spool("spool");
    ground.until_synced("bad", false).await;
    until("it is listed", async || listed(&spool).len() == 1).await;
    let letter = listed(&spool).remove(0);
    ground.saas.usually(Answer::Status(204));
    assert_eq!(
        [&letter["remediation"], &letter["status"], &letter["why"]],
        [&json!("bad"), &json!("success"), &json!("the SaaS answered 400")]
    );
    ground.create("good").await;
    ground.set("good", "succeeded").await;
    ground.until_synced("good", true).await;
    assert_eq!(ground.saas.told("rem-bad"), ["success"], "it is not sent again by itself");
    until("it is counted", async || leader.metric("zen_agent_saas_dead_letters") == Some(1.0)).await;

    command(&spool, &["replay", letter["name"].as_str().unwrap()]);
    ground.until_synced("bad", true).await;
    assert_eq!(listed(&spool), [json!(null); 0]);
    assert_eq!(ground.saas.told("rem-bad"), ["success", "success"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_letters_are_replayed_at_once_also_of_deleted_remediations_and_by_the_next_process() {
    let ground = Ground::new().await;
    ground.saas.usually(Answer::Status(422));
    for name in ["a", "b"] {
        ground.create(name).await;
        ground.set(name, "failed").await;
    }
    let leader = ground.leader("spool").await;
    let spool = ground.spool("spool");
    until("both are listed", async || listed(&spool).len() == 2).await;
    leader.stop().await;
    ground.delete("a").await;
    ground.saas.usually(Answer::Status(204));
    command(&spool, &["replay", "--all"]);
    let _leader = ground.leader("spool").await;
    ground.until_synced("b", true).await;
    // Twice, or once more where it was stopped between the letter and the spool: at least once is what is promised.
    until("the deleted one is told too", async || ground.saas.told("rem-a").len() >= 2).await;
}

#[test]
fn a_letter_that_is_not_there_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    let output = command.args(["spool", "replay", "nosuch", "--spool-dir"]).arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("spool list"));
}
