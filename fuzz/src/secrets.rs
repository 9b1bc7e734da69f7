//! What is in Secrets: the bytes of the input as the value of every entry that a check or a provider
//! asks for. They are somebody else's text too, and none of it may be shown.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kuma_core::provider::Provider;
use kuma_core::secret::{SecretError, SecretRef, SecretSource, SecretString};
use kuma_core::settings::Settings;
use kuma_notify::Transports;
use kuma_probe::{Prober, ProberConfig};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::answers::monitor;
use crate::outside::{Outside, runtime, send};
use crate::receivers::{provider, tell};

/// How long an attempt may take. A server that closes ends it much sooner.
const TIMEOUT: Duration = Duration::from_millis(300);
/// What is shorter may stand in any message by chance.
const TELLING: usize = 24;

/// Checks and providers that read certificates, keys and words from Secrets; `PORT` stands for the
/// port of a server that closes.
const CHECKS: &[&str] = &[
    "{type: tls, target: {tls: {host: 127.0.0.1, port: PORT, caBundleSecretRef: {name: a, key: b}}}}",
    "{type: tls, target: {tls: {host: 127.0.0.1, port: PORT, clientCertSecretRef: {name: a, key: b}}}}",
    "{type: http, target: {http: {url: 'http://127.0.0.1:PORT/', auth: {bearerSecretRef: {name: a, key: b}}}}}",
    "{type: http, target: {http: {url: 'http://127.0.0.1:PORT/', auth: {basic: {usernameSecretRef: {name: a, key: b}, passwordSecretRef: {name: a, key: b}}}}}}",
];
const PROVIDERS: &[&str] = &[
    "{type: webhook, config: {webhook: {url: 'http://127.0.0.1:PORT/', signingSecretRef: {name: a, key: b}}}}",
    "{type: telegram, config: {telegram: {botTokenSecretRef: {name: a, key: b}, chatId: '1', apiBaseUrl: 'http://127.0.0.1:PORT'}}}",
    "{type: smtp, config: {smtp: {host: 127.0.0.1, port: PORT, security: none, from: a@example.com, to: [b@example.com], usernameSecretRef: {name: a, key: b}, passwordSecretRef: {name: a, key: b}}}}",
];

/// One value for whatever is asked for.
#[derive(Default)]
struct Given(Mutex<String>);

impl SecretSource for Given {
    fn get(&self, _: &str, _: &SecretRef) -> Result<SecretString, SecretError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().into())
    }
}

struct World {
    runtime: Runtime,
    given: Arc<Given>,
    prober: Prober,
    transports: Transports,
}

thread_local! {
    static WORLD: World = {
        let given = Arc::<Given>::default();
        let config = ProberConfig { secrets: given.clone(), clock: Arc::new(Outside), cluster: None };
        World {
            runtime: runtime(),
            given,
            prober: Prober::new(config).expect("a prober"),
            transports: Transports::with_timeout(TIMEOUT),
        }
    };
}

/// The first byte chooses who reads the rest.
pub(crate) fn run(data: &[u8]) {
    let Some((which, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    WORLD.with(|world| {
        text.clone_into(&mut world.given.0.lock().unwrap_or_else(PoisonError::into_inner));
        let said = world.runtime.block_on(ask(world, usize::from(*which)));
        assert!(text.len() < TELLING || !said.contains(text), "the secret is shown: {said}");
    });
}

async fn ask(world: &World, which: usize) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = async {
        while let Ok((stream, _)) = listener.accept().await {
            send(stream, b"no", 1).await;
        }
        String::new()
    };
    let which = which % (CHECKS.len() + PROVIDERS.len());
    let ask = async {
        if let Some(spec) = CHECKS.get(which) {
            let settings = Settings::default();
            world.prober.run(&monitor(spec, address), &settings, TIMEOUT).await.message
        } else {
            let provider: Arc<Provider> = provider(PROVIDERS[which - CHECKS.len()], address);
            tell(&world.transports, &provider, world.given.as_ref()).await
        }
    };
    tokio::select! {
        said = ask => said,
        said = serve => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(which: usize, value: &str) -> String {
        WORLD.with(|world| {
            value.clone_into(&mut world.given.0.lock().unwrap());
            world.runtime.block_on(ask(world, which))
        })
    }

    #[test]
    fn values_get_to_who_reads_them() {
        const AUTHORITY: &str = include_str!("../authority.pem");
        assert!(said(0, "no certificate").contains("holds no PEM certificate"));
        assert!(!said(0, AUTHORITY).contains("Secret"), "{}", said(0, AUTHORITY));
        assert!(said(1, AUTHORITY).contains("holds no PEM private key"));
        let words = said(CHECKS.len(), "whsec_no base64");
        assert!(words.contains("signing"), "{words}");
    }
}
