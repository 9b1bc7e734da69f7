//! `kubekuma demo`: something to watch and somebody to tell, on loopback, for the quickstart. A
//! web target that can be told to fail, a TCP port, a DNS server, a webhook receiver and a mail
//! receiver. What it receives is logged and shown at `/inbox`.

mod dns;
mod inbox;
mod mail;
mod web;

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;
use tracing::info;

pub use inbox::{Inbox, Received};

/// Where the demo listens; all on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Target, switches, webhook receiver and inbox.
    pub web: u16,
    /// DNS over UDP and TCP.
    pub dns: u16,
    /// SMTP.
    pub mail: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { web: 3100, dns: 3153, mail: 3125 }
    }
}

/// A running demo; it ends when `stop` is cancelled.
#[derive(Debug)]
pub struct Demo {
    /// What it received.
    pub inbox: Arc<Inbox>,
    tasks: tokio::task::JoinSet<()>,
}

impl Demo {
    /// Binds all ports and starts serving.
    ///
    /// # Errors
    /// Says which port is taken.
    pub async fn start(ports: Ports, stop: CancellationToken) -> anyhow::Result<Self> {
        let here = Ipv4Addr::LOCALHOST;
        let taken = |what: &str, port: u16| {
            format!("the demo's {what} cannot listen on {here}:{port}; is another demo running?")
        };
        let web = TcpListener::bind((here, ports.web)).await;
        let web = web.with_context(|| taken("web target", ports.web))?;
        let mail = TcpListener::bind((here, ports.mail)).await;
        let mail = mail.with_context(|| taken("mail receiver", ports.mail))?;
        let udp = UdpSocket::bind((here, ports.dns)).await;
        let udp = udp.with_context(|| taken("DNS server", ports.dns))?;
        let inbox = Arc::new(Inbox::default());
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(web::serve(web, inbox.clone(), stop.clone()));
        tasks.spawn(mail::serve(mail, inbox.clone(), stop.clone()));
        tasks.spawn(dns::serve(udp, stop));
        info!(
            web = format!("http://{here}:{}", ports.web),
            fail = format!("curl -X POST http://{here}:{}/fail", ports.web),
            recover = format!("curl -X POST http://{here}:{}/recover", ports.web),
            "demo is running"
        );
        Ok(Self { inbox, tasks })
    }

    /// Waits until everything has ended.
    pub async fn wait(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}
