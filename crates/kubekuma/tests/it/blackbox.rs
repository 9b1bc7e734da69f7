//! `/probe` beside the real blackbox_exporter: the same targets, the same names, the same values
//! wherever they are no timings.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use kuma_fixture::lacking;
use serde_json::{Value, json};

use crate::fixture::authority::{Authority, Identity};
use crate::fixture::banner::Greeter;
use crate::fixture::files::FileServer;
use crate::fixture::names::NameServer;
use crate::kit::documents::{monitor, monitor_with, secret, settings_with};
use crate::kit::http::get;
use crate::kit::{Home, until};
use kuma_fixture::wait::free_port;

/// Series that versions after Debian's 0.23 have too.
const NEWER: [&str; 2] = ["probe_timeout_seconds", "probe_tls_cipher_info"];

/// The exporter of Debian's package, ended with the value.
struct Exporter {
    child: Child,
    port: u16,
}

impl Exporter {
    fn start(home: &Home, modules: &Value) -> Option<Self> {
        home.put("blackbox.yml", format!("{:#}", json!({ "modules": modules })));
        let port = free_port();
        let started = Command::new("prometheus-blackbox-exporter")
            .arg(format!("--config.file={}", home.path().join("blackbox.yml").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            let package = "prometheus-blackbox-exporter";
            lacking(&format!(
                "{package}, which /probe is compared with: apt-get install {package}"
            ));
            return None;
        };
        let exporter = Self { child, port };
        until("the exporter to listen", || {
            TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())
        });
        Some(exporter)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A page with a body and a date, one that moved, and nothing else. Ends with the process.
fn pages() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let (status, more, body) = match path {
                "/" => {
                    ("200 OK", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "all is well")
                }
                "/moved" => ("302 Found", "Location: /\r\n", "over there"),
                _ => ("404 Not Found", "", "nothing here"),
            };
            // A client that has gone away wants no answer.
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    port
}

/// A certificate of its own that was good in 2020.
fn expired() -> Identity {
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Identity { certificate: certificate.pem(), key: key.serialize_pem() }
}

#[derive(Debug, Default, PartialEq)]
struct Scraped {
    types: BTreeMap<String, String>,
    values: BTreeMap<String, f64>,
}

fn scrape(port: u16, module: &str, target: &str) -> Scraped {
    let encoded = target.replace('%', "%25").replace('&', "%26").replace('#', "%23");
    let answer = get(port, &format!("/probe?module={module}&target={encoded}"), "localhost");
    let answer = answer.unwrap();
    assert_eq!(answer.status, 200, "{module} {target}: {answer:?}");
    parse(&answer.body)
}

fn parse(text: &str) -> Scraped {
    let mut scraped = Scraped::default();
    for line in text.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["#", "TYPE", name, kind] => drop(scraped.types.insert(name.into(), kind.into())),
            ["#", ..] | [] => {}
            _ => {
                let (series, value) = line.rsplit_once(' ').unwrap();
                scraped.values.insert(series.into(), value.parse().unwrap());
            }
        }
    }
    scraped
}

fn is_timing(series: &str) -> bool {
    series.contains("duration_seconds") || series.contains("lookup_time_seconds")
}

fn without_newer(scraped: &Scraped) -> Scraped {
    let kept = |name: &str| !NEWER.iter().any(|newer| name.starts_with(newer));
    Scraped {
        types: scraped.types.clone().into_iter().filter(|(name, _)| kept(name)).collect(),
        values: scraped.values.clone().into_iter().filter(|(name, _)| kept(name)).collect(),
    }
}

/// The label that newer versions added to the leaf's description is left out.
fn comparable(scraped: &Scraped) -> BTreeMap<String, f64> {
    let without_serial = |series: &str| match series.split_once("serialnumber=\"") {
        Some((before, rest)) => {
            let after = rest.split_once('"').map_or("", |(_, after)| after);
            format!("{before}{}", after.trim_start_matches(','))
        }
        None => series.to_owned(),
    };
    let timeless = scraped.values.iter().filter(|(series, _)| !is_timing(series));
    timeless.map(|(series, value)| (without_serial(series), *value)).collect()
}

fn assert_alike(module: &str, target: &str, theirs: &Scraped, ours: &Scraped) {
    let ours = without_newer(ours);
    assert_eq!(theirs.types, ours.types, "{module} {target}");
    let names = |scraped: &Scraped| {
        let timings = scraped.values.keys().filter(|series| is_timing(series));
        timings.cloned().collect::<BTreeSet<_>>()
    };
    assert_eq!(names(theirs), names(&ours), "{module} {target}");
    assert_eq!(comparable(theirs), comparable(&ours), "{module} {target}");
}

