//! A host of its own: a network namespace.

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

use super::tool;

/// A host behind one link. The other end of the link is on this host.
pub(super) struct Host {
    name: String,
    near: String,
    far: String,
    number: u8,
    /// Our address on the link.
    pub(super) ours: Ipv4Addr,
}

impl Host {
    /// None where this user may not make networks.
    pub(super) fn start() -> Option<Self> {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        // Tests of two processes may run at once, and several of one do.
        let base = u8::try_from(std::process::id() % 60).unwrap() * 4;
        let number = base + NEXT.fetch_add(1, Ordering::Relaxed) % 4;
        let name = format!("kuma{number}");
        let (near, far) = (format!("{name}a"), format!("{name}b"));
        let host = Self { name, near, far, number, ours: [10, 213, number, 1].into() };
        let (ours, theirs) = (format!("{}/24", host.ours), format!("10.213.{number}.2/24"));
        let made = tool("ip", &["netns", "add", &host.name])
            && tool("ip", &["link", "add", &host.near, "type", "veth", "peer", "name", &host.far])
            && tool("ip", &["link", "set", &host.far, "netns", &host.name])
            && tool("ip", &["addr", "add", &ours, "dev", &host.near])
            && tool("ip", &["link", "set", &host.near, "up"])
            && tool("ip", &["-n", &host.name, "addr", "add", &theirs, "dev", &host.far])
            && tool("ip", &["-n", &host.name, "link", "set", &host.far, "up"])
            && tool("ip", &["-n", &host.name, "link", "set", "lo", "up"]);
        made.then_some(host)
    }

    /// Brings the link `up` or `down`.
    pub(super) fn link(&self, state: &str) {
        assert!(tool("ip", &["link", "set", &self.near, state]));
    }

    /// An address that the host can send to and that nobody has: what goes there is lost on the way.
    pub(super) fn nowhere(&self) -> Ipv4Addr {
        let address = Ipv4Addr::from([10, 213, self.number, 9]);
        let text = address.to_string();
        let neighbour = ["neigh", "replace", &text, "lladdr", "02:00:00:00:00:09"];
        let where_to = ["dev", &self.far, "nud", "permanent"];
        self.within(&[&neighbour[..], &where_to].concat());
        address
    }

    /// Its own end of the link.
    pub(super) fn far(&self) -> &str {
        &self.far
    }

    /// Changes something within the host: the rest of an `ip` command.
    pub(super) fn within(&self, arguments: &[&str]) {
        assert!(tool("ip", &[&["-n", &self.name], arguments].concat()));
    }

    /// A program that runs on this host.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        tool("ip", &["netns", "del", &self.name]);
        tool("ip", &["link", "del", &self.near]);
    }
}
