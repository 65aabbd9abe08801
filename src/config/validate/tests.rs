//! Every mistake is found, and what is right is taken.

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
    let with =
        |actions: &str| Settings { policy_file: text(&path.display().to_string()), enabled_actions: text(actions), ..valid(dir.path()) };
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

#[test]
fn what_probes_may_reach_is_an_address_each_and_https_needs_a_ca() {
    let dir = tempfile::tempdir().unwrap();
    let probing = |origins: &str, prometheus: &str| Settings {
        probe_http_origins: text(origins),
        prometheus_url: text(prometheus),
        ..valid(dir.path())
    };
    for (origins, prometheus, wrong) in [
        ("services,nowhere", "", "probe_http_origins: "),
        ("https://status.example.com", "", "probe_http_origins: "),
        ("", "https://prometheus.example.com", "prometheus_url: "),
        ("", "http://user:word@prometheus.example.com", "prometheus_url: "),
    ] {
        let errors = errors(probing(origins, prometheus));
        assert!(errors.len() == 1 && errors[0].starts_with(wrong), "{errors:?}");
    }
    assert!(
        probing("services, http://10.0.0.1:8080", "http://prometheus.monitoring.svc:9090/prefix")
            .over(Settings::defaults())
            .validate()
            .is_ok()
    );
    let secured = probing("https://status.example.com", "https://prometheus.example.com");
    let secured = Settings { probe_ca_file: secured.tls_client_ca_file.clone(), ..secured };
    assert!(secured.over(Settings::defaults()).validate().is_ok());
    let nobody = Settings { probe_ca_file: text("/nonexistent"), ..valid(dir.path()) };
    assert!(errors(nobody)[0].starts_with("probe_ca_file: cannot read /nonexistent"));
}
