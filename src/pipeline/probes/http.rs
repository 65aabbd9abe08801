//! `http`: a GET, of nothing but what the configuration names.
//!
//! | what comes of it | answer |
//! |---|---|
//! | the wanted status, any of 200 to 299 when none is wanted, and the wanted text in the body | pass |
//! | another status, also of a redirect, which nobody follows, or a body without the text | failure |
//! | a body of which more than [`MAX_BODY`] would have to be read | inconclusive |
//! | none: no connection, no trust, no answer in time | error |
//!
//! Whoever may write a policy, a task or a remediation could otherwise have the agent call whatever it reaches:
//!
//! - The origin is one of PROBE_HTTP_ORIGINS; by the word `services` there, it is a Service of the target's namespace.
//! - No redirect is followed, no proxy used, no credentials and no cookies are sent, and little of an answer is read.
//! - A Service may stand for any name (ExternalName): the machine itself, link-local addresses and the others where clouds give
//!   out credentials are not connected to, in whichever form they are written. Where its ClusterIP leads (Endpoints) only the
//!   cluster sees: whoever may write Endpoints there is kept from such addresses by a NetworkPolicy on the agent's namespace.
//! - Of what came nothing is told but its status.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Client, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

use crate::{
    causes::chain,
    event::Target,
    naming::is_dns_label,
    pipeline::plan::PlanError,
    remediation::{Answer, HttpProbe},
};

/// How long an answer may take, with its body.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How much of a body is looked through.
const MAX_BODY: usize = 64 * 1_024;
/// The word for the Services of the target's namespace.
const SERVICES: &str = "services";

/// What `http` probes may call.
#[derive(Clone, Debug)]
pub(super) struct Http {
    /// Scheme, host and port.
    origins: Vec<Url>,
    services: bool,
    /// Whether there is a CA, without which nobody is trusted.
    trusts: bool,
    listed: Client,
    /// Connects to no special address.
    guarded: Client,
}

/// Why probes cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// What is no origin.
    #[error("{0:?} is neither `services` nor an origin such as https://status.example.com")]
    NotAnOrigin(String),
    /// What is no address.
    #[error("{0:?} is no address such as http://prometheus.monitoring.svc:9090")]
    NotAnAddress(String),
    /// Nobody would be trusted.
    #[error("{0} needs a CA that its certificate is of: PROBE_CA_FILE")]
    NoCa(String),
    /// The CA.
    #[error("the CA has no usable PEM certificate")]
    Ca,
    /// TLS.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The client.
    #[error("the HTTP client cannot start: {0}")]
    Client(#[from] reqwest::Error),
}

impl Http {
    /// From the setting's text.
    pub(super) fn new(listed: &str, roots: &RootCertStore) -> Result<Self, SetupError> {
        let trusts = !roots.is_empty();
        let words = listed.split(',').map(str::trim).filter(|word| !word.is_empty());
        let (services, origins): (Vec<_>, Vec<_>) = words.partition(|word| *word == SERVICES);
        let origin = |text: &str| {
            let url = origin(text).ok_or_else(|| SetupError::NotAnOrigin(text.to_owned()))?;
            if url.scheme() == "https" && !trusts { Err(SetupError::NoCa(text.to_owned())) } else { Ok(url) }
        };
        let origins = origins.into_iter().map(origin).collect::<Result<_, _>>()?;
        let guarded = builder(roots)?.dns_resolver(Arc::new(Guarded)).build()?;
        Ok(Self { origins, services: !services.is_empty(), trusts, listed: builder(roots)?.build()?, guarded })
    }

    /// Whether a probe of this target may be asked.
    pub(super) fn permit(&self, name: &str, probe: &HttpProbe, target: &Target) -> Result<(), PlanError> {
        self.way(probe, target).map(drop).map_err(|why| PlanError::ProbeNotAllowed(format!("probe {name}: {why}")))
    }

