//! What stands around our own objects in the cluster: Services, Ingresses, Gateways and routes.
//! Discovery reads targets from them, exposure looks for the way to a status page.

mod found;
mod resource;
mod routing;
mod shelf;
mod watches;

pub use found::{Body, Found, Owner, PREFIX};
pub use resource::Resource;
pub use routing::{
    Accepted, Backend, GatewaySpec, IngressPath, IngressRule, IngressSpec, IngressTls, Listener,
    ParentRef, RouteMatch, RouteRule, RouteSpec, ServicePort, ServiceSpec,
};
pub use shelf::Shelf;
pub use watches::{Surroundings, View};
