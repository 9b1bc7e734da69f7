//! Who may use the API while nobody can sign in: this machine, unless told otherwise.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::HOST;

use crate::problem::Problem;

/// The rule for the API's routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gate {
    /// Requests from loopback addresses to a loopback name. The name is checked too, so that a
    /// page in a browser cannot reach us through a name that it points at 127.0.0.1.
    #[default]
    Loopback,
    /// Everybody who reaches the port.
    Open,
}

/// Whether a request may pass.
pub fn permits(gate: Gate, peer: SocketAddr, host: Option<&str>) -> bool {
    match gate {
        Gate::Open => true,
        Gate::Loopback => {
            peer.ip().to_canonical().is_loopback() && host.is_none_or(is_loopback_name)
        }
    }
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Middleware that applies the rule.
pub async fn guard(
    State(gate): State<Gate>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    if permits(gate, peer, host) {
        return next.run(request).await;
    }
    Problem::new(StatusCode::FORBIDDEN, "The API answers only on this machine")
        .detail(
            "Nobody can sign in yet, so requests from elsewhere are refused. Ask from this \
             machine (http://localhost), or start with --api-open if the network is trusted.",
        )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_peers_with_loopback_names_pass() {
        let here: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:1".parse().unwrap();
        let away: SocketAddr = "10.0.0.7:1".parse().unwrap();
        for host in [None, Some("localhost:3000"), Some("127.0.0.1"), Some("[::1]:3000")] {
            assert!(permits(Gate::Loopback, here, host), "{host:?}");
            assert!(permits(Gate::Loopback, mapped, host), "{host:?}");
            assert!(!permits(Gate::Loopback, away, host), "{host:?}");
        }
        assert!(!permits(Gate::Loopback, here, Some("rebound.example.com:3000")));
        assert!(permits(Gate::Open, away, Some("kuma.example.com")));
    }
}