    /// Where the probe goes, and by which client.
    fn way(&self, probe: &HttpProbe, target: &Target) -> Result<(Url, &Client), NotAllowed> {
        let url = probe.url().ok_or(NotAllowed::Url)?;
        let client = if self.origins.iter().any(|origin| origin.origin() == url.origin()) {
            &self.listed
        } else if self.services && target.namespace.as_deref().is_some_and(|namespace| is_service(&url, namespace)) {
            &self.guarded
        } else {
            return Err(NotAllowed::Origin { origin: url.origin().ascii_serialization() });
        };
        if url.scheme() == "https" && !self.trusts { Err(NotAllowed::NoCa) } else { Ok((url, client)) }
    }

    pub(super) async fn ask(&self, probe: &HttpProbe, target: &Target) -> Answer {
        // Planned by an agent that was configured otherwise.
        let (url, client) = match self.way(probe, target) {
            Ok(way) => way,
            Err(why) => return Answer::Error(why.to_string()),
        };
        match tokio::time::timeout(PATIENCE, get(client, url, probe)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Answer::Error(chain(&error.without_url())),
            Err(_) => Answer::Error(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }
}

/// Why a URL is not called.
#[derive(Debug, thiserror::Error)]
enum NotAllowed {
    #[error("its address is none")]
    Url,
    #[error("{origin} is not one of those that probes may call (PROBE_HTTP_ORIGINS)")]
    Origin { origin: String },
    #[error("https needs a CA (PROBE_CA_FILE)")]
    NoCa,
}

async fn get(client: &Client, url: Url, probe: &HttpProbe) -> Result<Answer, reqwest::Error> {
    let mut response = client.get(url).send().await?;
    let status = response.status().as_u16();
    let is_wanted = probe.status.map_or((200..300).contains(&status), |wanted| wanted == i32::from(status));
    if !is_wanted {
        return Ok(Answer::Failure(format!("answered {status}")));
    }
    let Some(text) = probe.contains.as_deref() else { return Ok(Answer::Pass) };
    let (mut body, mut is_cut) = (Vec::new(), false);
    while !is_cut {
        let Some(chunk) = response.chunk().await? else { break };
        body.extend_from_slice(&chunk[..chunk.len().min(MAX_BODY - body.len())]);
        is_cut = body.len() == MAX_BODY;
    }
    Ok(if body.windows(text.len().max(1)).any(|window| window == text.as_bytes()) {
        Answer::Pass
    } else if is_cut {
        Answer::Inconclusive(format!("the first {} KiB of the body do not hold the text", MAX_BODY / 1_024))
    } else {
        Answer::Failure("the body does not hold the text".to_owned())
    })
}

/// Scheme, host and port, and nothing else.
fn origin(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    let bare =
        url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    bare.then_some(url)
}

/// Whether the host is a Service of this namespace, by its name in the cluster: `web.shop.svc`, `web.shop.svc.cluster.local`.
fn is_service(url: &Url, namespace: &str) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_suffix(".cluster.local").unwrap_or(host);
    let name = host.strip_suffix(".svc").and_then(|host| host.strip_suffix(namespace)).and_then(|host| host.strip_suffix('.'));
    name.is_some_and(is_dns_label)
}

/// A client that does what it is told and no more, and trusts these roots.
pub(super) fn builder(roots: &RootCertStore) -> Result<reqwest::ClientBuilder, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let tls = tls.with_root_certificates(roots.clone()).with_no_client_auth();
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        // Each answer is of a connection of its own, so that it tells whether one can be had.
        .pool_max_idle_per_host(0)
        .connect_timeout(PATIENCE))
}

/// Finds addresses of names, but for those that no Service of a cluster has.
struct Guarded;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(usual_addresses(name))
    }
}

async fn usual_addresses(name: Name) -> Result<Addrs, Box<dyn Error + Send + Sync>> {
    let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
    let kept: Vec<_> = found.filter(|address| !is_special(address.ip())).collect();
    if kept.is_empty() { Err(SpecialAddress.into()) } else { Ok(Box::new(kept.into_iter())) }
}

/// A name stood for no address that may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the name stands for the machine itself, a link-local address, or one where a cloud gives out credentials")]
struct SpecialAddress;

/// Where clouds give out credentials beside the link-local address: Alibaba, Oracle, Azure; Amazon and Google over IPv6.
const METADATA: [Ipv4Addr; 3] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];
const METADATA_V6: [Ipv6Addr; 2] = [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

fn is_special(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || METADATA.contains(&v4)
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unicast_link_local()
                || v6.is_unspecified()
                || v6.is_multicast()
                || METADATA_V6.contains(&v6)
                || translated(v6).is_some_and(|v4| is_special(v4.into()))
        }
    }
}

