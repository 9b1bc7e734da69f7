//! The dead-man ping: a GET to an outside URL while we are well (`heartbeatUrlSecretRef`), so that
//! somebody else notices when this program is gone.

use http::{HeaderMap, Method};
use kuma_core::delivery::DeliveryError;
use kuma_core::secret::{SecretRef, SecretSource};
use kuma_core::time::Timestamp;

use crate::egress::Egress;
use crate::http::{Http, Request};
use crate::secrets::Secrets;

/// Sends dead-man pings. Egress rules do not hold for them: only the operator writes settings.
#[derive(Debug)]
pub struct Heartbeat {
    http: Http,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { http: Http::default().with_egress(Egress::unlimited()) }
    }
}

impl Heartbeat {
    /// Sends one to the URL in a Secret of `namespace`.
    ///
    /// # Errors
    /// When the Secret is missing or the receiver does not answer with 2xx.
    pub async fn send(
        &self,
        namespace: &str,
        url: &SecretRef,
        secrets: &dyn SecretSource,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let mut secrets = Secrets::of(namespace, secrets);
        let url = secrets.entry(url)?;
        let request = Request { method: Method::GET, url, headers: HeaderMap::new(), body: None };
        self.http.send(request, &mut secrets, now).await?.outcome().map(drop)
    }
}
