//! From settings to a configuration: everything is looked at, and every error is listed.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    num::{NonZeroU32, NonZeroUsize},
    str::FromStr,
    time::Duration,
};

use super::{Config, ConfigErrors, JwtConfig, Limits, Settings, files, secrets};
use crate::{
    duration,
    identity::Tenant,
    naming::is_dns_label,
    telemetry::logs::{LogConfig, LogFormat},
};

/// A queue as long as the workers could empty twice.
const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
/// The contract's longest `cluster_id`.
const MAX_CLUSTER: usize = 253;

/// Every error so far, and what only deserves a warning.
#[derive(Default)]
pub(super) struct Errors {
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Errors {
    pub(super) fn add(&mut self, name: &str, why: impl std::fmt::Display) {
        self.errors.push(format!("{name}: {why}"));
    }

    pub(super) fn warn(&mut self, name: &str, why: impl std::fmt::Display) {
        self.warnings.push(format!("{name}: {why}"));
    }

    pub(super) fn required(&mut self, name: &str, value: Option<String>) -> Option<String> {
        let value = value.filter(|text| !text.trim().is_empty());
        if value.is_none() {
            self.add(name, format_args!("required; set {} or --{}", name.to_uppercase(), name.replace('_', "-")));
        }
        value
    }

    pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str, value: Option<&str>) -> Option<T> {
        let text = self.required(name, value.map(str::to_owned))?;
        text.parse().map_err(|error| self.add(name, error)).ok()
    }

    fn address(&mut self, name: &str, value: Option<&str>) -> Option<SocketAddr> {
        let text = self.required(name, value.map(str::to_owned))?;
        text.parse().map_err(|_| self.add(name, "not an address and port such as 0.0.0.0:8443 or [::]:8443")).ok()
    }

    fn port(&mut self, name: &str, value: Option<&str>) -> Option<u16> {
        let text = self.required(name, value.map(str::to_owned))?;
        let port = text.parse().ok().filter(|port| *port > 0);
        if port.is_none() {
            self.add(name, "not a port: a whole number from 1 to 65535");
        }
        port
    }

    /// A whole number from 1 to `max`, which keeps what depends on it within a machine.
    fn number(&mut self, name: &str, value: Option<&str>, max: u32) -> Option<NonZeroU32> {
        let text = self.required(name, value.map(str::to_owned))?;
        let number = text.parse().ok().filter(|number: &NonZeroU32| number.get() <= max);
        if number.is_none() {
            self.add(name, format_args!("not a whole number from 1 to {max}"));
        }
        number
    }

    fn count(&mut self, name: &str, value: Option<&str>, max: u32) -> Option<NonZeroUsize> {
        self.number(name, value, max).and_then(|number| NonZeroUsize::try_from(number).ok())
    }

    fn period(&mut self, name: &str, value: Option<&str>) -> Option<Duration> {
        let text = self.required(name, value.map(str::to_owned))?;
        match duration::parse(&text) {
            Ok(zero) if zero.is_zero() => self.add(name, "must be above zero"),
            Ok(duration) => return Some(duration),
            Err(error) => self.add(name, error),
        }
        None
    }

    fn namespace(&mut self, name: &str, value: Option<String>) -> Option<String> {
        let text = value?;
        if !is_dns_label(&text) {
            self.add(name, "not a namespace: 1 to 63 of a-z, 0-9 and -, not at the ends");
        }
        Some(text)
    }
}

/// Whether one could not listen on both.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let everywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    // Port 0 is another one each time.
    one.port() == other.port() && one.port() != 0 && (everywhere || one.ip() == other.ip())
}

impl Settings {
    /// Checks everything, and lists every error.
    ///
    /// # Errors
    /// Each setting that is missing or not valid.
    pub fn validate(self) -> Result<Config, ConfigErrors> {
        let mut errors = Errors::default();
        let config = self.read(&mut errors);
        match config {
            Some(config) if errors.errors.is_empty() => Ok(Config { warnings: errors.warnings, ..config }),
            _ => Err(ConfigErrors(errors.errors)),
        }
    }