/// The IPv4 address that a translator in the network makes of it (NAT64, RFC 6052).
fn translated(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [prefix @ .., high, low] = v6.segments();
    (prefix == [0x64, 0xff9b, 0, 0, 0, 0]).then(|| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn target(namespace: &str) -> Target {
        Target {
            api_version: "v1".into(),
            kind: "Pod".into(),
            namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
            name: "web".into(),
            uid: None,
        }
    }

    fn refused(listed: &str, url: &str, namespace: &str) -> bool {
        let probe = HttpProbe { url: url.to_owned(), status: None, contains: None };
        Http::new(listed, &RootCertStore::empty()).unwrap().way(&probe, &target(namespace)).is_err()
    }

    #[test]
    fn nothing_is_called_that_the_configuration_does_not_name() {
        let listed = "http://status.example.com, http://10.0.0.1:8080";
        assert!(!refused(listed, "http://status.example.com/any?query", "shop"));
        assert!(!refused(listed, "http://STATUS.example.com:80/", "shop"));
        assert!(!refused(listed, "http://10.0.0.1:8080/x", "shop"));
        for url in [
            "http://status.example.com:81/",
            "http://10.0.0.1/",
            "http://10.0.0.1:80800/",
            "http://evil.example.com/",
            "http://status.example.com.evil.example/",
            "http://status.example.com@evil.example/",
            "http://user:word@status.example.com/",
            "http://169.254.169.254/latest/meta-data/",
            "http://localhost/",
            "https://status.example.com/",
            "file:///etc/passwd",
            "http://web.shop.svc/",
            "nothing",
        ] {
            assert!(refused(listed, url, "shop"), "{url}");
            assert!(refused("", url, "shop"), "{url}");
        }
    }

    #[test]
    fn by_the_word_services_those_of_the_targets_namespace_alone_are_called() {
        for url in ["http://web.shop.svc/", "http://web.shop.svc:8080/healthz", "http://web.shop.svc.cluster.local/"] {
            assert!(!refused(SERVICES, url, "shop"), "{url}");
            assert!(refused("", url, "shop") && refused(SERVICES, url, "jobs") && refused(SERVICES, url, ""), "{url}");
        }
        for url in [
            "http://web.shop/",
            "http://shop.svc/",
            "http://.shop.svc/",
            "http://web.shop.svc.example.com/",
            "http://a.b.shop.svc/",
            "http://web.jobs.svc/",
            "http://webshop.svc/",
            "http://web.shop.svc./",
            "http://kubernetes.default.svc/",
            // Nobody to trust.
            "https://web.shop.svc/",
        ] {
            assert!(refused(SERVICES, url, "shop"), "{url}");
        }
    }

    #[test]
    fn what_is_no_origin_and_https_without_a_ca_is_a_mistake_of_the_configuration() {
        for listed in ["status.example.com", "http://a/path", "http://a?b", "http://u@a", "ftp://a", "https://a"] {
            assert!(Http::new(listed, &RootCertStore::empty()).is_err(), "{listed}");
        }
    }

    #[tokio::test]
    async fn a_name_that_stands_for_the_machine_itself_is_not_connected_to() {
        assert!(Guarded.resolve("localhost".parse().unwrap()).await.is_err());
        for special in [
            "127.0.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "0.0.0.0",
            "224.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:168.63.129.16",
            "64:ff9b::169.254.169.254",
            "64:ff9b::127.0.0.1",
            "64:ff9b::100.100.100.200",
            "fe80::1",
            "fd00:ec2::254",
            "fd20:ce::254",
        ] {
            assert!(is_special(special.parse().unwrap()), "{special}");
        }
        for usual in ["10.96.0.1", "192.168.1.1", "172.16.0.1", "8.8.8.8", "fd00::1", "2001:db8::1", "::ffff:10.96.0.1", "64:ff9b::8.8.8.8"]
        {
            assert!(!is_special(usual.parse().unwrap()), "{usual}");
        }
    }
}