fn module(name: &str, check_type: &str, target: Value) -> Value {
    let more = json!({ "enabled": false });
    let mut document = monitor_with(&name.replace('_', "-"), check_type, target, more);
    document["metadata"]["labels"] = json!({ "kubekuma.io/probe-module": name });
    document
}

#[test]
fn answers_are_those_of_blackbox_exporter() {
    let home = Home::new();
    let (good, stale) = (Authority::new(), Authority::new());
    let files = FileServer::start(&good.issue(&["localhost", "127.0.0.1"]));
    files.put("page", "over TLS");
    let strangers = FileServer::start(&stale.issue(&["localhost", "127.0.0.1"]));
    strangers.put("page", "over TLS");
    let old = FileServer::start(&expired());
    old.put("page", "over TLS");
    let (greeter, names, pages) = (Greeter::start("220 ready\r\n"), NameServer::start(), pages());
    names.set("known.example", [192, 0, 2, 7]);
    home.put("ca.pem", good.pem());
    let ca = home.path().join("ca.pem");
    let v4 = |mut more: Value| {
        more["preferred_ip_protocol"] = json!("ip4");
        more
    };
    let modules = json!({
        "http_2xx": { "prober": "http", "http": v4(json!({})) },
        "http_keyword": { "prober": "http", "http": v4(json!({
            "fail_if_body_not_matches_regexp": ["all is well"] })) },
        "http_stay": { "prober": "http", "http": v4(json!({
            "follow_redirects": false, "valid_status_codes": [302] })) },
        "http_tls": { "prober": "http", "http": v4(json!({ "tls_config": { "ca_file": ca } })) },
        "http_lax": { "prober": "http", "http": v4(json!({
            "tls_config": { "insecure_skip_verify": true } })) },
        "tcp_connect": { "prober": "tcp", "tcp": v4(json!({})) },
        "tcp_banner": { "prober": "tcp", "tcp": v4(json!({
            "query_response": [{ "expect": "^220 " }] })) },
        "tcp_other": { "prober": "tcp", "tcp": v4(json!({
            "query_response": [{ "expect": "^SSH-" }] })) },
        "tcp_lax": { "prober": "tcp", "tcp": v4(json!({
            "tls": true, "tls_config": { "insecure_skip_verify": true } })) },
        "icmp": { "prober": "icmp", "icmp": v4(json!({})) },
        "dns_known": { "prober": "dns", "dns": v4(json!({
            "query_name": "known.example", "query_type": "A" })) },
        "dns_unknown": { "prober": "dns", "dns": v4(json!({
            "query_name": "unknown.example", "query_type": "A" })) },
    });
    let Some(exporter) = Exporter::start(&home, &modules) else {
        return;
    };
    let nowhere = json!("http://replaced.invalid");
    let trusting = json!({ "caBundleSecretRef": { "name": "ca", "key": "ca.crt" } });
    let mut stay = module("http_stay", "http", json!({ "url": nowhere, "followRedirects": false }));
    stay["spec"]["successCriteria"] = json!({ "http": { "statusCodes": [302] } });
    home.write(
        "all.yaml",
        &[
            settings_with(json!({ "publicEndpoints": { "probe": { "freeTargets": true } } })),
            secret("ca", json!({ "ca.crt": good.pem() })),
            module(
                "http_keyword",
                "keyword",
                json!({
            "url": nowhere, "keyword": "all is well", "regex": true }),
            ),
            stay,
            module("http_tls", "http", json!({ "url": nowhere, "tls": trusting })),
            module("http_lax", "http", json!({ "url": nowhere, "tls": { "verify": false } })),
            module(
                "tcp_banner",
                "tcp",
                json!({
            "host": "replaced.invalid", "port": 1, "expect": "^220 ", "expectRegex": true }),
            ),
            module(
                "tcp_other",
                "tcp",
                json!({
            "host": "replaced.invalid", "port": 1, "expect": "^SSH-", "expectRegex": true }),
            ),
            module(
                "tcp_lax",
                "tcp",
                json!({
            "host": "replaced.invalid", "port": 1, "tls": { "enabled": true, "verify": false } }),
            ),
            module("dns_known", "dns", json!({ "domain": "known.example" })),
            module("dns_unknown", "dns", json!({ "domain": "unknown.example" })),
        ],
    );
    let kuma = home.serve();
    let web = |path: &str| format!("http://127.0.0.1:{pages}{path}");
    let tls = |server: &FileServer| format!("https://127.0.0.1:{}/page", server.https);
    let refused = free_port();
    for (module, target) in [
        ("http_2xx", web("/")),
        ("http_2xx", format!("127.0.0.1:{pages}/")),
        ("http_2xx", web("/missing")),
        ("http_2xx", web("/moved")),
        ("http_stay", web("/moved")),
        ("http_2xx", format!("http://127.0.0.1:{refused}/")),
        ("http_keyword", web("/")),
        ("http_keyword", web("/missing")),
        ("http_keyword", format!("http://127.0.0.1:{}/page", files.http)),
        ("http_tls", tls(&files)),
        ("http_tls", tls(&strangers)),
        ("http_lax", tls(&strangers)),
        ("http_tls", tls(&old)),
        ("http_lax", tls(&old)),
        ("http_2xx", format!("http://127.0.0.1:{}/page", files.http)),
        ("tcp_connect", format!("127.0.0.1:{pages}")),
        ("tcp_connect", format!("127.0.0.1:{refused}")),
        ("tcp_banner", format!("127.0.0.1:{}", greeter.port)),
        ("tcp_other", format!("127.0.0.1:{}", greeter.port)),
        ("tcp_lax", format!("127.0.0.1:{}", strangers.https)),
        ("icmp", "127.0.0.1".to_owned()),
        ("dns_known", names.address.clone()),
        ("dns_unknown", names.address.clone()),
    ] {
        let theirs = scrape(exporter.port, module, &target);
        let ours = scrape(kuma.port, module, &target);
        assert_alike(module, &target, &theirs, &ours);
    }
}

