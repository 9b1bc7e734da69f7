//! What the annotations of an object ask of discovery.

use std::collections::BTreeMap;
use std::time::Duration;

use kuma_api::document::child_path;
use kuma_api::structural::closest;
use kuma_core::check::CheckType;
use kuma_core::object::Problem;

use super::draft::is_dns_name;
use crate::surroundings::PREFIX;

/// The annotations that discovery reads, without their prefix.
const NAMES: [&str; 7] = ["monitor", "path", "port", "type", "interval-seconds", "name", "policy"];
/// Annotations of ours with another meaning, which are nobody's mistake.
const OTHERS: [&str; 4] = ["made-for", "ingress-class", "gateway", "grant-to"];
/// Types of checks that an address is enough for.
pub(super) const TYPES: [CheckType; 6] = [
    CheckType::Http,
    CheckType::Tcp,
    CheckType::Tls,
    CheckType::Grpc,
    CheckType::Websocket,
    CheckType::Ping,
];
/// Longest path that is read.
const MAX_PATH: usize = 1024;
/// Longest interval, as the schema of Monitor has it.
const MAX_INTERVAL: u32 = 2_592_000;
/// Most ports that one annotation names.
const MAX_PORTS: usize = 16;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// Whether it shall be monitored; none leaves it to the settings.
    pub(super) monitor: Option<bool>,
    /// Path of the checks, in place of what rules and settings say.
    pub(super) path: Option<String>,
    /// Ports by number or name.
    pub(super) ports: Vec<String>,
    /// Type of the checks.
    pub(super) check: Option<CheckType>,
    /// Interval in seconds.
    pub(super) interval: Option<u32>,
    /// Name of the Monitor.
    pub(super) name: Option<String>,
    /// Policy of the Monitor.
    pub(super) policy: Option<String>,
}

/// Reads annotations. What is wrong comes with its path and what would be right.
pub(super) fn read(
    annotations: &BTreeMap<String, String>,
    min_interval: Duration,
) -> (Wish, Vec<Problem>) {
    let mut wish = Wish::default();
    let mut problems = Vec::new();
    for (key, text) in annotations {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        let text = text.trim();
        let set = match name {
            "monitor" => flag(text).map(|it| wish.monitor = Some(it)),
            "path" => path(text).map(|it| wish.path = Some(it)),
            "port" => ports(text).map(|it| wish.ports = it),
            "type" => check(text).map(|it| wish.check = Some(it)),
            "interval-seconds" => interval(text, min_interval).map(|it| wish.interval = Some(it)),
            "name" => object_name(text).map(|it| wish.name = Some(it)),
            "policy" => object_name(text).map(|it| wish.policy = Some(it)),
            _ => {
                problems.extend(unknown(key, name));
                continue;
            }
        };
        if let Err((why, fix)) = set {
            let at = child_path("metadata.annotations", key);
            problems.push(Problem::semantic(at, why).with_value(text).with_fix(fix));
        }
    }
    (wish, problems)
}

type Read<T> = Result<T, (String, String)>;

fn wrong<T>(why: &str, fix: impl Into<String>) -> Read<T> {
    Err((why.to_owned(), fix.into()))
}

fn flag(text: &str) -> Read<bool> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => wrong("this is neither true nor false", "write \"true\" or \"false\", in quotes"),
    }
}

fn path(text: &str) -> Read<String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '#';
    if text.starts_with('/') && text.len() <= MAX_PATH && !text.contains(odd) {
        Ok(text.to_owned())
    } else {
        wrong("this is not the path of an address", "write it as /healthz")
    }
}

fn ports(text: &str) -> Read<Vec<String>> {
    let is_port = |text: &str| match text.parse::<u32>() {
        Ok(number) => (1..=65_535).contains(&number),
        // RFC 6335, as names of ports are.
        Err(_) => {
            (1..=15).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        }
    };
    let mut ports: Vec<String> = text.split(',').map(|port| port.trim().to_owned()).collect();
    if ports.len() > MAX_PORTS || !ports.iter().all(|port| is_port(port)) {
        return wrong(
            "this is no port",
            "write a number or the name of a port, or several with commas between",
        );
    }
    ports.sort_unstable();
    ports.dedup();
    Ok(ports)
}

fn check(text: &str) -> Read<CheckType> {
    let found = TYPES.into_iter().find(|check| check.as_str() == text);
    found.map_or_else(
        || {
            let names = TYPES.map(CheckType::as_str).join(", ");
            wrong(
                "discovery makes no checks of this type",
                format!("use one of {names}, or write a Monitor"),
            )
        },
        Ok,
    )
}

