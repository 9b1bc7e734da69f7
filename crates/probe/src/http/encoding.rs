//! Content codings (RFC 9110, section 8.4): gzip, deflate, br (RFC 7932) and zstd (RFC 8878),
//! undone within bounds of size, memory and time. Sixty-four kilobytes of a stranger's can
//! become sixty-four megabytes.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::http::header::CONTENT_ENCODING;
use ::http::response::Parts;
use kuma_core::reason::Reason;
use tokio::sync::Semaphore;

use crate::fault::Fault;

/// What we ask for.
pub(super) const ACCEPTED: &str = "gzip, deflate, br, zstd";
/// Most codings on top of each other.
const MAX_LAYERS: usize = 2;
/// The window that every zstd decoder for HTTP has and none needs more than (RFC 9659).
const ZSTD_WINDOW_BYTES: u64 = 8 << 20;
/// How much is decompressed between two looks at whether the attempt still waits.
const SLICE_BYTES: usize = 64 << 10;
/// Bodies that are decompressed at the same time: what windows they need in memory is bounded.
static SLOTS: Semaphore = Semaphore::const_new(4);

/// A coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The codings of a body, in the order in which they were applied.
pub(super) fn codings(head: &Parts) -> Result<Vec<Coding>, Fault> {
    let mut found = Vec::new();
    for value in head.headers.get_all(CONTENT_ENCODING) {
        for name in String::from_utf8_lossy(value.as_bytes()).split(',') {
            match name.trim().to_ascii_lowercase().as_str() {
                "" | "identity" => {}
                "gzip" | "x-gzip" => found.push(Coding::Gzip),
                "deflate" => found.push(Coding::Deflate),
                "br" => found.push(Coding::Brotli),
                "zstd" => found.push(Coding::Zstd),
                other => {
                    return Err(fault(format!(
                        "the body is encoded as `{}`, which this program does not read",
                        kuma_core::observation::bounded(other.to_owned(), 40)
                    )));
                }
            }
        }
    }
    if found.len() > MAX_LAYERS {
        return Err(fault(format!("the body is encoded {} times over", found.len())));
    }
    Ok(found)
}

/// The whole body; a fault when it cannot be read or would be larger than `most` bytes.
pub(super) async fn decoded(
    body: Vec<u8>,
    codings: Vec<Coding>,
    most: u64,
) -> Result<Vec<u8>, Fault> {
    run(move |wanted| {
        let mut body = body;
        for coding in codings.into_iter().rev() {
            body = one(coding, &body, most, wanted)?;
        }
        Ok(body)
    })
    .await
}

/// The beginning of a body, as far as it can be read.
pub(super) async fn beginning(body: Vec<u8>, codings: Vec<Coding>, most: usize) -> Vec<u8> {
    let [coding] = codings[..] else {
        return Vec::new();
    };
    run(move |wanted| {
        let mut shown = Vec::new();
        // A torn end is to be expected.
        let _ = unpack(coding, &body, most, wanted, &mut shown);
        shown.truncate(most);
        Ok(shown)
    })
    .await
    .unwrap_or_default()
}

/// Works off the asynchronous threads, until it is done or nobody waits any more.
async fn run<T: Send + 'static>(
    work: impl FnOnce(&AtomicBool) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    struct Waiting(Arc<AtomicBool>);
    impl Drop for Waiting {
        fn drop(&mut self) {
            self.0.store(false, Ordering::Relaxed);
        }
    }
    let ours = || Fault::ours(Reason::Internal, "decompressing failed inside this program");
    let slot = SLOTS.acquire().await.map_err(|_| ours())?;
    let waiting = Waiting(Arc::new(AtomicBool::new(true)));
    let wanted = Arc::clone(&waiting.0);
    tokio::task::spawn_blocking(move || {
        // Held by the work itself: what nobody waits for any more still takes its memory.
        let _slot = slot;
        work(&wanted)
    })
    .await
    .unwrap_or_else(|_| Err(ours()))
}