#[test]
fn only_configured_monitors_are_probed_unless_the_settings_allow_more() {
    let (home, pages) = (Home::new(), pages());
    let url = format!("http://127.0.0.1:{pages}/");
    let guarded = json!({ "url": url, "headers": { "X-Key": "${SECRET:key:value}" } });
    let documents = |free: bool| {
        vec![
            settings_with(json!({ "publicEndpoints": { "probe": { "freeTargets": free } } })),
            secret("key", json!({ "value": "opensesame" })),
            monitor("web", "http", json!({ "url": url })),
            monitor("job", "push", json!({ "tokenSecretRef": { "name": "key", "key": "value" } })),
            module("guarded", "http", guarded.clone()),
        ]
    };
    home.write("all.yaml", &documents(false));
    let kuma = home.serve();
    let answer = kuma.get("/probe?target=kubekuma/web");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.head.contains("text/plain; version=0.0.4"), "{answer:?}");
    assert_eq!(parse(&answer.body).values.get("probe_success"), Some(&1.0));
    let debug = kuma.get("/probe?target=kubekuma/web&debug=true");
    for part in ["Logs for the probe:", "Metrics that would have been", "Module configuration:"] {
        assert!(debug.body.contains(part), "{}", debug.body);
    }
    for (path, status) in [
        (format!("/probe?target={url}&module=http_2xx"), 403),
        ("/probe".to_owned(), 400),
        ("/probe?target=kubekuma/job".to_owned(), 400),
    ] {
        assert_eq!(kuma.get(&path).status, status, "{path}");
    }
    let stranger = get(kuma.port, "/probe?target=kubekuma/web", "rebound.example.com").unwrap();
    assert_eq!(stranger.status, 403);
    drop(kuma);

    home.write("all.yaml", &documents(true));
    let kuma = home.serve();
    for (path, status) in [
        (format!("/probe?target={url}"), 200),
        (format!("/probe?target={url}&module=nope"), 400),
        (format!("/probe?target={url}&module=guarded"), 403),
        (format!("/probe?target={url}${{SECRET:key:value}}"), 400),
        ("/probe?target=127.0.0.1&module=tcp_connect".to_owned(), 400),
        ("/probe?target=http://169.254.169.254/latest/meta-data".to_owned(), 403),
    ] {
        let answer = kuma.get(&path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(!answer.body.contains("opensesame"), "{path}: {answer:?}");
    }
}

#[test]
fn a_probe_ends_before_its_scraper_gives_up_and_promtool_has_no_remarks() {
    let home = Home::new();
    // Accepts connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    home.write(
        "all.yaml",
        &[settings_with(json!({})), monitor("silent", "http", json!({ "url": url }))],
    );
    let kuma = home.serve();
    let mut stream = TcpStream::connect(("127.0.0.1", kuma.port)).unwrap();
    write!(
        stream,
        "GET /probe?target=kubekuma/silent HTTP/1.0\r\nHost: localhost\r\n\
         X-Prometheus-Scrape-Timeout-Seconds: 0.9\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let values = parse(body).values;
    assert_eq!(values.get("probe_success"), Some(&0.0), "{body}");
    assert_eq!(values.get("probe_timeout_seconds"), Some(&0.4), "{body}");
    assert!((0.4..0.9).contains(&values["probe_duration_seconds"]), "{body}");
    super::outage::promtool(body);
}
