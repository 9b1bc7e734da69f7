//! Resolves the tokens of push monitors.

use std::collections::HashMap;

use kuma_core::catalog::Catalog;
use kuma_core::check::Check;
use kuma_core::id::ObjectName;
use kuma_core::secret::{ExposeSecret, SecretSource};

use super::ready::Tokens;

/// The tokens of a catalog. The same token twice belongs to the earlier name.
pub(super) fn resolve(catalog: &Catalog, secrets: &dyn SecretSource) -> Tokens {
    let mut tokens = Tokens::default();
    let mut owners: HashMap<String, ObjectName> = HashMap::new();
    for (name, entry) in &catalog.monitors {
        let Check::Push(check) = &entry.monitor.check else { continue };
        if !entry.monitor.enabled {
            continue;
        }
        match check.token.resolve(&name.namespace, secrets) {
            Ok(token) => {
                let token = token.expose_secret().to_owned();
                if let Some(owner) = owners.get(&token) {
                    tokens.clashes.push((name.clone(), owner.clone()));
                } else {
                    owners.insert(token.clone(), name.clone());
                    tokens.by_token.insert(token, entry.id);
                }
            }
            Err(error) => tokens.missing.push((name.clone(), error.to_string())),
        }
    }
    tokens
}
