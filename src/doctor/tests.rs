use super::*;
use crate::test_api::TestApi;

fn verdict(found: &[Finding], check: &str) -> Option<Verdict> {
    found.iter().find(|finding| finding.check == check).map(|finding| finding.result)
}

async fn examined(cluster: Result<Client, String>, settings: Settings) -> Vec<Finding> {
    examine(Patient {
        settings: settings.over(Settings::defaults()),
        mistakes: Vec::new(),
        cluster,
        targets: None,
        apply_targets: BTreeSet::new(),
    })
    .await
}

#[tokio::test]
async fn every_missing_setting_is_told_beside_what_the_cluster_has() {
    let api = TestApi::start().await;
    let found = examined(Ok(api.client()), Settings::default()).await;
    for (check, wanted) in [
        ("tls_cert_file", Verdict::Failed),
        ("jwt_key_files", Verdict::Failed),
        ("hmac", Verdict::Failed),
        ("tenant_id", Verdict::Failed),
        ("kubernetes", Verdict::Ok),
        ("definition", Verdict::Ok),
        // The embedded API has no authorizer, and nobody asks for what it cannot say.
        ("permissions", Verdict::Skipped),
        ("clock", Verdict::Skipped),
    ] {
        assert_eq!(verdict(&found, check), Some(wanted), "{check}: {found:?}");
    }
}

#[tokio::test]
async fn without_a_cluster_nothing_that_depends_on_it_is_told() {
    let found = examined(Err("no Kubernetes API".to_owned()), Settings::default()).await;
    assert_eq!(verdict(&found, "kubernetes"), Some(Verdict::Failed));
    for check in ["permissions", "definition", "clock"] {
        assert_eq!(verdict(&found, check), None, "{check}");
    }
}
