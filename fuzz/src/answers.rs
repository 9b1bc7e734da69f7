//! What targets answer: a check of each type against a server on loopback that sends the bytes of
//! the input and closes. The answer is sent in pieces, so that a parser sees every state.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kuma_api::read::{ReadContext, read_file};
use kuma_core::monitor::Monitor;
use kuma_core::object::Body;
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use kuma_core::settings::Settings;
use kuma_probe::{Prober, ProberConfig};
use tokio::net::UdpSocket;
use tokio::runtime::Runtime;

use crate::outside::{Outside, TIMEOUT, runtime, server};

/// How long an attempt with datagrams may take: nobody closes, so whoever gets none that fits waits
/// for all of it.
const PATIENCE: Duration = Duration::from_millis(20);

/// Checks of everything that connects; `PORT` stands for the server's port.
const STREAMS: &[&str] = &[
    "{type: http, target: {http: {url: 'http://127.0.0.1:PORT/'}}}",
    "{type: http, target: {http: {url: 'http://127.0.0.1:PORT/', httpVersion: http2}}}",
    "{type: jsonQuery, target: {jsonQuery: {url: 'http://127.0.0.1:PORT/', query: '$..a'}}}",
    "{type: keyword, target: {keyword: {url: 'http://127.0.0.1:PORT/', keyword: '(a+)+$', regex: true}}}",
    "{type: http, target: {http: {url: 'https://127.0.0.1:PORT/'}}}",
    "{type: tcp, target: {tcp: {host: 127.0.0.1, port: PORT, send: hello, expect: world}}}",
    "{type: tls, target: {tls: {host: 127.0.0.1, port: PORT, starttls: smtp}}}",
    "{type: tls, target: {tls: {host: 127.0.0.1, port: PORT, starttls: imap}}}",
    "{type: tls, target: {tls: {host: 127.0.0.1, port: PORT, starttls: pop3}}}",
    "{type: tls, target: {tls: {host: 127.0.0.1, port: PORT, starttls: ftp}}}",
    "{type: tls, target: {tls: {host: 127.0.0.1, port: PORT, starttls: ldap}}}",
    "{type: tls, target: {tls: {host: 127.0.0.1, port: PORT, starttls: postgres}}}",
    "{type: tls, target: {tls: {host: 127.0.0.1, port: PORT, starttls: mysql}}}",
    "{type: tls, target: {tls: {host: 127.0.0.1, port: PORT, starttls: xmpp}}}",
    "{type: websocket, target: {websocket: {url: 'ws://127.0.0.1:PORT/', message: hi, expectedResponse: there}}}",
    "{type: grpc, target: {grpc: {address: '127.0.0.1:PORT'}}}",
    "{type: docker, target: {docker: {container: c, engine: 'tcp://127.0.0.1:PORT'}}}",
    "{type: dns, target: {dns: {domain: a.example, server: '127.0.0.1:PORT', protocol: tcp}}}",
    "{type: http, target: {http: {url: 'http://a.example/', proxy: {mode: socks5, urlFromSecretRef: {name: socks5, key: 'PORT'}}}}}",
    "{type: http, target: {http: {url: 'https://a.example/', proxy: {mode: http, urlFromSecretRef: {name: http, key: 'PORT'}}}}}",
    // Certificates go in the clear up to TLS 1.2, so a recorded handshake gets as far as them.
    "{type: tls, target: {tls: {host: 127.0.0.1, port: PORT, caBundleSecretRef: {name: authority, key: pem}}}}",
    "{type: http, target: {http: {url: 'http://127.0.0.1:PORT/', auth: {digest: {usernameSecretRef: {name: word, key: u}, passwordSecretRef: {name: word, key: p}}}}}}",
    "{type: http, target: {http: {url: 'http://127.0.0.1:PORT/', auth: {oauth2: {tokenUrl: 'http://127.0.0.1:PORT/token', clientId: i, clientSecretRef: {name: word, key: s}}}}}}",
];

