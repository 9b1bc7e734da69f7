//! The target: nginx with a small page, plain and in TLS 1.3 with a P-256 certificate of an
//! authority made for the run.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};

use crate::http;
use crate::process::Process;

/// A loopback address with a port that is free now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}

/// A running nginx.
pub(crate) struct Target {
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    /// The authority, a PEM file.
    pub(crate) ca_pem: PathBuf,
    _process: Process,
}

impl Target {
    /// Starts it with its files in `folder`.
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.join("nginx");
        fs::create_dir_all(folder.join("html"))?;
        fs::write(folder.join("html/index.html"), "all systems go\n")?;
        write_certificates(&folder)?;
        let (plain, tls) = (free_address()?, free_address()?);
        let config = folder.join("nginx.conf");
        fs::write(&config, configuration(&folder, plain, tls))?;
        let process = Process::start(
            Command::new("nginx")
                .arg("-c")
                .arg(&config)
                .arg("-p")
                .arg(&folder)
                .stderr(Stdio::null()),
        )?;
        let target = Self { plain, tls, ca_pem: folder.join("ca.pem"), _process: process };
        until(Duration::from_secs(10), "nginx does not answer", async || {
            http::get(plain, "/").await.is_ok()
        })
        .await?;
        Ok(target)
    }
}

/// Asks again and again until it holds.
pub(crate) async fn until(
    within: Duration,
    what: &str,
    mut holds: impl AsyncFnMut() -> bool,
) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + within;
    while !holds().await {
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "{what} after {within:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

fn write_certificates(folder: &Path) -> anyhow::Result<()> {
    let ca_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "bench authority");
    let ca = params.self_signed(&ca_key)?;
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?
        .signed_by(&key, &issuer)?;
    fs::write(folder.join("ca.pem"), ca.pem())?;
    fs::write(folder.join("cert.pem"), leaf.pem())?;
    fs::write(folder.join("key.pem"), key.serialize_pem())?;
    Ok(())
}

fn configuration(folder: &Path, plain: SocketAddr, tls: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  root {folder}/html;
  server {{ listen {plain} backlog=4096; }}
  server {{
    listen {tls} ssl backlog=4096;
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem;
    ssl_protocols TLSv1.3;
  }}
}}
"
    )
}
