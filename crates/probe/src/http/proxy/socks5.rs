//! SOCKS version 5 (RFC 1928) with user name and password (RFC 1929). Names are resolved by the
//! proxy.

use std::net::IpAddr;

use kuma_core::reason::Reason;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::wants_credentials;
use crate::fault::Fault;
use crate::http::plan::{Plan, invalid};
use crate::net::exchange_fault;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USERNAME_PASSWORD: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const DOMAIN: u8 = 3;
const IPV6: u8 = 4;
const DURING: &str = "by the SOCKS5 proxy before it opened the way";

/// Asks the proxy to connect to the plan's host.
pub(super) async fn open<S>(
    stream: &mut S,
    plan: &Plan,
    credentials: Option<&(String, String)>,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    greet(stream, credentials).await?;
    let request = request(plan.host(), plan.port())?;
    send(stream, &request).await?;
    let [version, reply, _, kind] = receive(stream).await?;
    if version != VERSION {
        return Err(no_socks());
    }
    if reply != 0 {
        return Err(Fault::target(
            Reason::ProxyRefused,
            format!("the SOCKS5 proxy made no connection: {}", words(reply)),
        ));
    }
    skip_bound_address(stream, kind).await
}

async fn greet<S>(stream: &mut S, credentials: Option<&(String, String)>) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let methods: &[u8] = match credentials {
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USERNAME_PASSWORD],
        None => &[VERSION, 1, NO_AUTHENTICATION],
    };
    send(stream, methods).await?;
    let [version, method] = receive(stream).await?;
    match (version, method, credentials) {
        (VERSION, NO_AUTHENTICATION, _) => Ok(()),
        (VERSION, USERNAME_PASSWORD, Some((username, password))) => {
            authenticate(stream, username, password).await
        }
        (VERSION, NO_ACCEPTABLE_METHOD, _) => Err(wants_credentials([])),
        _ => Err(no_socks()),
    }
}

async fn authenticate<S>(stream: &mut S, username: &str, password: &str) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut message = vec![1];
    for part in [username, password] {
        message.push(short(part, "the proxy's user name or password")?);
        message.extend_from_slice(part.as_bytes());
    }
    send(stream, &message).await?;
    let [_, status] = receive(stream).await?;
    if status == 0 { Ok(()) } else { Err(wants_credentials([])) }
}

fn request(host: &str, port: u16) -> Result<Vec<u8>, Fault> {
    let mut request = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend_from_slice(&ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend_from_slice(&ip.octets());
        }
        Err(_) => {
            request.push(DOMAIN);
            request.push(short(host, "the target's name")?);
            request.extend_from_slice(host.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    Ok(request)
}

fn short(text: &str, what: &str) -> Result<u8, Fault> {
    u8::try_from(text.len()).map_err(|_| invalid(format!("{what} is longer than 255 bytes")))
}

async fn skip_bound_address<S: AsyncRead + Unpin>(stream: &mut S, kind: u8) -> Result<(), Fault> {
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        DOMAIN => usize::from(receive::<_, 1>(stream).await?[0]),
        _ => return Err(no_socks()),
    };
    let mut rest = [0; 255 + 2];
    stream
        .read_exact(&mut rest[..length + 2])
        .await
        .map(drop)
        .map_err(|error| exchange_fault(&error, DURING))
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), Fault> {
    stream.write_all(bytes).await.map_err(|error| exchange_fault(&error, DURING))
}

async fn receive<S: AsyncRead + Unpin, const N: usize>(stream: &mut S) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(|error| exchange_fault(&error, DURING))?;
    Ok(bytes)
}

fn no_socks() -> Fault {
    Fault::target(Reason::ProxyRefused, "what answered is no SOCKS5 proxy")
}

/// RFC 1928, section 6.
const fn words(reply: u8) -> &'static str {
    match reply {
        2 => "its rules do not allow it",
        3 => "the target's network is unreachable",
        4 => "the target is unreachable",
        5 => "the target refused the connection",
        6 => "the time to live expired on the way to the target",
        7 => "it does not support the request",
        8 => "it does not support this kind of address",
        _ => "it failed",
    }
}
