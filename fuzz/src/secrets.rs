//! What is in Secrets: the bytes of the input as the value of every entry that a check or a provider
//! asks for. They are somebody else's text too, and none of it may be shown.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kuma_core::secret::{SecretError, SecretRef, SecretSource, SecretString};
use kuma_core::settings::Settings;
use kuma_notify::Transports;
use kuma_probe::{Prober, ProberConfig};
use tokio::runtime::Runtime;

use crate::answers::monitor;
use crate::outside::{Outside, TIMEOUT, runtime, server};
use crate::receivers::{provider, tell};

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

impl Given {
    fn lock(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SecretSource for Given {
    fn get(&self, _: &str, _: &SecretRef) -> Result<SecretString, SecretError> {
        Ok(self.lock().clone().into())
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
        let said = ask(world, usize::from(*which), text);
        assert!(text.len() < TELLING || !said.contains(text), "the secret is shown: {said}");
    });
}

/// What people are shown when one of them reads a value.
fn ask(world: &World, which: usize, value: &str) -> String {
    value.clone_into(&mut world.given.lock());
    let which = which % (CHECKS.len() + PROVIDERS.len());
    world.runtime.block_on(async {
        let (address, serve) = server(b"no", 1).await;
        let ask = async {
            if let Some(spec) = CHECKS.get(which) {
                let settings = Settings::default();
                world.prober.run(&monitor(spec, address), &settings, TIMEOUT).await.message
            } else {
                let provider = provider(PROVIDERS[which - CHECKS.len()], address);
                tell(&world.transports, &provider, world.given.as_ref()).await
            }
        };
        tokio::select! {
            said = ask => said,
            () = serve => String::new(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(which: usize, value: &str) -> String {
        WORLD.with(|world| ask(world, which, value))
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
