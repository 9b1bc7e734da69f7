//! `tcp`: a connection, with TLS and an exchange if asked.

mod exchange;

use std::time::Duration;

use kuma_core::check::{IpFamily, TcpCheck};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::attempt::{Attempt, Verdict};
use crate::net::Wire;
use crate::starttls;
use crate::tls::{self, Alpn};

/// How long a goodbye may take; the verdict is already known then.
const GOODBYE: Duration = Duration::from_millis(500);

/// Connects, speaks TLS if asked, and has the exchange.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &TcpCheck) -> Verdict {
    let stream = attempt.dial(&check.host, check.port, IpFamily::Auto).await?;
    let mut wire = Wire::new(stream);
    match &check.tls {
        None => converse(attempt, check, wire).await,
        Some(options) => {
            if let Some(protocol) = check.starttls {
                let name = options.sni.as_deref().unwrap_or(&check.host);
                starttls::upgrade(attempt, &mut wire, protocol, name).await?;
            }
            let stream = tls::connect(attempt, wire, &check.host, options, Alpn::None).await?;
            converse(attempt, check, stream).await
        }
    }
}

async fn converse<S>(attempt: &mut Attempt<'_>, check: &TcpCheck, mut stream: S) -> Verdict
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let said = exchange::run(attempt, check, &mut stream).await?;
    // Take leave properly: a connection that is cut looks like an error in the target's log.
    let _ = tokio::time::timeout(GOODBYE, stream.shutdown()).await;
    Ok(said)
}
