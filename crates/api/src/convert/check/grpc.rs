//! `grpc`.

use kuma_core::check::{Check, GrpcCheck};
use kuma_core::object::Problem;
use kuma_core::secret::SecretText;

use super::{Context, Part, missing, tls_options};
use crate::convert::text::split_port;
use crate::kinds::common::TextMap;

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.grpc else {
        missing(context, part, "grpc");
        return None;
    };
    let at = part.path("grpc");
    let good = context.host_port(&format!("{at}.address"), &target.address, false);
    if let Some(authority) = &target.authority {
        context.host_port(&format!("{at}.authority"), authority, true);
    }
    let tls = target.tls.as_ref().map(|tls| tls_options(context, &format!("{at}.tls"), tls));
    let metadata = metadata(context, &format!("{at}.metadata"), target.metadata.as_ref());
    let (host, port) = split_port(&target.address).filter(|_| good)?;
    Some(Check::Grpc(Box::new(GrpcCheck {
        host: host.to_owned(),
        port: port?,
        service: target.service.clone().unwrap_or_default(),
        tls,
        authority: target.authority.clone(),
        metadata,
    })))
}

fn metadata(
    context: &mut Context<'_>,
    at: &str,
    entries: Option<&TextMap>,
) -> Vec<(String, SecretText)> {
    let mut list = Vec::new();
    for (name, value) in entries.into_iter().flatten() {
        let path = format!("{at}.{name}");
        let good =
            |byte: u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.');
        let name = name.to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(good) {
            context.push(
                Problem::semantic(path, "this is not a name of metadata")
                    .with_fix("use letters, digits, -, _ and . only"),
            );
        } else if name.starts_with("grpc-") || matches!(&*name, "te" | "content-type" | "host") {
            context.error(path, "this name belongs to the protocol itself");
        } else if let Some(text) = context.secret_text(&path, value) {
            let plain = text.as_plain();
            if plain.is_some_and(|it| !it.trim().bytes().all(|byte| matches!(byte, b' '..=b'~'))) {
                context.push(
                    Problem::semantic(path, "metadata is plain ASCII")
                        .with_fix("end the name in -bin and write the value in Base64"),
                );
            } else {
                list.push((name, text));
            }
        }
    }
    list
}
