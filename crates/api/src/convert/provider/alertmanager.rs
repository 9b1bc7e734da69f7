//! `config.alertmanager`.

use kuma_core::object::Problem;
use kuma_core::provider::{AlertmanagerConfig, ProviderConfig, SignIn};
use kuma_core::secret::SecretText;

use super::{Context, Credential, WEB, secret_ref};
use crate::kinds::notification_provider::AlertmanagerSpec;

/// Labels that every alert has already.
const OWN: [&str; 4] = ["alertname", "severity", "namespace", "monitor"];

pub(in crate::convert) fn alertmanager(
    context: &mut Context<'_>,
    at: &str,
    spec: &AlertmanagerSpec,
) -> Option<ProviderConfig> {
    let urls = urls(context, at, spec);
    let labels = labels(context, at, spec);
    let sign_in = sign_in(context, at, spec);
    Some(ProviderConfig::Alertmanager(AlertmanagerConfig { urls: urls?, labels, sign_in }))
}

fn urls(context: &mut Context<'_>, at: &str, spec: &AlertmanagerSpec) -> Option<Vec<SecretText>> {
    if let Some(secret) = &spec.url_secret_ref {
        return Some(vec![SecretText::from_ref(&secret_ref(secret))]);
    }
    if let Some(url) = &spec.url {
        return Some(vec![context.address(&format!("{at}.url"), url, WEB)?]);
    }
    let Some(urls) = &spec.urls else {
        context.error(at, "set one of url, urls and urlSecretRef");
        return None;
    };
    let urls: Vec<_> = urls
        .iter()
        .enumerate()
        .map(|(index, url)| context.address(&format!("{at}.urls[{index}]"), url, WEB))
        .collect();
    urls.into_iter().collect()
}

fn labels(context: &mut Context<'_>, at: &str, spec: &AlertmanagerSpec) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    for (name, value) in spec.labels.iter().flatten() {
        let path = format!("{at}.labels.{name}");
        let good = !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if name.is_empty() || !good {
            context.push(
                Problem::semantic(&path, "this is not the name of a label")
                    .with_value(name)
                    .with_fix("use letters, digits and _, and no digit first"),
            );
        } else if OWN.contains(&name.as_str()) {
            context.push(
                Problem::semantic(&path, "every alert has a label of this name already")
                    .with_value(name)
                    .with_fix("choose another name"),
            );
        } else {
            labels.push((name.clone(), value.clone()));
        }
    }
    labels
}

fn sign_in(context: &mut Context<'_>, at: &str, spec: &AlertmanagerSpec) -> Option<SignIn> {
    let username = Credential {
        reference: "usernameSecretRef",
        secret: spec.username_secret_ref.as_ref(),
        plain: "username",
        text: spec.username.as_ref(),
    };
    let username = context.credential(at, &username);
    let password = Credential {
        reference: "passwordSecretRef",
        secret: spec.password_secret_ref.as_ref(),
        plain: "password",
        text: spec.password.as_ref(),
    };
    let password = context.credential(at, &password);
    let token = Credential {
        reference: "bearerTokenSecretRef",
        secret: spec.bearer_token_secret_ref.as_ref(),
        plain: "bearerToken",
        text: spec.bearer_token.as_ref(),
    };
    let token = context.credential(at, &token);
    match (username, password, token) {
        (Some(username), Some(password), _) => Some(SignIn::Basic { username, password }),
        (_, _, Some(token)) => Some(SignIn::Bearer(token)),
        _ => None,
    }
}
