//! What comes from a cluster: reviews that are posted to our webhook, whose port everybody in the
//! cluster may reach, and the objects of others that discovery reads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kuma_api::read::ReadContext;
use kuma_core::settings::{DiscoverySettings, DiscoverySource};
use kuma_import::read_yaml;
use kuma_kube::admission::{Conversions, answer};
use kuma_kube::discovery::{Input, discover};
use kuma_kube::surroundings::{Found, Resource, View};
use serde_json::Value;

use crate::requests;

const LOOKED_AT: [Resource; 5] = [
    Resource::Service,
    Resource::Ingress,
    Resource::Gateway,
    Resource::HttpRoute,
    Resource::Monitor,
];

/// The first byte says what the rest is: a review to validate, one to convert, or objects as YAML.
pub(crate) fn run(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else {
        return;
    };
    match which % 3 {
        0 => {
            if let Ok(review) = answer(rest, &ReadContext::default(), Some(&requests::CATALOG)) {
                assert!(review.response.is_some(), "a review without an answer");
            }
        }
        1 => {
            if let Ok(review) = Conversions::new().answer(rest) {
                assert!(serde_json::to_vec(&review).is_ok(), "an answer can be written");
            }
        }
        _ => {
            if let Ok(documents) = read_yaml(rest) {
                look_at(&documents);
            }
        }
    }
}

fn look_at(objects: &[Value]) {
    let mut view = View { complete: BTreeSet::from(LOOKED_AT), ..View::default() };
    for object in objects {
        let resource = LOOKED_AT.into_iter().find(|it| object["kind"] == it.kind());
        if let Some(found) = resource.and_then(|resource| Found::read(resource, object)) {
            let shelf = view.objects.entry(found.resource).or_default();
            shelf.insert(found.name.clone(), Arc::new(found));
        }
    }
    let settings = DiscoverySettings {
        enabled: true,
        sources: vec![
            DiscoverySource::Service,
            DiscoverySource::Ingress,
            DiscoverySource::GatewayApi,
        ],
        ..DiscoverySettings::default()
    };
    let input = Input {
        view: &view,
        settings: &settings,
        min_interval: Duration::from_secs(10),
        known: &[],
        isolated: false,
        system_namespace: "kubekuma",
        own_service: "kubekuma",
        before: None,
    };
    let first = discover(input);
    // What was found before changes nothing but the time that it takes.
    let again = discover(Input { before: Some(&first), ..input });
    assert_eq!(again.suggestions, first.suggestions);
}
