//! Probes: one attempt of one check, over stages that are shared and timed.
//!
//! [`Prober::run`] is the only entrance to checks. It knows nothing of retries, incidents or the
//! store: it asks the target once and says what it saw as one
//! [`Observation`](kuma_core::observation::Observation).

mod attempt;
mod certificate;
mod condition;
mod dns;
mod docker;
mod fault;
mod grpc;
mod http;
mod json;
mod json_query;
mod keyword;
mod kubernetes;
mod mask;
mod net;
mod ping;
mod prober;
pub mod resolve;
mod starttls;
mod stats;
mod steam;
mod tcp;
#[cfg(test)]
mod testing;
mod tls;
mod trace;
mod websocket;
mod words;

/// Parsers of bytes from outside that nothing on loopback can send; for the fuzz targets.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::ping::any_packet;
}

pub use prober::{ProbeError, Prober, ProberConfig};
