//! The prober against real servers on loopback, each of which belongs to one test.

#![expect(clippy::unwrap_used, reason = "what a test expects and does not get fails the test")]

mod alerts;
mod certificate;
mod dns_real;
mod dns_tls;
mod docker;
mod egress;
mod egress_metadata;
mod fixture;
mod grpc;
mod http;
mod openssl;
mod proxy;
mod stalled;
mod starttls;
mod steam;
mod tls;
mod verdicts;
mod websocket;
