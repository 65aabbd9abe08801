//! Sets and lifts the stop: a guarded write of the ConfigMap, which the watchers then find.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};

use super::NAME;
use crate::deadline::{CALL, within};

/// The key that orders.
pub(super) const STOP: &str = "stop";
/// The key that says who ordered.
pub(super) const BY: &str = "by";
/// The key that says why.
pub(super) const REASON: &str = "reason";
/// The key that says when.
const AT: &str = "at";
/// Characters of a text that are kept.
pub(super) const TEXT: usize = 512;
/// How often another writer may be faster.
const ATTEMPTS: usize = 5;

/// The switch of the stop.
#[derive(Clone, Debug)]
pub struct Switch(Api<ConfigMap>);

/// How the stop stands after it was switched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switched {
    /// Whether targets are left alone.
    pub stopped: bool,
    /// Who switched it last.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Why the stop was not switched.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// Others wrote faster, every time.
    #[error("the emergency stop is being switched by others; send the request again")]
    Contended,
    /// The API server refused, could not be reached, or did not answer in time: then it may be switched.
    #[error("the Kubernetes API did not switch the emergency stop")]
    Api(#[source] Box<kube::Error>),
}

impl Switch {
    /// The switch in this namespace, the agent's own.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self(Api::namespaced(client, namespace))
    }

    /// Orders every replica to halt.
    ///
    /// # Errors
    /// [`SwitchError`]; then nobody may rely on a halt.
    pub async fn stop(&self, by: &str, reason: &str) -> Result<Switched, SwitchError> {
        self.write(true, by, reason).await
    }

    /// Orders every replica to go on.
    ///
    /// # Errors
    /// [`SwitchError`]; then the order is as it was.
    pub async fn resume(&self, by: &str, reason: &str) -> Result<Switched, SwitchError> {
        self.write(false, by, reason).await
    }

    async fn write(&self, stopped: bool, by: &str, reason: &str) -> Result<Switched, SwitchError> {
        let short = |text: &str| text.chars().take(TEXT).collect::<String>();
        let (by, reason) = (short(by), short(reason));
        // A stop is set over whatever is there; lifted is only the one that was read, not another that came since.
        for _ in 0..if stopped { ATTEMPTS } else { 1 } {
            let found = within(CALL, self.0.get_opt(NAME)).await.map_err(failed)?;
            let exists = found.is_some();
            let mut map = found.unwrap_or_else(|| ConfigMap {
                metadata: ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() },
                ..ConfigMap::default()
            });
            let data = map.data.get_or_insert_default();
            for (key, value) in
                [(STOP, stopped.to_string()), (BY, by.clone()), (REASON, reason.clone()), (AT, Timestamp::now().to_string())]
            {
                data.insert(key.to_owned(), value);
            }
            let params = PostParams::default();
            let written = if exists {
                within(CALL, self.0.replace(NAME, &params, &map)).await
            } else {
                within(CALL, self.0.create(&params, &map)).await
            };
            match written {
                Ok(_) => return Ok(Switched { stopped, by, reason }),
                // Somebody else wrote, created or deleted it since.
                Err(kube::Error::Api(status))
                    if matches!(status.code, 404 | 409) && exists || matches!(&*status.reason, "AlreadyExists") => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(SwitchError::Contended)
    }
}

fn failed(error: kube::Error) -> SwitchError {
    SwitchError::Api(Box::new(error))
}
