//! `config.smtp`.

use kuma_core::object::Problem;
use kuma_core::provider::{ProviderConfig, SmtpConfig, SmtpSecurity};

use super::Context;
use crate::convert::text::Credential;
use crate::kinds::notification_provider::{SmtpSecuritySpec, SmtpSpec};

pub(in crate::convert) fn smtp(
    context: &mut Context<'_>,
    at: &str,
    spec: &SmtpSpec,
) -> Option<ProviderConfig> {
    let security = spec.security.map_or(SmtpSecurity::Starttls, security);
    context.host(&format!("{at}.host"), &spec.host);
    context.mailbox(&format!("{at}.from"), &spec.from);
    for (index, to) in spec.to.iter().enumerate() {
        context.mailbox(&format!("{at}.to[{index}]"), to);
    }
    for (index, cc) in spec.cc.iter().flatten().enumerate() {
        context.mailbox(&format!("{at}.cc[{index}]"), cc);
    }
    if let Some(reply_to) = &spec.reply_to {
        context.mailbox(&format!("{at}.replyTo"), reply_to);
    }
    if spec.to.is_empty() {
        context.error(format!("{at}.to"), "mail needs a recipient");
    }
    let credentials = credentials(context, at, spec);
    if credentials.is_some() && security == SmtpSecurity::None {
        context.warning(
            format!("{at}.security"),
            "the password travels in the clear; use starttls or tls",
        );
    }
    Some(ProviderConfig::Smtp(SmtpConfig {
        host: spec.host.clone(),
        port: spec.port.unwrap_or(match security {
            SmtpSecurity::Starttls => 587,
            SmtpSecurity::Tls => 465,
            SmtpSecurity::None => 25,
        }),
        security,
        credentials,
        from: spec.from.clone(),
        to: spec.to.clone(),
        cc: spec.cc.clone().unwrap_or_default(),
        reply_to: spec.reply_to.clone(),
    }))
}

fn credentials(
    context: &mut Context<'_>,
    at: &str,
    spec: &SmtpSpec,
) -> Option<(kuma_core::secret::SecretText, kuma_core::secret::SecretText)> {
    let username = context.credential(
        at,
        &Credential {
            reference: "usernameSecretRef",
            secret: spec.username_secret_ref.as_ref(),
            plain: "username",
            text: spec.username.as_ref(),
        },
    );
    let password = context.credential(
        at,
        &Credential {
            reference: "passwordSecretRef",
            secret: spec.password_secret_ref.as_ref(),
            plain: "password",
            text: spec.password.as_ref(),
        },
    );
    Some((username?, password?))
}

const fn security(spec: SmtpSecuritySpec) -> SmtpSecurity {
    match spec {
        SmtpSecuritySpec::None => SmtpSecurity::None,
        SmtpSecuritySpec::Starttls => SmtpSecurity::Starttls,
        SmtpSecuritySpec::Tls => SmtpSecurity::Tls,
    }
}

impl Context<'_> {
    /// An address, or `Name <address>`.
    fn mailbox(&mut self, path: &str, text: &str) {
        let address = match text.rsplit_once('<') {
            Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
            None => text,
        }
        .trim();
        let good = !text.contains(['\r', '\n', '\0'])
            && address.rsplit_once('@').is_some_and(|(local, domain)| {
                !local.is_empty() && !domain.is_empty() && !address.contains(char::is_whitespace)
            });
        if !good {
            self.push(
                Problem::semantic(path, "this is not a mail address")
                    .with_value(text)
                    .with_fix("write it as ops@example.com or Ops <ops@example.com>"),
            );
        }
    }
}
