//! Watches over an API that the tests script, on a clock that they turn; the real one is asked in
//! `crates/e2e`.

mod kit;
mod known;
mod watched;
