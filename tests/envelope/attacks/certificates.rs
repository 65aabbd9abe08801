//! The client's certificate: without a right one there is no answer of HTTP.

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, date_time_ymd};

use super::{
    Case,
    Outcome::{Answer, Cut},
    Spoil::Certificate,
    TAKEN, case,
};
use crate::mint::{CLUSTER, Ca, Leaf, TENANT};

fn of(ca: &Ca, edit: impl FnOnce(&mut CertificateParams)) -> Option<Leaf> {
    Some(ca.client_named(&[(DnType::CommonName, CLUSTER), (DnType::OrganizationName, TENANT)], edit))
}

const MISMATCH: super::Outcome = Answer(403, "tenant_mismatch");

pub(super) const CASES: &[Case] = &[
    case("another of the same caller", Certificate(|ca| of(ca, |_| {})), TAKEN),
    case("none", Certificate(|_| None), Cut),
    case("of another CA", Certificate(|_| of(&Ca::new("other"), |_| {})), Cut),
    case("of another CA of the same name", Certificate(|_| of(&Ca::new("ca"), |_| {})), Cut),
    case("of a server", Certificate(|ca| Some(ca.server())), Cut),
    case(
        "for another purpose",
        Certificate(|ca| of(ca, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning])),
        Cut,
    ),
    case("expired", Certificate(|ca| of(ca, |params| params.not_after = date_time_ymd(2020, 1, 1))), Cut),
    case("not yet valid", Certificate(|ca| of(ca, |params| params.not_before = date_time_ymd(2900, 1, 1))), Cut),
    case("of another tenant", Certificate(|ca| Some(ca.client(CLUSTER, "umbrella"))), MISMATCH),
    case("of no tenant", Certificate(|ca| Some(ca.client_named(&[(DnType::CommonName, CLUSTER)], |_| {}))), MISMATCH),
    case("of a tenant in another case", Certificate(|ca| Some(ca.client(CLUSTER, "ACME"))), MISMATCH),
    case("of a tenant with a null byte", Certificate(|ca| Some(ca.client(CLUSTER, "acme\0umbrella"))), MISMATCH),
    case("of a tenant with a space", Certificate(|ca| Some(ca.client(CLUSTER, "acme "))), MISMATCH),
    case(
        "of a tenant in its unit",
        Certificate(|ca| Some(ca.client_named(&[(DnType::CommonName, CLUSTER), (DnType::OrganizationalUnitName, TENANT)], |_| {}))),
        MISMATCH,
    ),
    case("of another cluster", Certificate(|ca| Some(ca.client("cluster-2", TENANT))), Answer(403, "cluster_mismatch")),
    case(
        "of no cluster",
        Certificate(|ca| Some(ca.client_named(&[(DnType::OrganizationName, TENANT)], |_| {}))),
        Answer(403, "cluster_mismatch"),
    ),
];
