//! Discovery: targets that Services, Ingresses and routes show and no monitor checks yet. Proposes;
//! writes Monitors only where the settings say so.
//!
//! [`discover`] is pure: the same surroundings, settings and monitors give the same suggestions under
//! the same names. [`Discoverer`] runs it on the instance that is the coordinator.

mod annotations;
mod assemble;
mod draft;
mod ingress;
mod known;
mod route;
mod runner;
mod service;
mod suggestion;
mod summary;
#[cfg(test)]
mod tests;
mod writing;

pub use assemble::{Input, discover};
pub use known::{Known, known};
pub use runner::{Coordinating, Discoverer, Report};
pub use suggestion::{Discovery, Notice, Skipped, Source, Suggestion};
pub use summary::summary;
pub use writing::{WRITER, plan_monitors};

use std::collections::BTreeSet;

use kuma_core::settings::{DiscoverySettings, DiscoverySource};

use crate::surroundings::Resource;

/// What has to be watched for some settings.
pub fn wanted(settings: &DiscoverySettings) -> BTreeSet<Resource> {
    let mut wanted = BTreeSet::new();
    if !settings.enabled {
        return wanted;
    }
    for source in &settings.sources {
        match source {
            DiscoverySource::Service => wanted.extend([Resource::Service]),
            DiscoverySource::Ingress => wanted.extend([Resource::Ingress]),
            DiscoverySource::GatewayApi => {
                wanted.extend([Resource::HttpRoute, Resource::Gateway]);
            }
        }
    }
    // Also without `writeCrds`: the status counts what was written while it was on.
    if !wanted.is_empty() {
        wanted.insert(Resource::Monitor);
    }
    wanted
}
