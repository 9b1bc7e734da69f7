//! A raw ICMP socket is given everybody's packets, and its buffer overflows when many ping at
//! once. So the kernel is told to keep for us only replies with our identifier, and errors.

use std::io;

use socket2::Socket;

use super::packet::Version;

/// Has the kernel drop what is not for `identifier`.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn attach(socket: &Socket, version: Version, identifier: u16) -> io::Result<()> {
    socket.attach_filter(&program(version, identifier))
}

/// Elsewhere every packet is read and most are left alone.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn attach(_: &Socket, _: Version, _: u16) -> io::Result<()> {
    Ok(())
}

/// The classic BPF program. IPv4 packets come with their IP header, IPv6 ones without.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn program(version: Version, identifier: u16) -> Vec<socket2::SockFilter> {
    use socket2::SockFilter;

    const LOAD_BYTE_AT_X: u16 = 0x50;
    const LOAD_HALF_AT_X: u16 = 0x48;
    const X_IS_HEADER_LENGTH: u16 = 0xb1;
    const X_IS: u16 = 0x01;
    const SKIP_UNLESS_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const WHOLE_PACKET: u32 = u32::MAX;

    let start = match version {
        Version::V4 => SockFilter::new(X_IS_HEADER_LENGTH, 0, 0, 0),
        Version::V6 => SockFilter::new(X_IS, 0, 0, 0),
    };
    vec![
        start,
        SockFilter::new(LOAD_BYTE_AT_X, 0, 0, 0),
        SockFilter::new(SKIP_UNLESS_EQUAL, 3, 0, version.unreachable().into()),
        SockFilter::new(SKIP_UNLESS_EQUAL, 0, 3, version.echo_reply().into()),
        SockFilter::new(LOAD_HALF_AT_X, 0, 0, 4),
        SockFilter::new(SKIP_UNLESS_EQUAL, 0, 1, identifier.into()),
        SockFilter::new(RETURN, 0, 0, WHOLE_PACKET),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
