//! A receiver is away. (That a message is tried for 24 hours is shown with a clock of our own in
//! the tests of the deliverer.)

use std::time::Duration;

use serde_json::json;

use super::{away, basics, in_vain, told_once};
use crate::fixture::Site;
use crate::kit::documents::web;
use crate::kit::{Home, now};

#[test]
fn a_receiver_that_was_away_hears_everything_in_order_when_it_is_back() {
    let (target, present, home) = (Site::start(), Site::start(), Home::new());
    let mut away = away(&home, std::net::Ipv4Addr::LOCALHOST);
    basics(&home, &present, json!({}));
    home.write("web.yaml", &[web("web", &target.url("/"))]);
    let kuma = home.serve();
    kuma.becomes("web", "up");
    let begun = now();
    target.answer_with(503);
    present.hears("web", "down");
    // The other receiver waits for nobody.
    assert!(begun.elapsed() < Duration::from_secs(10));
    // Its message is tried a few times, so that the end cannot join it any more.
    in_vain(&kuma, 2);
    target.answer_with(200);
    present.hears("web", "up");
    kuma.kill();

    // Not even a death in between loses them.
    let kuma = home.serve();
    away.switch_on();
    away.hears("web", "down");
    away.hears("web", "up");
    let events: Vec<_> = away.requests().iter().map(kuma_fixture::site::Request::event).collect();
    assert_eq!(events, ["down", "up"], "in order, once each");
    told_once(&present, "web");
    kuma.becomes("web", "up");
}
