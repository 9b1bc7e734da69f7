//! `LocalUser`.

use kuma_core::object::{LocalUser, Problem, Role};

use super::Context;
use crate::kinds::LocalUserSpec;
use crate::kinds::settings::{MfaRequirement, RoleSpec};

pub(super) fn convert(context: &mut Context<'_>, spec: &LocalUserSpec) -> Option<LocalUser> {
    let plain = |c: char| !c.is_control() && !c.is_whitespace();
    if !spec.username.chars().all(plain) {
        context.push(
            Problem::semantic("spec.username", "a user name has no spaces")
                .with_value(&spec.username),
        );
    }
    if let Some(mfa) = &spec.mfa
        && mfa.mode == Some(MfaRequirement::Required)
        && mfa.totp_secret_ref.is_none()
    {
        context.push(
            Problem::warning(
                "spec.mfa.totpSecretRef",
                "a second factor is required and none is set up, so the person cannot sign in yet",
            )
            .with_fix("name the Secret with the TOTP seed"),
        );
    }
    Some(LocalUser {
        name: context.key.name.clone(),
        username: spec.username.clone(),
        role: role(spec.role),
        disabled: spec.disabled.unwrap_or(false),
    })
}

const fn role(spec: RoleSpec) -> Role {
    match spec {
        RoleSpec::Admin => Role::Admin,
        RoleSpec::Editor => Role::Editor,
        RoleSpec::Viewer => Role::Viewer,
    }
}
