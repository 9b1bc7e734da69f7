//! What lies beneath an error of a client library.

use std::error::Error;

/// The error and everything beneath it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// Whether TLS failed: a handshake, a certificate.
pub(crate) fn is_tls(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|cause| {
        // An I/O error hides what it wraps from its chain, another I/O error too.
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause.is::<rustls::Error>() || wrapped.is_some_and(|wrapped| is_tls(wrapped))
    })
}

/// What an I/O error beneath it was made of, if that is a `T`.
pub(crate) fn wrapped<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error)
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>()?.get_ref())
        .find_map(<dyn Error + Send + Sync>::downcast_ref::<T>)
}

/// Whether bytes came that are no text.
pub(crate) fn is_garbled(error: &(dyn Error + 'static)) -> bool {
    chain(error)
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::InvalidData)
}

/// The texts of the error and its causes in one line, without repetitions.
pub(crate) fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut words = String::new();
    for cause in chain(error) {
        let text = cause.to_string();
        if words.ends_with(&text) {
            continue;
        }
        if !words.is_empty() {
            words.push_str(": ");
        }
        words.push_str(&text);
    }
    words
}
