//! What an I/O error says, and about whom.

use std::io::{self, ErrorKind};

use kuma_core::reason::Reason;

use crate::fault::Fault;

/// "Too many open files", of this process and of the host (the same numbers on all Unix systems).
const OPEN_FILES: [i32; 2] = [24, 23];
/// "No buffer space available".
#[cfg(target_os = "linux")]
const NO_BUFFERS: i32 = 105;
#[cfg(not(target_os = "linux"))]
const NO_BUFFERS: i32 = 55;

/// A failed attempt to connect to `whom`.
pub(crate) fn connect_fault(error: &io::Error, whom: &str) -> Fault {
    if let Some(fault) = own_fault(error) {
        return fault;
    }
    let (reason, what) = match error.kind() {
        ErrorKind::ConnectionRefused => (Reason::ConnectionRefused, "refused the connection"),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
            (Reason::ConnectionReset, "reset the connection")
        }
        ErrorKind::HostUnreachable => (Reason::HostUnreachable, "cannot be reached"),
        ErrorKind::NetworkUnreachable => {
            (Reason::NetworkUnreachable, "is in a network without a route")
        }
        ErrorKind::TimedOut => (Reason::ConnectTimeout, "did not answer"),
        _ => {
            return Fault::target(
                Reason::HostUnreachable,
                format!("{whom} cannot be reached: {error}"),
            );
        }
    };
    Fault::target(reason, format!("{whom} {what}"))
}

/// A connection that broke while `doing` something.
pub(crate) fn exchange_fault(error: &io::Error, doing: &str) -> Fault {
    if let Some(fault) = own_fault(error) {
        return fault;
    }
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::WriteZero => {
            Fault::target(Reason::ConnectionClosed, format!("the connection was closed {doing}"))
        }
        ErrorKind::HostUnreachable => {
            Fault::target(Reason::HostUnreachable, format!("the host became unreachable {doing}"))
        }
        ErrorKind::NetworkUnreachable => Fault::target(
            Reason::NetworkUnreachable,
            format!("the network became unreachable {doing}"),
        ),
        ErrorKind::TimedOut => {
            Fault::target(Reason::Timeout, format!("the host stopped answering {doing}"))
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            Fault::target(Reason::ConnectionReset, format!("the connection was reset {doing}"))
        }
        _ => {
            Fault::target(Reason::ConnectionReset, format!("the connection broke {doing}: {error}"))
        }
    }
}

/// Errors that say something about this host and nothing about the target.
fn own_fault(error: &io::Error) -> Option<Fault> {
    let code = error.raw_os_error();
    if code.is_some_and(|code| OPEN_FILES.contains(&code)) {
        return Some(resources("this host has no free file descriptor"));
    }
    if code == Some(NO_BUFFERS) {
        return Some(resources("this host has no network buffers left"));
    }
    match error.kind() {
        ErrorKind::AddrNotAvailable => {
            Some(resources("this host has no free local port or address"))
        }
        ErrorKind::OutOfMemory => Some(resources("this host is out of memory")),
        ErrorKind::PermissionDenied => Some(Fault::ours(
            Reason::Permission,
            "this host does not let us connect (a local firewall or security policy)",
        )),
        _ => None,
    }
}

fn resources(message: &str) -> Fault {
    Fault::ours(Reason::Resources, message)
}

#[cfg(test)]
mod tests {
    use kuma_core::observation::Outcome;

    use super::*;

    #[test]
    fn what_is_ours_gives_no_verdict() {
        for (code, reason) in [
            (24, Reason::Resources),
            (23, Reason::Resources),
            (NO_BUFFERS, Reason::Resources),
            (13, Reason::Permission),
            (1, Reason::Permission),
        ] {
            let error = io::Error::from_raw_os_error(code);
            let fault = connect_fault(&error, "127.0.0.1:80");
            assert_eq!(fault.outcome, Outcome::Indeterminate(reason), "errno {code}");
            let fault = exchange_fault(&error, "while reading");
            assert_eq!(fault.outcome, Outcome::Indeterminate(reason), "errno {code}");
        }
        for kind in [ErrorKind::AddrNotAvailable, ErrorKind::OutOfMemory] {
            let fault = connect_fault(&kind.into(), "127.0.0.1:80");
            assert_eq!(fault.outcome, Outcome::Indeterminate(Reason::Resources));
        }
    }

    #[test]
    fn what_is_the_targets_is_a_failure() {
        for (kind, reason) in [
            (ErrorKind::ConnectionRefused, Reason::ConnectionRefused),
            (ErrorKind::ConnectionReset, Reason::ConnectionReset),
            (ErrorKind::HostUnreachable, Reason::HostUnreachable),
            (ErrorKind::NetworkUnreachable, Reason::NetworkUnreachable),
            (ErrorKind::TimedOut, Reason::ConnectTimeout),
        ] {
            let fault = connect_fault(&kind.into(), "127.0.0.1:80");
            assert_eq!(fault.outcome, Outcome::Failure(reason));
        }
    }
}
