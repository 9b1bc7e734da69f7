//! What visitors send to our own server: requests to every route, with their paths, parameters,
//! headers and bodies, as bytes on a connection.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kuma_core::catalog::{Catalog, CatalogSource};
use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::monitor::Monitor;
use kuma_core::observation::Observation;
use kuma_core::particulars::{Examiner, Particulars};
use kuma_core::ports::{PushArrival, Store};
use kuma_core::settings::Settings;
use kuma_server::blackbox::OnDemand;
use kuma_server::gate::Gate;
use kuma_server::{Context, Live, ReadyCheck, Runtime};
use kuma_store::{SqliteOptions, SqliteStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::outside::{Outside, runtime};
use crate::requests;

/// How long the first byte of an answer is waited for, and how long its end.
const PATIENCE: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(200)];
/// The end of a head, so that few inputs leave the server waiting for more.
const END: &[u8] = b"\r\n\r\n";
/// No answer here is longer, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;
/// The token of the only push monitor.
const TOKEN: &str = "token";

struct World {
    runtime: tokio::runtime::Runtime,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

thread_local! {
    static WORLD: World = world();
}

fn world() -> World {
    let runtime = runtime();
    let folder = tempfile::tempdir().expect("a folder");
    let options = SqliteOptions {
        path: folder.path().join("kubekuma.db"),
        clock: Arc::new(Outside),
        product_version: "fuzz".to_owned(),
    };
    let address = runtime.block_on(async {
        let store = SqliteStore::open(options).await.expect("a store");
        store.intern(&[ObjectName::new("shop", "job")]).await.expect("a number");
        let context = Context {
            catalog: Arc::new(House),
            live: Arc::new(Live::default()),
            store: Arc::new(store),
            secrets: Arc::new(Outside),
            clock: Arc::new(Outside),
            runtime: Arc::new(House),
            stats: Arc::default(),
            // A target is never asked: the input names it.
            on_demand: Arc::new(OnDemand::new(Arc::new(House))),
            suggestions: None,
            gate: Gate::Loopback,
            version: "fuzz",
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = kuma_server::router(context);
        tokio::spawn(kuma_server::serve(listener, router, std::future::pending()));
        address
    });
    World { runtime, address, _folder: folder }
}

/// The first byte says how large the pieces are; the rest is sent in them.
pub(crate) fn run(data: &[u8]) {
    let [piece, bytes @ ..] = data else {
        return;
    };
    WORLD.with(|world| {
        let visit = visit(world.address, bytes, usize::from(*piece) + 1);
        let answer = world.runtime.block_on(visit);
        let said = String::from_utf8_lossy(&answer);
        assert!(!said.contains("HTTP/1.1 500"), "a panic: {said}");
        assert!(answer.len() < LONGEST_ANSWER, "{} bytes", answer.len());
    });
}

async fn visit(address: SocketAddr, bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let bytes = [bytes, END].concat();
    for part in bytes.chunks(piece.max(bytes.len() / 16 + 1)) {
        if stream.write_all(part).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let mut answer = vec![0; 1024];
    let first = tokio::time::timeout(PATIENCE[0], stream.read(&mut answer)).await;
    answer.truncate(first.ok().and_then(Result::ok).unwrap_or(0));
    // A visitor who hangs up is not answered any more, so this comes only now.
    let _ = stream.shutdown().await;
    let rest = async { (&mut stream).take(LONGEST_ANSWER as u64).read_to_end(&mut answer).await };
    let _ = tokio::time::timeout(PATIENCE[1], rest).await;
    answer
}

/// The program around the server.
struct House;

impl CatalogSource for House {
    fn current(&self) -> Arc<Catalog> {
        Arc::clone(&requests::CATALOG)
    }
}

impl Runtime for House {
    fn ready(&self) -> BTreeMap<&'static str, ReadyCheck> {
        BTreeMap::from([("commits", ReadyCheck { ok: true, message: None })])
    }

    fn push_target(&self, token: &str) -> Option<MonitorId> {
        (token == TOKEN).then_some(MonitorId(1))
    }

    fn push_comes(&self, _: MonitorId) {}

    fn push_refused(&self, _: MonitorId) {}

    fn pushed(&self, arrival: PushArrival) {
        assert!(arrival.message.len() <= 512, "{} bytes are kept", arrival.message.len());
        assert!(!arrival.message.contains(TOKEN), "the token is kept: {}", arrival.message);
    }
}

impl Examiner for House {
    fn examine<'a>(
        &'a self,
        _: &'a Monitor,
        _: &'a Settings,
        _: Duration,
    ) -> BoxFuture<'a, (Observation, Particulars)> {
        async { (Observation::success("not asked"), Particulars::default()) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seeds are visits that get somewhere.
    #[test]
    fn visits_are_answered() {
        let said = |bytes: &[u8]| {
            // A busy machine may answer too late for the target's patience.
            let visit = || {
                WORLD.with(|world| {
                    world.runtime.block_on(visit(world.address, &bytes[1..], usize::MAX))
                })
            };
            let answer = (0..100).map(|_| visit()).find(|answer| !answer.is_empty());
            String::from_utf8(answer.unwrap()).unwrap()
        };
        let push = said(include_bytes!("../seeds/visitors/push"));
        assert!(push.starts_with("HTTP/1.1 200 OK") && push.contains("{\"ok\":true}"), "{push}");
        for good in [
            &include_bytes!("../seeds/visitors/incidents")[..],
            include_bytes!("../seeds/visitors/monitors"),
            include_bytes!("../seeds/visitors/probe"),
            include_bytes!("../seeds/visitors/push-chunked"),
            include_bytes!("../seeds/visitors/two"),
        ] {
            let answer = said(good);
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        }
        let stranger = said(include_bytes!("../seeds/visitors/host"));
        assert!(stranger.starts_with("HTTP/1.1 403"), "{stranger}");
    }
}