    /// The configuration, if nothing is missing. All is read before the first `?`, so that all errors are listed.
    fn read(mut self, e: &mut Errors) -> Option<Config> {
        self.drop_empty();
        let listen = e.address("listen", self.listen.as_deref());
        let admin_listen = match &self.admin_listen {
            Some(address) => e.address("admin_listen", Some(address)),
            None => e.port("metrics_port", self.metrics_port.as_deref()).map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        };
        if let (Some(api), Some(admin)) = (listen, admin_listen)
            && collide(api, admin)
        {
            e.add("listen, admin_listen", format_args!("the API and health need two addresses; {api} and {admin} collide"));
        }
        let tls = files::tls(e, &self);
        let tenant: Option<Tenant> = e.parsed("tenant_id", self.tenant_id.as_deref());
        let cluster = e.required("cluster_id", self.cluster_id.clone());
        if cluster.as_ref().is_some_and(|cluster| cluster.chars().count() > MAX_CLUSTER) {
            e.add("cluster_id", format_args!("longer than {MAX_CLUSTER} characters, so no event could name it"));
        }
        let hmac = secrets::read(e, &self, tenant.as_ref());
        let issuer = e.required("jwt_issuer", self.jwt_issuer);
        let audience = e.required("jwt_audience", self.jwt_audience);
        let key_files = files::token_keys(e, self.jwt_key_files);
        let remediation_namespace = e.required("remediation_namespace", self.remediation_namespace);
        let remediation_namespace = e.namespace("remediation_namespace", remediation_namespace);
        let watch_namespace = e.namespace("watch_namespace", self.watch_namespace);
        if watch_namespace.is_some() && watch_namespace != remediation_namespace {
            e.add(
                "watch_namespace",
                "what is made from events would never be worked on; leave it out, or make it the remediation_namespace",
            );
        }
        let workers: Option<NonZeroUsize> = e.count("worker_pool_size", self.worker_pool_size.as_deref(), 1_024);
        let queue = match &self.worker_max_queue_size {
            Some(text) => e.count("worker_max_queue_size", Some(text), 1_000_000),
            None => workers.map(|workers| workers.saturating_mul(TWO)),
        };
        let resync = e.period("informer_resync_period", self.informer_resync_period.as_deref());
        let retention_max_age = e.period("retention_max_age", self.retention_max_age.as_deref());
        let retention_interval = e.period("retention_interval", self.retention_interval.as_deref());
        let validation_timeout = e.period("validation_timeout", self.validation_timeout.as_deref());
        let actions = self.enabled_actions.unwrap_or_default();
        let actions = actions.split(',').map(str::trim).filter(|name| !name.is_empty());
        let actions = actions.filter_map(|name| e.parsed("enabled_actions", Some(name))).collect::<BTreeSet<_>>();
        let policy_file = files::policy(e, self.policy_file.as_deref(), &actions);
        let max_body_bytes = e.count("max_body_bytes", self.max_body_bytes.as_deref(), 1 << 30);
        let max_connections = e.count("max_connections", self.max_connections.as_deref(), 1_000_000);
        let requests_per_second = e.number("requests_per_second", self.requests_per_second.as_deref(), 1_000_000);
        let max_remediations = e.count("max_remediations_per_tenant", self.max_remediations_per_tenant.as_deref(), 10_000_000);
        let filter = e.parsed("log_level", self.log_level.as_deref());
        let format: Option<LogFormat> = e.parsed("log_format", self.log_format.as_deref());
        Some(Config {
            listen: listen?,
            admin_listen: admin_listen?,
            tls: tls?,
            hmac,
            jwt: JwtConfig { issuer: issuer?, audience: audience?, key_files },
            tenant: tenant?,
            cluster: cluster?,
            remediation_namespace: remediation_namespace?,
            watch_namespace,
            workers: workers?,
            queue: queue?,
            resync: resync?,
            retention_max_age: retention_max_age?,
            retention_interval: retention_interval?,
            validation_timeout: validation_timeout?,
            actions,
            policy_file,
            limits: Limits {
                max_body_bytes: max_body_bytes?,
                max_connections: max_connections?,
                requests_per_second: requests_per_second?,
                max_remediations: max_remediations?,
            },
            log: LogConfig { filter: filter?, format: format? },
            warnings: Vec::new(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

    use super::*;

    fn valid(dir: &Path) -> Settings {
        let file = |name: &str, text: &str| {
            let path = dir.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            Some(path.display().to_string())
        };
        let text = |text: &str| Some(text.to_owned());
        let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Settings {
            tls_cert_file: file("crt", &cert.pem()),
            tls_key_file: file("key", &signing_key.serialize_pem()),
            tls_client_ca_file: file("ca", &cert.pem()),
            tenant_id: text("acme"),
            cluster_id: text("c1"),
            hmac_key_id: text("k1"),
            hmac_secret: text("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"),
            jwt_issuer: text("issuer"),
            jwt_key_files: file("jwt.pub", &signing_key.public_key_pem()),
            ..Settings::default()
        }
    }

    fn errors(settings: Settings) -> Vec<String> {
        settings.over(Settings::defaults()).validate().unwrap_err().0
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn defaults_and_the_required_settings_are_a_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let config = valid(dir.path()).over(Settings::defaults()).validate().unwrap();
        assert_eq!((config.workers.get(), config.queue.get()), (5, 10));
        assert_eq!(config.resync, Duration::from_secs(600));
        assert_eq!(config.admin_listen.port(), 9090);
    }

    #[test]
    fn every_error_is_listed_at_once_those_in_files_too() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = dir.path().join(name);
            fs::write(&path, content).unwrap();
            Some(path.display().to_string())
        };
        let broken = Settings {
            listen: text("nowhere"),
            metrics_port: text("99999"),
            worker_pool_size: text("0"),
            max_connections: text("99999999999"),
            retention_max_age: text("a week"),
            enabled_actions: text("label, reboot"),
            log_level: text("inof"),
            log_format: text("xml"),
            hmac_key_id: text("k1"),
            tls_cert_file: file("crt", "no PEM"),
            tls_key_file: file("key", "no PEM"),
            tls_client_ca_file: text("/nonexistent"),
            jwt_key_files: text(&format!("{},/nonexistent", file("jwt", "CONFIDENTIAL").unwrap())),
            policy_file: file("policy", "rules: [{name: a}, {name: b}]\ndefault: {mode: sometimes}\n"),
            ..Settings::default()
        };
        let errors = errors(broken);
        for (name, count) in [
            ("listen: not an address", 1),
            ("metrics_port: not a port: a whole number from 1 to 65535", 1),
            ("tls_cert_file: ", 1),
            ("tls_key_file: ", 1),
            ("tls_client_ca_file: cannot read /nonexistent", 1),
            ("tenant_id: required; set TENANT_ID or --tenant-id", 1),
            ("cluster_id: required", 1),
            ("hmac_key_id, hmac_secret: ", 1),
            ("jwt_issuer: required", 1),
            ("jwt_key_files: ", 2),
            ("policy_file: ", 3),
            ("worker_pool_size: not a whole number from 1 to 1024", 1),
            ("max_connections: ", 1),
            ("retention_max_age: ", 1),
            ("enabled_actions: ", 1),
            ("log_level: ", 1),
            ("log_format: ", 1),
        ] {
            assert_eq!(errors.iter().filter(|error| error.starts_with(name)).count(), count, "{name} in {errors:#?}");
        }
        assert!(!errors.iter().any(|error| error.contains("CONFIDENTIAL")), "{errors:#?}");
    }

    #[test]
    fn a_policy_that_asks_for_what_is_not_enabled_is_an_error_before_anything_starts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.yaml");
        fs::write(&path, "rules: [{name: stop, when: 'true', mode: propose, action: {scale: {replicas: 0}}}]\ndefault: {mode: observe}\n")
            .unwrap();
        let with = |actions: &str| Settings {
            policy_file: text(&path.display().to_string()),
            enabled_actions: text(actions),
            ..valid(dir.path())
        };
        assert!(with("label,scale").over(Settings::defaults()).validate().is_ok());
        let errors = errors(with("label"));
        assert!(errors.len() == 1 && errors[0].starts_with("policy_file: ") && errors[0].contains("ENABLED_ACTIONS"), "{errors:?}");
    }

    #[test]
    fn what_is_empty_and_optional_is_not_there_and_what_is_required_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let optional = Settings { watch_namespace: text(""), policy_file: text(" "), hmac_keys_file: text(""), ..valid(dir.path()) };
        assert!(optional.over(Settings::defaults()).validate().is_ok());
        let none = Settings { enabled_actions: text(""), ..valid(dir.path()) };
        assert!(none.over(Settings::defaults()).validate().unwrap().actions.is_empty(), "no action is not every action");
        let required = Settings { jwt_issuer: text(""), cluster_id: text(" "), tenant_id: text(""), ..valid(dir.path()) };
        let errors = errors(required);
        assert_eq!(errors.iter().filter(|error| error.contains(": required")).count(), 3, "{errors:?}");
    }

