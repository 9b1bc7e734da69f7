//! What every scenario needs: a home for one installation, the running program, requests to it,
//! documents to put into its folder, and waiting for conditions.

pub(crate) mod documents;
pub(crate) mod home;
pub(crate) mod kuma;

pub(crate) use home::{Home, Ran};
pub(crate) use kuma::Kuma;
pub(crate) use kuma_fixture::get as http;
pub(crate) use kuma_fixture::wait::{now, until};
