//! The demo's mail receiver: just enough SMTP (RFC 5321) for one sender at a time and no more.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::inbox::{Inbox, Received};

/// Largest message accepted, in bytes.
const MAX_MAIL_BYTES: u64 = 1 << 20;
/// Longest a session may take.
const SESSION: Duration = Duration::from_secs(60);

pub(super) async fn serve(listener: TcpListener, inbox: Arc<Inbox>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        let (inbox, stop) = (inbox.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                ended = tokio::time::timeout(SESSION, session(stream, &inbox)) => {
                    if let Ok(Err(error)) = ended {
                        tracing::debug!(%error, "a mail session broke off");
                    }
                }
            }
        });
    }
}

async fn session(stream: TcpStream, inbox: &Inbox) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream.take(MAX_MAIL_BYTES));
    say(&mut stream, "220 demo.kubekuma.local ESMTP").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.split_ascii_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-demo.kubekuma.local\r\n250 8BITMIME",
            "DATA" => {
                say(&mut stream, "354 end with a line that holds only a dot").await?;
                let text = data(&mut stream).await?;
                inbox.add(received(text));
                "250 received"
            }
            "QUIT" => {
                say(&mut stream, "221 bye").await?;
                return Ok(());
            }
            "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 ok",
            _ => "502 not known here",
        };
        say(&mut stream, answer).await?;
    }
}

async fn data(stream: &mut Mail) -> std::io::Result<String> {
    let mut text = String::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = stream.read_until(b'\n', &mut line).await?;
        let content = String::from_utf8_lossy(&line);
        let content = content.trim_end_matches(['\r', '\n']);
        if length == 0 || content == "." {
            return Ok(text);
        }
        text.push_str(content.strip_prefix('.').unwrap_or(content));
        text.push('\n');
    }
}

fn received(text: String) -> Received {
    let title = text
        .lines()
        .find_map(|line| line.strip_prefix("Subject: "))
        .unwrap_or("(no subject)")
        .to_owned();
    Received { channel: "mail", title, text }
}

type Mail = BufReader<tokio::io::Take<TcpStream>>;

async fn say(stream: &mut Mail, line: &str) -> std::io::Result<()> {
    stream.get_mut().get_mut().write_all(format!("{line}\r\n").as_bytes()).await
}