    #[test]
    fn two_listeners_need_two_addresses() {
        let dir = tempfile::tempdir().unwrap();
        let listening = |api: &str, admin: &str| Settings { listen: text(api), admin_listen: text(admin), ..valid(dir.path()) };
        for (api, admin) in [("127.0.0.1:1", "127.0.0.1:1"), ("0.0.0.0:1", "127.0.0.1:1"), ("[::1]:1", "[::]:1")] {
            assert_eq!(errors(listening(api, admin)).len(), 1, "{api} {admin}");
        }
        for (api, admin) in [("127.0.0.1:1", "127.0.0.1:2"), ("127.0.0.1:0", "127.0.0.1:0"), ("127.0.0.1:1", "127.0.0.2:1")] {
            assert!(listening(api, admin).over(Settings::defaults()).validate().is_ok(), "{api} {admin}");
        }
        let port = Settings { listen: text("0.0.0.0:9090"), ..valid(dir.path()) };
        assert_eq!(errors(port).len(), 1, "the default of metrics_port");
    }

    #[test]
    fn a_certificate_needs_its_own_key() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mixed = Settings { tls_key_file: valid(other.path()).tls_key_file, ..valid(dir.path()) };
        let errors = errors(mixed);
        assert!(errors.len() == 1 && errors[0].contains("cannot be used together"), "{errors:?}");
    }

    #[test]
    fn a_secret_that_everybody_may_read_is_warned_about() {
        let dir = tempfile::tempdir().unwrap();
        let settings = valid(dir.path()).over(Settings::defaults());
        assert_eq!(settings.clone().validate().unwrap().warnings, Vec::<String>::new());
        fs::set_permissions(dir.path().join("key"), fs::Permissions::from_mode(0o644)).unwrap();
        let warnings = settings.validate().unwrap().warnings;
        assert!(warnings.len() == 1 && warnings[0].starts_with("tls_key_file: "), "{warnings:?}");
    }

    #[test]
    fn a_namespace_that_is_watched_alone_must_be_the_one_that_is_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let errors = errors(Settings { watch_namespace: text("shop"), ..valid(dir.path()) });
        assert!(errors.len() == 1 && errors[0].starts_with("watch_namespace"), "{errors:?}");
    }

    #[test]
    fn a_file_may_say_numbers_as_yaml_does_and_each_mistake_in_it_is_told_without_its_value() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        fs::write(&path, "worker_pool_size: 7\nretention_max_age: 3d\nnope: 1\nhmac_secret: [SECRET]\nwatch_namespace:\n").unwrap();
        let (settings, mistakes) = Settings::from_file(&path).unwrap();
        assert_eq!((settings.worker_pool_size.as_deref(), settings.retention_max_age.as_deref()), (Some("7"), Some("3d")));
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
        assert!(mistakes[0].contains("nope: no such setting") && mistakes[1].contains("hmac_secret"), "{mistakes:?}");
        assert!(!format!("{mistakes:?}").contains("SECRET"));
        for broken in ["hmac_secret: 'SECRET", "- SECRET", "SECRET", "hmac_secret: SECRET\nhmac_secret: SECRET\n"] {
            fs::write(&path, broken).unwrap();
            let error = Settings::from_file(&path).unwrap_err();
            assert!(!format!("{error:?} {error}").contains("SECRET"), "{error}");
        }
        fs::write(&path, "").unwrap();
        assert!(Settings::from_file(&path).is_ok(), "an empty file says nothing");
    }

    #[test]
    fn a_secret_where_its_id_should_be_is_not_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh";
        fs::write(&keys, format!("acme: {{ {secret}: k1 }}\n")).unwrap();
        let errors = errors(Settings { hmac_keys_file: Some(keys.display().to_string()), ..valid(dir.path()) });
        assert!(!errors.is_empty() && !errors.iter().any(|error| error.contains(secret)), "{errors:?}");
    }

    #[test]
    fn upper_layers_win_and_secrets_are_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let flags = Settings { worker_pool_size: Some("7".to_owned()), ..Settings::default() };
        let settings = flags.over(valid(dir.path())).over(Settings::defaults());
        let shown = format!("{settings:?}");
        assert!(!shown.contains("whsec_") && shown.contains("(redacted)"), "{shown}");
        let config = settings.validate().unwrap();
        assert_eq!(config.workers.get(), 7);
        assert!(!format!("{config:?}").contains("AAECAwQF"));
    }
}
