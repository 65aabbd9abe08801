//! A small, durable, in-process Kubernetes API behind `kube::Client`.
