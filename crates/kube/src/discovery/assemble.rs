//! All suggestions together: each object read, and nothing suggested that is checked already.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use kuma_api::read::{ReadContext, read_object};
use kuma_core::check::CheckType;
use kuma_core::id::ObjectName;
use kuma_core::object::{Origin, Problem, Severity};
use kuma_core::settings::{DiscoverySettings, DiscoverySource};
use serde_json::{Value, json};

use super::annotations::{self, Wish};
use super::draft::Draft;
use super::ingress::Shown;
use super::known::Known;
use super::route::Route;
use super::suggestion::{Discovery, Notice, Skipped, Source, Suggestion};
use super::{ingress, route, service};
use crate::owned::LABEL;
use crate::surroundings::{Body, Found, PREFIX, Resource, View};

/// What suggestions follow from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// What stands around.
    pub view: &'a View,
    /// What is asked for.
    pub settings: &'a DiscoverySettings,
    /// Shortest interval that a monitor may have.
    pub min_interval: Duration,
    /// What is checked already.
    pub known: &'a [Known],
    /// `tenancy.isolated`: another tenant's monitor takes nothing away.
    pub isolated: bool,
    /// `KUBE_NAMESPACE`, whose monitors count for everybody.
    pub system_namespace: &'a str,
    /// KubeKuma's own Service there.
    pub own_service: &'a str,
    /// What was found before: what was suggested then in the same words is not judged again. The
    /// result is the same without it, and takes ten times as long.
    pub before: Option<&'a Discovery>,
}

/// Says what could be monitored. Never panics, whatever the objects hold.
pub fn discover(input: Input<'_>) -> Discovery {
    let mut assembly = Assembly::new(input);
    if input.settings.enabled {
        for source in &input.settings.sources {
            let resource = match source {
                DiscoverySource::Service => Resource::Service,
                DiscoverySource::Ingress => Resource::Ingress,
                DiscoverySource::GatewayApi => Resource::HttpRoute,
            };
            for found in input.view.of(resource).filter(|found| !found.leaving) {
                assembly.object(found);
            }
        }
    }
    let mut discovery = assembly.discovery;
    discovery.suggestions.sort_by(|one, other| one.name.cmp(&other.name));
    discovery
}

/// Who has an address: a monitor that is there, or a suggestion made before.
struct Holder {
    namespace: String,
    title: String,
}

struct Assembly<'a> {
    input: Input<'a>,
    /// Monitors that discovery did not write, by what they check.
    checked: HashMap<String, Vec<Holder>>,
    /// Names of monitors, and whether discovery wrote them.
    names: HashMap<&'a ObjectName, bool>,
    /// Specs that were judged before, by the Monitor's name.
    proven: HashMap<&'a ObjectName, &'a Value>,
    /// Names of suggestions, with the object that has them.
    suggested: BTreeMap<ObjectName, Source>,
    discovery: Discovery,
}

impl<'a> Assembly<'a> {
    fn new(input: Input<'a>) -> Self {
        let mut checked: HashMap<String, Vec<Holder>> = HashMap::new();
        for known in input.known.iter().filter(|known| !known.ours) {
            if let Some(address) = &known.address {
                checked.entry(address.clone()).or_default().push(Holder {
                    namespace: known.name.namespace.to_string(),
                    title: format!("monitor {}", known.name),
                });
            }
        }
        Self {
            input,
            checked,
            names: input.known.iter().map(|known| (&known.name, known.ours)).collect(),
            proven: input
                .before
                .into_iter()
                .flat_map(|before| &before.suggestions)
                .map(|suggestion| (&suggestion.name, &suggestion.spec))
                .collect(),
            suggested: BTreeMap::new(),
            discovery: Discovery::default(),
        }
    }

    fn object(&mut self, found: &Found) {
        let source = Source::of(found);
        if found.whole.is_some() {
            let why = format!("KubeKuma made it ({LABEL})");
            self.discovery.skipped.push(Skipped { source, why });
            return;
        }
        let (wish, problems) = annotations::read(&found.annotations, self.input.min_interval);
        let wrong = problems.iter().any(|problem| problem.severity == Severity::Error);
        for problem in problems {
            self.notice(&source, problem);
        }
        if wrong {
            // What a wrong value was meant to say is not for us to guess.
            self.discovery.troubled.insert(found.uid.clone());
            return;
        }
        if wish.monitor == Some(false) {
            let why = format!("its annotation {PREFIX}monitor is false");
            self.discovery.skipped.push(Skipped { source, why });
            return;
        }
        if let Some(why) = self.needless(found).filter(|_| wish.monitor != Some(true)) {
            self.discovery.skipped.push(Skipped { source, why });
            return;
        }
        let shown = match self.read(found, &wish) {
            Ok(shown) => shown,
            Err(why) => {
                self.discovery.troubled.insert(found.uid.clone());
                self.notice(&source, Problem::semantic("spec", why));
                return;
            }
        };
        for why in shown.skipped {
            self.discovery.skipped.push(Skipped { source: source.clone(), why });
        }
        if wish.name.is_some() && shown.drafts.len() > 1 {
            self.discovery.troubled.insert(found.uid.clone());
            let why = format!("{} addresses cannot all have one name", shown.drafts.len());
            let problem = Problem::semantic(format!("metadata.annotations[{PREFIX}name]"), why)
                .with_fix(format!(
                    "remove it, or leave one address with {PREFIX}path or {PREFIX}port"
                ));
            self.notice(&source, problem);
            return;
        }
        for draft in shown.drafts {
            self.draft(found, &source, &wish, &draft);
        }
    }

