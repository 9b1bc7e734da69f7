//! `ping`.

use kuma_core::check::{Check, PingCheck};

use super::{Context, Part, ip_family, missing};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.ping else {
        missing(context, part, "ping");
        return None;
    };
    context.host(&part.path("ping.host"), &target.host);
    Some(Check::Ping(Box::new(PingCheck {
        host: target.host.clone(),
        count: target.count.unwrap_or(1).clamp(1, 100),
        packet_size: target.packet_size.unwrap_or(56).min(65_000),
        max_loss_percent: target.max_loss_percent.unwrap_or(0).min(100),
        tcp_fallback: target.tcp_fallback,
        tcp_fallback_port: target.tcp_fallback_port,
        ip_family: ip_family(target.ip_family),
    })))
}
