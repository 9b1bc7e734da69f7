//! The parts of Services, Ingresses, Gateways and routes that say where something answers. What is
//! not here is not kept: a cluster may have ten thousand of them.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// `Service.spec`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `None` is headless.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: String,
    /// The name that an `ExternalName` Service stands for.
    pub external_name: String,
    /// Where it listens.
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    /// Its name; empty where there is only one.
    pub name: String,
    /// Its number.
    pub port: u16,
    /// The port of the Pods, by number or name.
    pub target_port: Value,
    /// `TCP` unless set.
    pub protocol: String,
    /// What is spoken, such as `https` or `kubernetes.io/h2c`.
    pub app_protocol: String,
}

/// `Ingress.spec`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressSpec {
    /// What answers where no rule does.
    pub default_backend: Option<Backend>,
    /// Which hosts are https.
    pub tls: Vec<IngressTls>,
    /// What leads where.
    pub rules: Vec<IngressRule>,
}

/// An entry of `Ingress.spec.tls`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressTls {
    /// Its hosts; none means all of the Ingress.
    pub hosts: Vec<String>,
}

/// A rule of an Ingress.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressRule {
    /// Its host; empty means every host.
    pub host: String,
    /// Its paths.
    pub http: Option<IngressHttp>,
}

impl IngressRule {
    /// Its paths; none where the default backend answers.
    pub fn paths(&self) -> &[IngressPath] {
        self.http.as_ref().map_or(&[], |http| &http.paths)
    }
}

/// The paths of a rule.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressHttp {
    /// The paths.
    pub paths: Vec<IngressPath>,
}

/// A path of a rule of an Ingress.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressPath {
    /// The path; empty means every path.
    pub path: String,
    /// `Exact`, `Prefix` or `ImplementationSpecific`.
    pub path_type: String,
    /// What answers.
    pub backend: Backend,
}

/// What answers behind an Ingress or a route.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Backend {
    /// A Service, as an Ingress names it.
    pub service: Option<BackendService>,
    /// A Service, as a route names it.
    pub name: String,
    /// Its namespace, as a route names it; empty is the route's own.
    pub namespace: String,
    /// Its port, as a route names it.
    pub port: Option<u16>,
}

impl Backend {
    /// The name of the Service, however it is written.
    pub fn service_name(&self) -> &str {
        self.service.as_ref().map_or(&self.name, |service| &service.name)
    }
}

/// A Service behind an Ingress.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackendService {
    /// Its name.
    pub name: String,
    /// Its port.
    pub port: BackendPort,
}

/// The port of a Service behind an Ingress.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackendPort {
    /// By name.
    pub name: String,
    /// By number.
    pub number: Option<u16>,
}

/// `Gateway.spec`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewaySpec {
    /// Where it listens.
    pub listeners: Vec<Listener>,
}

/// A listener of a Gateway.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Listener {
    /// Its name, which `sectionName` of a route means.
    pub name: String,
    /// The host it listens for; empty means every host.
    pub hostname: String,
    /// Its port.
    pub port: u16,
    /// `HTTP`, `HTTPS`, `TLS`, `TCP`, `UDP`.
    pub protocol: String,
}

/// `HTTPRoute.spec`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteSpec {
    /// The Gateways it is attached to.
    pub parent_refs: Vec<ParentRef>,
    /// Its hosts; none means those of the listeners.
    pub hostnames: Vec<String>,
    /// What leads where.
    pub rules: Vec<RouteRule>,
}

/// What a route is attached to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ParentRef {
    /// Empty means `Gateway`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace; empty means the route's.
    pub namespace: String,
    /// One of its listeners; empty means all of them.
    pub section_name: String,
    /// The listeners of one port; none means all of them.
    pub port: Option<u16>,
}

/// A rule of a route.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteRule {
    /// Which requests it is for; none means all of them.
    pub matches: Vec<RouteMatch>,
    /// What is done to requests.
    pub filters: Vec<RouteFilter>,
    /// What answers.
    pub backend_refs: Vec<Backend>,
}

impl RouteRule {
    /// Whether it only sends people elsewhere.
    pub fn redirects(&self) -> bool {
        self.filters.iter().any(|filter| filter.type_ == "RequestRedirect")
    }
}

/// A filter of a rule of a route.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteFilter {
    /// Which one.
    #[serde(rename = "type")]
    pub type_: String,
}

/// Which requests a rule is for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteMatch {
    /// By path.
    pub path: Option<PathMatch>,
    /// By method.
    pub method: String,
    /// By header; only that there are some matters.
    pub headers: Vec<Ignored>,
    /// By query parameter; only that there are some matters.
    pub query_params: Vec<Ignored>,
}

/// Something of which only the presence matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// A path that a request must have.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PathMatch {
    /// `Exact`, `PathPrefix` (also where it is empty) or `RegularExpression`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The path; empty means `/`.
    pub value: String,
}

/// Whether a Gateway has taken a route, as the Gateway's controller says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The Gateway.
    pub parent: ParentRef,
    /// What it says against the route; none means that it has taken it.
    pub refusal: Option<String>,
}

impl Accepted {
    /// All that `HTTPRoute.status` says. A status of another shape says nothing.
    pub(super) fn read(object: &Value) -> Vec<Self> {
        let parents = object.pointer("/status/parents").and_then(Value::as_array);
        parents.into_iter().flatten().filter_map(Self::of_parent).collect()
    }

    fn of_parent(value: &Value) -> Option<Self> {
        let parent = ParentRef::deserialize(value.get("parentRef")?).ok()?;
        let conditions = value.get("conditions").and_then(Value::as_array);
        let text = |value: &Value, field| {
            value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let refused = conditions.into_iter().flatten().find(|condition| {
            matches!(text(condition, "type").as_str(), "Accepted" | "ResolvedRefs")
                && text(condition, "status") == "False"
        });
        let refusal = refused.map(|condition| {
            let said = format!("{}: {}", text(condition, "reason"), text(condition, "message"));
            kuma_core::observation::bounded(said, 300)
        });
        Some(Self { parent, refusal })
    }
}
