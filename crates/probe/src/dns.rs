//! `dns`: a question to a DNS server and what its answer must hold.

pub(crate) mod exchange;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod text;