    /// Why a Service that every installation has is not worth a suggestion.
    fn needless(&self, found: &Found) -> Option<String> {
        let (namespace, name) = (&*found.name.namespace, &*found.name.name);
        let what = match (found.resource, namespace, name) {
            (Resource::Service, "default", "kubernetes") => {
                "it is the API server, which asks who comes and answers nobody else"
            }
            (Resource::Service, _, _)
                if namespace == self.input.system_namespace && name == self.input.own_service =>
            {
                "it is KubeKuma, which cannot tell that it is down itself"
            }
            _ => return None,
        };
        Some(format!("{what}; the annotation {PREFIX}monitor: \"true\" suggests it all the same"))
    }

    fn read(&self, found: &Found, wish: &Wish) -> Result<Shown, String> {
        // Nobody answers a WebSocket where people ask for health.
        let health_path = match wish.check {
            Some(CheckType::Websocket) => "/",
            _ => &self.input.settings.default_health_path,
        };
        Ok(match &found.body {
            Body::Service(spec) => match service::drafts(found, spec, wish, health_path) {
                Ok(drafts) => Shown { drafts, skipped: Vec::new() },
                Err(why) => Shown { drafts: Vec::new(), skipped: vec![why] },
            },
            Body::Ingress(spec) => ingress::drafts(found, spec, wish, health_path),
            Body::HttpRoute(spec, accepted) => {
                let route = Route { found, spec, accepted };
                route::drafts(&route, wish, health_path, self.input.view)
            }
            Body::Unreadable(why) => return Err(format!("it cannot be read: {why}")),
            Body::Gateway(_) | Body::Ours => Shown::default(),
        })
    }

    fn draft(&mut self, found: &Found, source: &Source, wish: &Wish, draft: &Draft) {
        let own = &*found.name.namespace;
        let address = draft.address();
        let name = wish
            .name
            .clone()
            .unwrap_or_else(|| draft.name(found.resource.kind(), &found.name.name));
        let name = ObjectName::new(own, name);
        if let Some(why) = self.held(own, &address) {
            let why = format!("{address}: {why}");
            self.discovery.skipped.push(Skipped { source: source.clone(), why });
            return;
        }
        let written = match (self.names.get(&name), self.suggested.get(&name)) {
            (Some(false), _) => Some(format!("monitor {name} has the name already")),
            (_, Some(other)) => Some(format!("the Monitor for {other} has the name already")),
            _ => None,
        };
        if let Some(why) = written {
            let problem =
                Problem::semantic("metadata.name", format!("{address} cannot be suggested: {why}"))
                    .with_fix(format!("set the annotation {PREFIX}name"));
            self.notice(source, problem);
            return;
        }
        let spec = draft.spec(wish);
        let proven = self.proven.get(&name).is_some_and(|before| **before == spec);
        if let Some(problem) = (!proven).then(|| refusal(&name, &spec)).flatten() {
            self.notice(source, problem);
            return;
        }
        self.suggested.insert(name.clone(), source.clone());
        self.checked.entry(address.clone()).or_default().push(Holder {
            namespace: own.to_owned(),
            title: format!("the suggestion from {source}"),
        });
        self.discovery.suggestions.push(Suggestion {
            written: self.names.get(&name).copied().unwrap_or(false),
            name,
            source: source.clone(),
            target: address,
            why: draft.why.clone(),
            eligible: found.resource != Resource::Service || wish.monitor == Some(true),
            spec,
            owner: found.owner(),
        });
    }

    /// Who has an address already, as far as it matters to a namespace.
    fn held(&self, own: &str, address: &str) -> Option<String> {
        let matters = |holder: &&Holder| {
            !self.input.isolated
                || holder.namespace == own
                || holder.namespace == self.input.system_namespace
        };
        let holder = self.checked.get(address)?.iter().find(matters)?;
        Some(format!("{} checks it already", holder.title))
    }

    fn notice(&mut self, source: &Source, problem: Problem) {
        self.discovery.notices.push(Notice { source: source.clone(), problem });
    }
}

/// What makes a Monitor of such a spec unusable. What cannot be used is not suggested.
fn refusal(name: &ObjectName, spec: &Value) -> Option<Problem> {
    let monitor = json!({
        "apiVersion": kuma_api::kinds::API_VERSION,
        "kind": "Monitor",
        "metadata": {"name": &*name.name, "namespace": &*name.namespace},
        "spec": spec,
    });
    let read = read_object(&monitor, Origin::Store, &ReadContext::default());
    if read.object.is_some() {
        return None;
    }
    let first = read.problems.into_iter().find(|problem| problem.severity == Severity::Error)?;
    let why = format!("what it shows cannot be monitored: {first}");
    Some(
        Problem::semantic("spec", why)
            .with_fix(format!("write a Monitor, and set {PREFIX}monitor to \"false\" here")),
    )
}
