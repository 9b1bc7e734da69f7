//! A TCP server that does to each connection what it is told, byte by byte.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Longest that a connection is kept; checks give up before.
const KEPT: Duration = Duration::from_secs(5);
/// Pause between the bytes of a drip.
const DRIP: Duration = Duration::from_millis(150);

/// What is done to a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deed {
    /// Says this and ends.
    Say(&'static [u8]),
    /// Cuts the connection off.
    Reset,
    /// Says nothing and keeps it open.
    Mute,
    /// Says this byte by byte, slowly.
    Drip(&'static [u8]),
    /// Says the first once and the second without end.
    Flood(&'static [u8], &'static [u8]),
}

/// Which deed is done; its server lives as long as this process.
pub(super) struct Wire {
    pub(super) port: u16,
    now: Arc<AtomicUsize>,
}

impl Wire {
    /// A server that does the first deed until told otherwise. It reads a request first where
    /// `asked` says so.
    pub(super) fn start(asked: bool, deeds: Vec<Deed>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let now = Arc::new(AtomicUsize::new(0));
        let chosen = now.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let deed = deeds[chosen.load(Ordering::SeqCst)];
                // A caller that breaks off is no concern of the server's.
                std::thread::spawn(move || serve(stream, asked, deed));
            }
        });
        Ok(Self { port, now })
    }

    pub(super) fn choose(&self, deed: usize) {
        self.now.store(deed, Ordering::SeqCst);
    }
}

fn serve(mut stream: TcpStream, asked: bool, deed: Deed) -> std::io::Result<()> {
    stream.set_read_timeout(Some(KEPT))?;
    stream.set_write_timeout(Some(KEPT))?;
    if asked {
        read_request(&mut stream)?;
    }
    match deed {
        Deed::Say(bytes) => stream.write_all(bytes)?,
        Deed::Reset => {
            // Nothing lingers: the other side sees a reset.
            rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
            return Ok(());
        }
        Deed::Mute => {}
        Deed::Drip(bytes) => {
            for byte in bytes {
                stream.write_all(&[*byte])?;
                std::thread::sleep(DRIP);
            }
        }
        Deed::Flood(head, again) => {
            stream.write_all(head)?;
            let many = again.repeat(16_384_usize.div_ceil(again.len()));
            loop {
                stream.write_all(&many)?;
            }
        }
    }
    if !matches!(deed, Deed::Mute) {
        stream.shutdown(Shutdown::Write)?;
    }
    // Until the other side is done.
    let mut rest = [0; 1_024];
    while stream.read(&mut rest)? > 0 {}
    Ok(())
}

fn read_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let (mut seen, mut buffer) = (Vec::new(), [0; 1_024]);
    while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        seen.extend_from_slice(&buffer[..length]);
    }
    Ok(())
}
