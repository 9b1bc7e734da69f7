//! `kubekuma demo`.

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::clock::SystemClock;
use crate::demo::{Demo, Ports};
use crate::logging;
use crate::terminal::screen::Screen;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Port of the web target, webhook receiver and inbox.
    #[arg(long, default_value_t = Ports::default().web)]
    web_port: u16,
    /// Port of the DNS server (UDP).
    #[arg(long, default_value_t = Ports::default().dns)]
    dns_port: u16,
    /// Port of the mail receiver.
    #[arg(long, default_value_t = Ports::default().mail)]
    mail_port: u16,
}

pub(crate) fn run(shared: &Shared, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let screen = Screen::new(false);
    logging::start(shared.log_level, shared.log_format(), &screen, SystemClock::start());
    let ports =
        Ports { web: arguments.web_port, dns: arguments.dns_port, mail: arguments.mail_port };
    super::runtime()?.block_on(async {
        let stop = CancellationToken::new();
        let demo = Demo::start(ports, stop.clone()).await?;
        crate::runtime::signals::stopped().await;
        stop.cancel();
        demo.wait().await;
        Ok(ExitCode::SUCCESS)
    })
}
