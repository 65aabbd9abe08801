//! What the embedded Kubernetes API has to do as a real one does: the tests of `crates/embedded-kube`.
//!
//! They are a package of their own because that one is built with optimizations in tests too, which for tests themselves would take
//! minutes.
