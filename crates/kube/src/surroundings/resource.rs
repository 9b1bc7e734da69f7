//! The resources that are looked at or written.

use kube::core::{ApiResource, GroupVersionKind};

/// A resource of the Kubernetes API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// `v1/Service`.
    Service,
    /// `networking.k8s.io/v1/Ingress`.
    Ingress,
    /// `gateway.networking.k8s.io/v1/Gateway`.
    Gateway,
    /// `gateway.networking.k8s.io/v1/HTTPRoute`.
    HttpRoute,
    /// Our own Monitor.
    Monitor,
    /// Our own StatusPage.
    StatusPage,
}

impl Resource {
    /// `kind`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Service => "Service",
            Self::Ingress => "Ingress",
            Self::Gateway => "Gateway",
            Self::HttpRoute => "HTTPRoute",
            Self::Monitor => "Monitor",
            Self::StatusPage => "StatusPage",
        }
    }

    /// The API group; empty for the core group.
    pub const fn group(self) -> &'static str {
        match self {
            Self::Service => "",
            Self::Ingress => "networking.k8s.io",
            Self::Gateway | Self::HttpRoute => "gateway.networking.k8s.io",
            Self::Monitor | Self::StatusPage => kuma_api::kinds::GROUP,
        }
    }

    /// The name in addresses and rules.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Service => "services",
            Self::Ingress => "ingresses",
            Self::Gateway => "gateways",
            Self::HttpRoute => "httproutes",
            Self::Monitor => "monitors",
            Self::StatusPage => "statuspages",
        }
    }

    /// `apiVersion`; all of them are `v1`.
    pub fn api_version(self) -> String {
        match self.group() {
            "" => "v1".to_owned(),
            group => format!("{group}/v1"),
        }
    }

    /// The same as the client knows it.
    pub fn api(self) -> ApiResource {
        let kind = GroupVersionKind::gvk(self.group(), "v1", self.kind());
        ApiResource::from_gvk_with_plural(&kind, self.plural())
    }
}
