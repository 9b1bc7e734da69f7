//! A client that connects and says nothing: for receivers that have no request that tells nobody.

use std::error::Error;

use tower::util::MapResultLayer;

/// Stands in for the connection that was made, so that no request goes over it.
#[derive(Debug)]
struct Reached;

impl std::fmt::Display for Reached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the receiver can be reached")
    }
}

impl Error for Reached {}

type BoxError = Box<dyn Error + Send + Sync>;

/// Makes every request of a client end when its connection stands, TLS and proxy included, and
/// before a byte of the request is sent.
pub(crate) fn only_connecting(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    builder.connector_layer(MapResultLayer::new(hang_up))
}

/// Whether the connection stood.
pub(crate) fn was_reached(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<Reached>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn hang_up<C>(connected: Result<C, BoxError>) -> Result<C, BoxError> {
    connected.and_then(|_| Err(Reached.into()))
}
