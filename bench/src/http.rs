//! A small HTTP client for reading metrics, for loading a peer and as the bare limit.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A connection that stays open.
pub(crate) struct Client {
    sender: SendRequest<Empty<Bytes>>,
    host: String,
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Its end shows in the next request.
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_string() })
    }

    /// Status and body of a GET.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<(u16, Bytes)> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request(&self.host, path)?).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

/// A GET on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<(u16, Bytes)> {
    Client::connect(address).await?.get(path).await
}

fn request(host: &str, path: &str) -> anyhow::Result<Request<Empty<Bytes>>> {
    Request::get(path).header(header::HOST, host).body(Empty::new()).context("no valid request")
}

/// What a bare check is: connect, one GET, status, body to the end.
pub(crate) async fn bare_check(
    address: SocketAddr,
    tls: Option<&TlsConnector>,
) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // As a check does: nothing may stay behind in TIME_WAIT.
    stream.set_zero_linger()?;
    match tls {
        None => exchange(stream, address).await,
        Some(connector) => {
            let name = ServerName::from(address.ip());
            exchange(connector.connect(name, stream).await?, address).await
        }
    }
}

async fn exchange<S>(stream: S, address: SocketAddr) -> anyhow::Result<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let asked = async {
        let response = sender.send_request(request(&address.to_string(), "/")?).await?;
        anyhow::ensure!(response.status().is_success(), "status {}", response.status());
        response.into_body().collect().await?;
        anyhow::Ok(())
    };
    tokio::pin!(connection);
    tokio::select! {
        done = asked => done,
        ended = &mut connection => anyhow::bail!("the connection ended early: {ended:?}"),
    }
}

/// A connector that trusts one authority, offers TLS 1.3 and resumes nothing.
pub(crate) fn connector(ca: CertificateDer<'static>) -> anyhow::Result<TlsConnector> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}
