//! The receivers that the tests of providers send to.

pub(crate) use kuma_fixture::http_server::*;