fn interval(text: &str, least: Duration) -> Read<u32> {
    let least = u32::try_from(least.as_secs()).unwrap_or(MAX_INTERVAL).max(1);
    match text.parse() {
        Ok(seconds) if (least..=MAX_INTERVAL).contains(&seconds) => Ok(seconds),
        Ok(0..) => wrong(
            "the interval is out of bounds",
            format!("write a number from {least} (scheduler.minIntervalSeconds) to {MAX_INTERVAL}"),
        ),
        Err(_) => wrong("this is no number of seconds", "write digits only, such as \"60\""),
    }
}

fn object_name(text: &str) -> Read<String> {
    if is_dns_name(text) {
        Ok(text.to_owned())
    } else {
        wrong(
            "no object can have this name",
            "use lower-case letters, digits, - and ., with a letter or digit at both ends",
        )
    }
}

/// An annotation with our prefix that nobody reads is probably misspelt.
fn unknown(key: &str, name: &str) -> Option<Problem> {
    if OTHERS.contains(&name) || name.contains("egress") {
        return None;
    }
    let meant = closest(name, NAMES)?;
    let at = child_path("metadata.annotations", key);
    let fix = format!("did you mean {PREFIX}{meant}?");
    Some(Problem::warning(at, "discovery knows no such annotation").with_fix(fix))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(entries: &[(&str, &str)]) -> (Wish, Vec<String>) {
        let annotations = entries
            .iter()
            .map(|(name, value)| (format!("{PREFIX}{name}"), (*value).to_owned()))
            .collect();
        let (wish, problems) = read(&annotations, Duration::from_secs(10));
        (wish, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_annotation_is_read() {
        let (wish, problems) = read_all(&[
            ("monitor", "true"),
            ("path", "/live?full=1"),
            ("port", "http, 8443"),
            ("type", "websocket"),
            ("interval-seconds", "30"),
            ("name", "shop-front"),
            ("policy", "on-call"),
        ]);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(
            wish,
            Wish {
                monitor: Some(true),
                path: Some("/live?full=1".to_owned()),
                ports: vec!["8443".to_owned(), "http".to_owned()],
                check: Some(CheckType::Websocket),
                interval: Some(30),
                name: Some("shop-front".to_owned()),
                policy: Some("on-call".to_owned()),
            }
        );
    }

    #[test]
    fn a_wrong_value_is_named_with_its_path_and_what_would_be_right() {
        let (wish, problems) = read_all(&[
            ("interval-seconds", "5"),
            ("monitor", "yes"),
            ("name", "Shop"),
            ("path", "healthz"),
            ("port", "0"),
            ("type", "push"),
        ]);
        assert_eq!(wish, Wish::default());
        insta::assert_snapshot!(problems.join("\n"), @r#"
        metadata.annotations[kubekuma.io/interval-seconds]: the interval is out of bounds (found 5); write a number from 10 (scheduler.minIntervalSeconds) to 2592000
        metadata.annotations[kubekuma.io/monitor]: this is neither true nor false (found yes); write "true" or "false", in quotes
        metadata.annotations[kubekuma.io/name]: no object can have this name (found Shop); use lower-case letters, digits, - and ., with a letter or digit at both ends
        metadata.annotations[kubekuma.io/path]: this is not the path of an address (found healthz); write it as /healthz
        metadata.annotations[kubekuma.io/port]: this is no port (found 0); write a number or the name of a port, or several with commas between
        metadata.annotations[kubekuma.io/type]: discovery makes no checks of this type (found push); use one of http, tcp, tls, grpc, websocket, ping, or write a Monitor
        "#);
    }

    #[test]
    fn a_misspelt_annotation_is_said_and_those_of_others_are_not() {
        let (_, problems) = read_all(&[
            ("intervalseconds", "30"),
            ("made-for", "x"),
            ("grant-to", "a"),
            ("zebra-crossing", "1"),
        ]);
        assert_eq!(
            problems,
            [
                "metadata.annotations[kubekuma.io/intervalseconds]: discovery knows no such annotation; did you mean kubekuma.io/interval-seconds?"
            ]
        );
    }

    proptest! {
        #[test]
        fn no_value_makes_reading_panic(name in proptest::sample::select(NAMES.to_vec()), value in ".{0,40}") {
            let (wish, problems) = read_all(&[(name, &value)]);
            prop_assert!(wish == Wish::default() || problems.is_empty());
        }
    }
}
