//! What Kubernetes takes as a name: the one place that judges texts of tools, policies and people
//! before they stand in an object or in a request path.
//!
//! The rules are those of the Kubernetes documentation: "Object Names and IDs", and "Labels and
//! Selectors: syntax and character set".

pub use zen_agent_client::is_label_value;

/// A DNS label (RFC 1123), which names of namespaces are: 1 to 63 of a-z, 0-9 and `-`, not at the ends.
pub fn is_dns_label(text: &str) -> bool {
    let edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 63 && has_edges(text, edge) && text.bytes().all(|b| edge(b) || b == b'-')
}

/// A DNS subdomain (RFC 1123), which API groups are: labels joined by `.`, at most 253 characters.
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// A label's key: a name, with or without a prefix such as `example.org/`.
pub fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_label_value(name),
        None => is_label_value(text),
    }
}

/// What can be an object's name: one segment of a path, wider than a DNS name, since names of RBAC
/// objects hold colons.
pub fn is_object_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'@');
    (1..=253).contains(&text.len()) && text != "." && text != ".." && text.bytes().all(plain)
}

/// A kind, such as `Pod`.
pub fn is_kind(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A version, with its group where it has one, such as `v1` or `apps/v1`.
pub fn is_api_version(text: &str) -> bool {
    let is_version = |text: &str| is_kind(text) && text.as_bytes()[0].is_ascii_lowercase();
    match text.split_once('/') {
        Some((group, version)) => is_dns_subdomain(group) && is_version(version),
        None => is_version(text),
    }
}

fn has_edges(text: &str, edge: impl Fn(u8) -> bool) -> bool {
    text.bytes().next().is_some_and(&edge) && text.bytes().next_back().is_some_and(&edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(judge: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        good.iter().for_each(|text| assert!(judge(text), "{text}"));
        bad.iter().for_each(|text| assert!(!judge(text), "{text:?}"));
    }

    #[test]
    fn names_are_judged_as_kubernetes_does() {
        let (long, longer) = ("a".repeat(63), "a".repeat(64));
        check(is_dns_label, &["a", "0-a", &long], &["", "-a", "a-", "A", "a.b", "a_b", "é", "a/b", &longer]);
        let domain = format!("{}.{}", [long.as_str(); 3].join("."), "a".repeat(61));
        check(is_dns_subdomain, &["a", "a.b-c.d", &domain], &["", ".", "a..b", "a.", ".a", "A.b", "a./b", &format!("{domain}a")]);
        check(is_label_value, &["a", "A_b.C-0", &long], &["", "-a", "a-", ".a", "a b", "a/b", "é", &longer]);
        check(is_label_key, &["a", "example.org/a", "a_b.C"], &["", "/a", "example.org/", "Example.org/a", "a/b/c", "a..b/c"]);
        check(is_object_name, &["a", "system:node", "a@b", "A.b_c", &"a".repeat(253)], &["", ".", "..", "a/b", "a%2fb", "a?b", "a b", "é"]);
        check(is_kind, &["Pod", "v1"], &["", "Pod/exec", "a-b", &longer]);
        check(is_api_version, &["v1", "apps/v1", "rbac.authorization.k8s.io/v1beta1"], &["", "/v1", "apps/", "a/b/c", "apps/../v1", "V1"]);
    }
}