fn one(coding: Coding, body: &[u8], most: u64, wanted: &AtomicBool) -> Result<Vec<u8>, Fault> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut out = Vec::new();
    match unpack(coding, body, most, wanted, &mut out) {
        Ok(()) => Ok(out),
        Err(Stop::TooLarge) => Err(Fault::target(
            Reason::BodyTooLarge,
            format!(
                "the body is larger than {most} bytes once decompressed ({} bytes came)",
                body.len()
            ),
        )),
        Err(Stop::Broken(error)) => {
            Err(fault(format!("the body is no valid {}: {error}", coding.name())))
        }
        Err(Stop::Unwanted) => Err(Fault::ours(Reason::Cancelled, "nobody waits any more")),
    }
}

/// Why decompressing ended early.
enum Stop {
    TooLarge,
    Broken(io::Error),
    Unwanted,
}

fn unpack(
    coding: Coding,
    body: &[u8],
    most: usize,
    wanted: &AtomicBool,
    out: &mut Vec<u8>,
) -> Result<(), Stop> {
    let mut pour = |reader: &mut dyn Read| pour(reader, most, wanted, out);
    match coding {
        Coding::Gzip => {
            let mut rest = body;
            // Members may follow each other; what follows the last one is left alone.
            loop {
                let mut member = flate2::bufread::GzDecoder::new(rest);
                pour(&mut member)?;
                rest = member.into_inner();
                if !rest.starts_with(b"\x1f\x8b") {
                    return Ok(());
                }
            }
        }
        // Some servers send deflate without its zlib frame.
        Coding::Deflate if is_zlib(body) => pour(&mut flate2::bufread::ZlibDecoder::new(body)),
        Coding::Deflate => pour(&mut flate2::bufread::DeflateDecoder::new(body)),
        // The first bits of a "large window", which HTTP does not have and which takes gigabytes.
        Coding::Brotli if body.first().is_some_and(|first| first & 0x7f == 0x11) => {
            Err(Stop::Broken(io::Error::other("its window is too large")))
        }
        Coding::Brotli => pour(&mut brotli_decompressor::Decompressor::new(body, 4096)),
        Coding::Zstd => frames(body, &mut pour),
    }
}

/// The frames of a zstd body.
fn frames(
    body: &[u8],
    pour: &mut dyn FnMut(&mut dyn Read) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut rest = body;
    while !rest.is_empty() {
        if let [a, b, c, d, e, f, g, h, after @ ..] = rest
            && u32::from_le_bytes([*a, *b, *c, *d]) & 0xffff_fff0 == 0x184d_2a50
        {
            let length = u32::from_le_bytes([*e, *f, *g, *h]) as usize;
            rest = after.get(length..).unwrap_or_default();
            continue;
        }
        let mut frame = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(
            &mut rest,
            ZSTD_WINDOW_BYTES,
        )
        .map_err(|error| Stop::Broken(io::Error::other(error.to_string())))?;
        pour(&mut frame)?;
    }
    Ok(())
}

fn pour(
    reader: &mut dyn Read,
    most: usize,
    wanted: &AtomicBool,
    out: &mut Vec<u8>,
) -> Result<(), Stop> {
    let mut slice = vec![0; SLICE_BYTES];
    loop {
        if !wanted.load(Ordering::Relaxed) {
            return Err(Stop::Unwanted);
        }
        match reader.read(&mut slice) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                out.extend_from_slice(&slice[..read]);
                if out.len() > most {
                    return Err(Stop::TooLarge);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Stop::Broken(error)),
        }
    }
}

/// RFC 1950, section 2.2: method 8, and a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [first, second, ..]
        if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31))
}

impl Coding {
    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

fn fault(message: String) -> Fault {
    Fault::target(Reason::BodyEncoding, message)
}
