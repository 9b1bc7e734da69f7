//! What this host says about names: `/etc/hosts` and `/etc/resolv.conf`, read again when they
//! change.

use std::collections::HashMap;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hickory_proto::rr::Name;
use kuma_core::time::Mono;

use crate::dns::text;

/// How often a file is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How much of a file is read.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// What glibc uses at most.
const MAX_NAMESERVERS: usize = 3;
/// Search domains used; more only multiply the questions.
const MAX_SEARCH: usize = 8;

/// Addresses by lower-case name, in the order of the file.
pub(crate) type Hosts = HashMap<String, Vec<IpAddr>>;

/// What `resolv.conf` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvConf {
    /// The servers, in order.
    pub(crate) servers: Vec<SocketAddr>,
    /// Suffixes tried for names that are not absolute.
    pub(crate) search: Vec<Name>,
    /// Names with at least so many dots are tried as they are first.
    pub(crate) ndots: usize,
}

/// Reads a hosts file. Lines that cannot be read are left out, as glibc does.
pub(crate) fn parse_hosts(text: &str) -> Hosts {
    let mut hosts = Hosts::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else {
            continue;
        };
        for name in words {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let addresses = hosts.entry(name).or_default();
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    hosts
}

/// Reads a `resolv.conf`. Without servers it is the one on this host, as glibc has it.
pub(crate) fn parse_resolv_conf(text: &str) -> ResolvConf {
    let (mut config, errors) = resolv_conf::Config::parse_with_errors(text.as_bytes());
    for error in errors {
        tracing::debug!(%error, "a line of resolv.conf was left out");
    }
    config.glibc_normalize();
    let servers = config
        .get_nameservers_or_local()
        .into_iter()
        .map(|server| SocketAddr::new(server.into(), 53))
        .take(MAX_NAMESERVERS)
        .collect();
    let search = config
        .get_last_search_or_domain()
        .filter_map(|suffix| text::parse_name(suffix).ok())
        .map(text::absolute)
        .filter(|suffix| !suffix.is_root())
        .take(MAX_SEARCH)
        .collect();
    ResolvConf { servers, search, ndots: usize::try_from(config.ndots).unwrap_or(1) }
}

/// A file and what was last read from it.
struct Watched<T> {
    path: PathBuf,
    parse: fn(&str) -> T,
    looked_at: Option<Mono>,
    stamp: Option<(SystemTime, u64)>,
    value: Arc<T>,
}

impl<T> Watched<T> {
    fn new(path: &Path, parse: fn(&str) -> T) -> Self {
        Self {
            path: path.to_owned(),
            parse,
            looked_at: None,
            stamp: None,
            value: Arc::new(parse("")),
        }
    }

    fn current(&mut self, now: Mono) -> Arc<T> {
        let due = self.looked_at.is_none_or(|looked_at| now.since(looked_at) >= LOOK_EVERY);
        if due {
            self.looked_at = Some(now);
            self.look();
        }
        Arc::clone(&self.value)
    }

    /// A file that is gone is empty; one that cannot be read keeps its last content.
    fn look(&mut self) {
        let stamp =
            std::fs::metadata(&self.path).and_then(|data| Ok((data.modified()?, data.len()))).ok();
        if stamp == self.stamp {
            return;
        }
        match (stamp, read_bounded(&self.path)) {
            (None, _) => self.value = Arc::new((self.parse)("")),
            (Some(_), Ok(text)) => self.value = Arc::new((self.parse)(&text)),
            (Some(_), Err(error)) => {
                tracing::warn!(path = %self.path.display(), %error, "cannot be read");
                return;
            }
        }
        self.stamp = stamp;
    }
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Both files.
pub(crate) struct System {
    hosts: Mutex<Watched<Hosts>>,
    resolv_conf: Mutex<Watched<ResolvConf>>,
}

impl System {
    pub(crate) fn new(hosts: &Path, resolv_conf: &Path) -> Self {
        Self {
            hosts: Mutex::new(Watched::new(hosts, parse_hosts)),
            resolv_conf: Mutex::new(Watched::new(resolv_conf, parse_resolv_conf)),
        }
    }

    pub(crate) fn hosts(&self, now: Mono) -> Arc<Hosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).current(now)
    }

    pub(crate) fn resolv_conf(&self, now: Mono) -> Arc<ResolvConf> {
        self.resolv_conf.lock().unwrap_or_else(PoisonError::into_inner).current(now)
    }
}

/// The loop-back addresses, the answer to `localhost` (RFC 6761 6.3).
pub(crate) const LOCALHOST: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_lines_comments_and_case() {
        let hosts = parse_hosts(
            "127.0.0.1 localhost\n# no\n10.0.0.1\tDB.Example db # the database\n::1 db\nnonsense x\n10.0.0.1 db\n",
        );
        assert_eq!(hosts["db.example"], ["10.0.0.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(hosts["db"].len(), 2, "both families, no repeats");
        assert!(!hosts.contains_key("x"));
    }

    #[test]
    fn resolv_conf_of_a_pod() {
        let conf = parse_resolv_conf(
            "search ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n",
        );
        assert_eq!(conf.servers, ["10.96.0.10:53".parse().unwrap()]);
        assert_eq!(conf.ndots, 5);
        assert_eq!(conf.search.len(), 3);
        assert_eq!(conf.search[0].to_ascii(), "ns.svc.cluster.local.");
    }

    #[test]
    fn without_servers_it_is_the_one_on_this_host() {
        let conf = parse_resolv_conf("");
        assert!(conf.servers.contains(&"127.0.0.1:53".parse().unwrap()));
        assert_eq!(conf.ndots, 1);
    }

    #[test]
    fn a_changed_file_is_read_again_after_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        let mut watched = Watched::new(&path, parse_hosts);
        assert!(watched.current(Mono(0)).is_empty());
        std::fs::write(&path, "10.0.0.1 a\n").unwrap();
        let soon = Mono(0) + Duration::from_secs(1);
        assert!(watched.current(soon).is_empty(), "not looked at yet");
        let later = Mono(0) + Duration::from_secs(3);
        assert_eq!(watched.current(later).len(), 1);
        std::fs::write(&path, "10.0.0.1 a b\n").unwrap();
        assert_eq!(watched.current(later + LOOK_EVERY).len(), 2);
        std::fs::remove_file(&path).unwrap();
        assert!(watched.current(later + LOOK_EVERY * 2).is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC*", lines in "[a-z0-9.: #\\n]*") {
            parse_hosts(&text);
            parse_resolv_conf(&text);
            parse_hosts(&lines);
            parse_resolv_conf(&lines);
        }
    }
}
