//! Servers that repeat what they are sent: the worst that a target or a receiver can do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// 200.
    Kind,
    /// An error with all that was asked, in its headers and its body.
    Parrot,
    /// No answer.
    Silent,
}

/// An HTTP server (and proxy) on loopback.
pub(crate) struct Echo {
    pub(crate) port: u16,
    mood: Arc<AtomicU8>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let echo = Self {
            port: listener.local_addr().unwrap().port(),
            mood: Arc::default(),
            heard: Arc::default(),
        };
        let (mood, heard) = (Arc::clone(&echo.mood), Arc::clone(&echo.heard));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (mood, heard) = (Arc::clone(&mood), Arc::clone(&heard));
                std::thread::spawn(move || answer(&stream, &mood, &heard));
            }
        });
        echo
    }

    pub(crate) fn is(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    /// `127.0.0.1:port`.
    pub(crate) fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Every request, whole.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn answer(stream: &TcpStream, mood: &AtomicU8, heard: &Mutex<Vec<String>>) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let mut writer = stream;
    let mut reader = BufReader::new(stream);
    let mut text = String::new();
    let mut length = 0;
    loop {
        let start = text.len();
        if reader.read_line(&mut text).ok()? == 0 {
            return None;
        }
        let line = text[start..].trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    text.push_str(&String::from_utf8_lossy(&body));
    heard.lock().unwrap().push(text.clone());
    let mood = mood.load(Ordering::SeqCst);
    let (status, body) = if text.starts_with("POST /token") && mood == Mood::Kind as u8 {
        ("200 OK", format!(r#"{{"access_token": "{}", "token_type": "bearer"}}"#, super::FETCHED))
    } else if mood == Mood::Kind as u8 {
        ("200 OK", "fine".to_owned())
    } else if mood == Mood::Parrot as u8 {
        ("418 No", text.clone())
    } else {
        std::thread::sleep(Duration::from_secs(4));
        return None;
    };
    let line = text.lines().next().unwrap_or_default();
    write!(
        writer,
        "HTTP/1.1 {status}\r\nX-Echo: {line}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .ok()
}

/// A mail server that refuses every sign-in by repeating it.
pub(crate) fn mail() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || talk(&stream));
        }
    });
    port
}

fn talk(stream: &TcpStream) -> Option<()> {
    let mut writer = stream;
    writer.write_all(b"220 parrot\r\n").ok()?;
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let answer = if line.starts_with("EHLO") {
            "250-parrot\r\n250 AUTH PLAIN LOGIN\r\n".to_owned()
        } else {
            format!("535 5.7.8 no: {line}\r\n")
        };
        writer.write_all(answer.as_bytes()).ok()?;
    }
    Some(())
}
