//! Uptime Kuma's gauges: there by setting only, with its names, labels and values.

use serde_json::json;

use crate::fixture::Site;
use crate::fixture::authority::Authority;
use crate::fixture::files::FileServer;
use crate::kit::documents::{monitor, monitor_with, secret, settings, settings_with};
use crate::kit::{Home, until};

/// The value of the one series that begins so.
fn value(metrics: &str, start: &str) -> Option<f64> {
    let mut found = metrics.lines().filter(|line| line.starts_with(start));
    let line = found.next()?;
    assert!(found.next().is_none(), "{start} is there twice:\n{metrics}");
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn they_carry_the_labels_and_values_that_its_dashboards_expect() {
    let (authority, site, home) = (Authority::new(), Site::start(), Home::new());
    let files = FileServer::start(&authority.issue(&["localhost", "127.0.0.1"]));
    files.put("page", "hello");
    let https = format!("https://127.0.0.1:{}/page", files.https);
    let trusting = json!({ "caBundleSecretRef": { "name": "ca", "key": "ca.crt" } });
    let names = |on: bool| json!({ "publicEndpoints": { "metrics": { "uptimeKumaNames": on } } });
    let more = json!({
        "tags": ["env:prod", "shop"],
        "annotations": { "kubekuma.io/display-name": "My \"Shop\"" },
    });
    let all = vec![
        secret("ca", json!({ "ca.crt": authority.pem() })),
        monitor_with("shop", "http", json!({ "url": https, "tls": trusting }), more),
        monitor_with("off", "http", json!({ "url": site.url("/") }), json!({ "enabled": false })),
        monitor("door", "tcp", json!({ "host": "127.0.0.1", "port": files.http })),
        monitor("closed", "tcp", json!({ "host": "127.0.0.1", "port": 1 })),
    ];
    home.write("all.yaml", &all);
    home.write("settings.yaml", &[settings_with(names(true))]);
    let kuma = home.serve();
    kuma.becomes("shop", "up");
    kuma.becomes("door", "up");
    kuma.becomes("closed", "down");
    let metrics = kuma.get("/metrics").body;
    let id = |name: &str| {
        let line = metrics.lines().find(|line| {
            line.starts_with("monitor_status") && line.contains(&format!("monitor_name={name:?}"))
        });
        let line = line.unwrap_or_else(|| panic!("no series of {name}:\n{metrics}"));
        line.split("monitor_id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let shop = format!(
        "{{env=\"prod\",shop=\"\",monitor_id=\"{}\",monitor_name=\"My \\\"Shop\\\"\",\
         monitor_type=\"http\",monitor_url=\"{https}\",monitor_hostname=\"null\",\
         monitor_port=\"null\"",
        id("My \"Shop\"")
    );
    assert_eq!(value(&metrics, &format!("monitor_status{shop}}}")), Some(1.0));
    assert_eq!(value(&metrics, &format!("monitor_cert_is_valid{shop}}}")), Some(1.0));
    let days = value(&metrics, &format!("monitor_cert_days_remaining{shop}}}")).unwrap();
    // The certificate is good until the beginning of 2060.
    let end = 2_840_140_800.0;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((days - (end - now) / 86_400.0).abs() <= 0.51, "{days}");
    let ms = value(&metrics, &format!("monitor_response_time{shop}}}")).unwrap();
    assert!((0.01..10_000.0).contains(&ms), "{ms}");
    let door = format!(
        "{{monitor_id=\"{}\",monitor_name=\"door\",monitor_type=\"port\",monitor_url=\"null\",\
         monitor_hostname=\"127.0.0.1\",monitor_port=\"{}\"}}",
        id("door"),
        files.http
    );
    assert_eq!(value(&metrics, &format!("monitor_status{door}")), Some(1.0));
    assert_eq!(value(&metrics, &format!("monitor_cert_is_valid{door}")), None);
    let closed = format!("{{monitor_id=\"{}\"", id("closed"));
    assert_eq!(value(&metrics, &format!("monitor_status{closed}")), Some(0.0));
    assert_eq!(value(&metrics, &format!("monitor_response_time{closed}")), Some(-1.0));
    assert!(!metrics.contains("monitor_name=\"off\""), "a paused monitor has no series");
    // Its name of the days is not what Prometheus advises, but it is the name.
    let (days_family, rest): (Vec<_>, Vec<_>) =
        metrics.lines().partition(|line| line.contains("monitor_cert_days_remaining"));
    assert_eq!(days_family.len(), 3, "{days_family:?}");
    super::outage::promtool(&(rest.join("\n") + "\n"));

    home.write("settings.yaml", &[settings()]);
    until("the series to go with the setting", || {
        let metrics = kuma.get("/metrics").body;
        if metrics.contains("\nmonitor_") { Err(metrics) } else { Ok(()) }
    });
}
