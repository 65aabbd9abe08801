//! Names are the idempotency record: the same request always asks for the same names.
//!
//! The first event of a request that leads to a remediation takes the request's own name, the
//! *anchor*; any other takes the anchor and its place in the batch. So whatever a second request
//! with the same id contains, it meets the anchor, whose digest tells a replay from a conflict.
//!
//! A patch of several has a name after the remediation that has them.
//!
//! A task has a name of its own kind: whatever request ids and execution ids are, no event meets it.

use sha2::{Digest, Sha256};

use crate::identity::{RequestId, Tenant};

/// Characters of a name that the names of its patches begin with: with what follows, at most as long as names may be.
const PATCH_BEGINNING: usize = 200;

/// The request's own name: `zar-` and 160 bits of SHA-256 over tenant and request id.
pub fn anchor(tenant: &Tenant, request_id: &RequestId) -> String {
    // Neither part can hold a line feed, so the two cannot run into each other.
    let digest = Sha256::new().chain_update(tenant.as_str()).chain_update("\n").chain_update(request_id.canonical()).finalize();
    format!("zar-{}", hex::encode(&digest[..20]))
}

/// The name of a task: `zat-` and 160 bits of SHA-256 over tenant and execution id.
pub fn task(tenant: &Tenant, execution_id: &str) -> String {
    let digest =
        Sha256::new().chain_update("task\n").chain_update(tenant.as_str()).chain_update("\n").chain_update(execution_id).finalize();
    format!("zat-{}", hex::encode(&digest[..20]))
}

/// The name of the event at `index` of a batch whose anchor stands for another event.
pub fn beside(anchor: &str, index: usize) -> String {
    format!("{anchor}-{index}")
}

/// The name of the remediation of a patch, by what it is a patch of and how often that was tried again: the beginning of its
/// name, the patch's place, and 40 bits of SHA-256 over its uid, which tells it from another one of the same name.
pub fn patch(name: &str, uid: &str, retries: usize, index: usize) -> String {
    let digest = Sha256::new().chain_update(format!("patch\n{uid}\n{retries}\n{index}")).finalize();
    let beginning: String = name.chars().take(PATCH_BEGINNING).collect();
    format!("{}-{}-{}", beginning.trim_end_matches(['-', '.']), index + 1, hex::encode(&digest[..5]))
}

/// What a request contained: SHA-256 over the operation and the raw body's SHA-256, as `sha256:<hex>`.
pub fn digest(operation_id: &str, body_digest: &[u8; 32]) -> String {
    let digest = Sha256::new().chain_update(operation_id).chain_update("\n").chain_update(body_digest).finalize();
    format!("sha256:{}", hex::encode(digest))
}

/// The id in the API: the name, or `namespace~name` outside the agent's remediation namespace.
pub fn id(remediation_namespace: &str, namespace: &str, name: &str) -> String {
    if namespace == remediation_namespace { name.to_owned() } else { format!("{namespace}~{name}") }
}

/// The namespace and name that an id of the API stands for.
pub fn resolve<'a>(remediation_namespace: &'a str, id: &'a str) -> (&'a str, &'a str) {
    id.split_once('~').unwrap_or((remediation_namespace, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naming::is_object_name;

    #[test]
    fn the_patches_of_a_remediation_have_names_after_it_and_others_when_it_is_tried_again_or_is_another_one() {
        let first = patch("fix-1", "uid", 0, 0);
        assert!(first.starts_with("fix-1-1-") && first == patch("fix-1", "uid", 0, 0), "{first}");
        for other in [patch("fix-1", "uid", 0, 1), patch("fix-1", "uid", 1, 0), patch("fix-1", "other", 0, 0)] {
            assert_ne!(first, other);
        }
        for name in ["a".repeat(253), format!("{}.{}", "a".repeat(199), "b".repeat(53)), format!("{}-{}", "a".repeat(199), "b".repeat(53))]
        {
            let name = patch(&name, "uid", 20, 15);
            assert!(is_object_name(&name) && name.len() <= 253, "{name}");
        }
    }
}
