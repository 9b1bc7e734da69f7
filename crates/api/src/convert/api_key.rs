//! `ApiKey`.

use kuma_core::object::{ApiKey, Problem};

use super::Context;
use crate::kinds::ApiKeySpec;
use crate::kinds::api_key::OwnerKind;

pub(super) fn convert(context: &mut Context<'_>, spec: &ApiKeySpec) -> Option<ApiKey> {
    let scopes = spec.scopes.clone().unwrap_or_default();
    for (index, scope) in scopes.iter().enumerate() {
        if !is_scope(scope) {
            context.push(
                Problem::semantic(format!("spec.scopes[{index}]"), "this is not a scope")
                    .with_value(scope)
                    .with_fix(
                        "write <resource>:read or <resource>:write such as monitors:read, or *",
                    ),
            );
        }
    }
    if scopes.is_empty() {
        context.warning("spec.scopes", "without scopes the key may do nothing");
    }
    if let Some(text) = &spec.expires_at {
        context.instant("spec.expiresAt", text);
    }
    let kind = match spec.owner_ref.kind {
        OwnerKind::LocalUser => "LocalUser",
        OwnerKind::OidcUser => "OIDCUser",
    };
    Some(ApiKey {
        name: context.key.name.clone(),
        owner: format!("{kind}/{}", spec.owner_ref.name),
        scopes,
        disabled: spec.disabled.unwrap_or(false),
    })
}

fn is_scope(text: &str) -> bool {
    text == "*"
        || text.split_once(':').is_some_and(|(resource, verb)| {
            !resource.is_empty()
                && resource.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
                && matches!(verb, "read" | "write")
        })
}
