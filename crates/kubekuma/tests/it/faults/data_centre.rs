//! Everything behind one balancer fails at once: the guard may delay that, and never swallow it.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;

use super::basics;
use crate::fixture::Site;
use crate::kit::documents::monitor_with;
use crate::kit::{Home, now};

/// The guard's bound, and what a run and a delivery take on a busy machine.
const BOUND: Duration = Duration::from_secs(90 + 25);

/// One more attempt before it is down: so much fails at once before anything is.
fn page(name: &str, site: &Site) -> serde_json::Value {
    let retries = json!({ "schedule": { "retries": 1, "retryIntervalSeconds": 3 } });
    monitor_with(name, "http", json!({ "url": site.url("/") }), retries)
}

#[test]
fn a_data_centre_that_fails_at_once_is_told_within_the_guards_bound() {
    let (receiver, home) = (Site::start(), Home::new());
    basics(&home, &receiver, json!({}));
    let sites: Vec<_> = (1..=6).map(|n| Site::start_at(Ipv4Addr::new(127, 0, n, 1))).collect();
    let webs: Vec<_> =
        sites.iter().enumerate().map(|(n, site)| page(&format!("web-{n}"), site)).collect();
    home.write("web.yaml", &webs);
    let kuma = home.serve();
    for n in 0..6 {
        kuma.becomes(&format!("web-{n}"), "up");
    }
    for site in &sites {
        site.slow(Duration::from_secs(3_600));
    }
    let begun = now();
    kuma.becomes("web-0", "unknown");
    let told = loop {
        let told = receiver.told("kubekuma", "massOutage");
        if let Some(told) = told.into_iter().next() {
            break told;
        }
        assert!(begun.elapsed() < BOUND, "nobody was told: {}", kuma.printed());
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(begun.elapsed() > Duration::from_secs(80), "the guard held: {:?}", begun.elapsed());
    assert!(told.text.contains("web-0"), "{}", told.text);
    assert_eq!(receiver.told("kubekuma", "massOutage").len(), 1, "once");
    for n in 0..6 {
        assert!(
            receiver.told(&format!("web-{n}"), "down").is_empty(),
            "one message speaks for all"
        );
    }
}