/// Checks of everything that exchanges datagrams.
const DATAGRAMS: &[&str] = &[
    "{type: dns, target: {dns: {domain: a.example, server: '127.0.0.1:PORT'}}}",
    "{type: dns, target: {dns: {domain: a.example, recordType: TXT, server: '127.0.0.1:PORT', expected: [x]}}}",
    "{type: steam, target: {steam: {host: 127.0.0.1, port: PORT, expectedMap: de_dust2}}}",
];

struct World {
    runtime: Runtime,
    prober: Prober,
}

thread_local! {
    static WORLD: World = World {
        runtime: runtime(),
        prober: Prober::new(ProberConfig {
            secrets: Arc::new(Outside),
            clock: Arc::new(Outside),
            cluster: None,
        })
        .expect("a prober"),
    };
}

/// The first byte chooses the check, the second how large the pieces are.
pub(crate) fn streams(data: &[u8]) {
    let [check, piece, answer @ ..] = data else {
        return;
    };
    WORLD.with(|world| {
        world.runtime.block_on(async {
            let (address, serve) = server(answer, usize::from(*piece) + 1).await;
            let monitor = monitor(STREAMS[usize::from(*check) % STREAMS.len()], address);
            attempt(world, &monitor, TIMEOUT, serve).await;
        });
    });
}

/// The first byte chooses the check; the rest are datagrams, parted by the byte 0xAA. Where the
/// question begins with an identifier, the answer does too. One more number stands for `ping`, whose
/// packets nobody but the kernel can send on loopback.
pub(crate) fn datagrams(data: &[u8]) {
    let [check, answer @ ..] = data else {
        return;
    };
    let which = usize::from(*check) % (DATAGRAMS.len() + 1);
    if which == DATAGRAMS.len() {
        return kuma_probe::fuzzing::any_packet(answer);
    }
    WORLD.with(|world| {
        world.runtime.block_on(async {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
            let address = socket.local_addr().expect("an address");
            let monitor = monitor(DATAGRAMS[which], address);
            let serve = async {
                let mut question = [0; 2048];
                while let Ok((length, from)) = socket.recv_from(&mut question).await {
                    for part in answer.split(|byte| *byte == 0xAA).take(8) {
                        let identifier = if which < 2 { &question[..length.min(2)] } else { &[] };
                        let _ = socket.send_to(&[identifier, part].concat(), from).await;
                    }
                }
            };
            attempt(world, &monitor, PATIENCE, serve).await;
        });
    });
}

async fn attempt(
    world: &World,
    monitor: &Monitor,
    timeout: Duration,
    serve: impl Future<Output = ()>,
) {
    let settings = Settings::default();
    let check = world.prober.run(monitor, &settings, timeout);
    let observation = tokio::select! {
        observation = check => observation,
        () = serve => return,
    };
    let reason = observation.outcome.reason();
    assert_ne!(observation.outcome, Outcome::Indeterminate(Reason::Internal), "{observation:?}");
    let listed = monitor.check.check_type().reasons();
    assert!(reason.is_none_or(|reason| listed.contains(&reason)), "{observation:?}");
}

/// A monitor of that `spec`; `PORT` stands for the port of the address.
pub(crate) fn monitor(spec: &str, address: SocketAddr) -> Arc<Monitor> {
    let spec = spec.replace("PORT", &address.port().to_string());
    let document = format!(
        "{{apiVersion: monitoring.kubekuma.io/v1, kind: Monitor, metadata: {{name: fuzz}}, spec: {spec}}}"
    );
    let reading = read_file(Path::new("fuzz.yaml"), document.as_bytes(), &ReadContext::default());
    let object = reading.objects.into_iter().next();
    match object.map(|object| object.body) {
        Some(Body::Monitor(monitor)) => monitor,
        _ => unreachable!("{document}: {:?}", reading.findings),
    }
}
