//! The target of type tls: a server that shows a certificate.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kuma_fixture::authority::Identity;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use serde_json::json;

use super::{Target, World, spec, target};
use crate::evidence::Certainty::Must;

const KEPT: Duration = Duration::from_secs(3);
const HOWS: [&str; 4] = ["for another name", "no TLS", "mute", "an alert"];

pub(super) fn certificate(world: &World) -> Target {
    let configs = [
        config(&world.authority.issue(&["localhost", "127.0.0.1"])),
        config(&world.authority.issue(&["elsewhere.example"])),
    ];
    let listener = match TcpListener::bind(("127.0.0.1", 0)) {
        Ok(listener) => listener,
        Err(error) => panic!("no port on 127.0.0.1: {error}"),
    };
    let port = listener.local_addr().map_or(0, |address| address.port());
    let now = Arc::new(AtomicUsize::new(0));
    let chosen = now.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (configs, how) = (configs.clone(), chosen.load(Ordering::SeqCst));
            // A caller that breaks off is no concern of the server's.
            std::thread::spawn(move || serve(stream, &configs, how));
        }
    });
    let at = json!({ "host": "127.0.0.1", "port": port });
    let hows = HOWS.iter().map(|name| (*name, Must)).collect();
    let act = Box::new(move |how: Option<usize>| {
        now.store(how.map_or(0, |how| how + 1), Ordering::SeqCst);
    });
    target("tls", spec("tls", &at, None), hows, act)
}

fn config(identity: &Identity) -> Arc<ServerConfig> {
    let build = || {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = CertificateDer::from_pem_slice(identity.certificate.as_bytes())
            .map_err(|error| error.to_string())?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())
            .map_err(|error| error.to_string())?;
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .map_err(|error| error.to_string())
    };
    match build() {
        Ok(config) => Arc::new(config),
        Err(error) => panic!("a certificate of our own cannot be used: {error}"),
    }
}

fn serve(
    mut stream: TcpStream,
    configs: &[Arc<ServerConfig>; 2],
    how: usize,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(KEPT))?;
    stream.set_write_timeout(Some(KEPT))?;
    match how {
        0 | 1 => {
            let config = configs[how].clone();
            let mut tls = ServerConnection::new(config).map_err(std::io::Error::other)?;
            while tls.is_handshaking() {
                tls.complete_io(&mut stream)?;
            }
            tls.send_close_notify();
            tls.complete_io(&mut stream)?;
        }
        2 => stream.write_all(b"220 this is mail\r\n")?,
        // A fatal alert: handshake_failure.
        4 => stream.write_all(&[21, 3, 3, 0, 2, 2, 40])?,
        _ => {}
    }
    let mut rest = [0; 1_024];
    while stream.read(&mut rest)? > 0 {}
    Ok(())
}
