//! The target of type grpc: the real health service of grpcio.

use kuma_fixture::PythonServer;
use serde_json::json;

use super::{Target, World, spec, target};
use crate::evidence::Certainty::Must;

const SERVICE: &str = "shop.Cart";
/// States that the service takes, by their names in the protocol or as its script has them.
const STATES: &[&str] = &[
    "NOT_SERVING",
    "UNKNOWN",
    "SERVICE_UNKNOWN",
    "status.UNAVAILABLE",
    "status.INTERNAL",
    "status.UNIMPLEMENTED",
];

pub(super) fn health(_: &World) -> Target {
    let mut server = PythonServer::grpc(None);
    let at = json!({ "address": format!("127.0.0.1:{}", server.port), "service": SERVICE });
    let mut hows: Vec<_> = STATES.iter().map(|state| (*state, Must)).collect();
    hows.push(("frozen", Must));
    let act = Box::new(move |how: Option<usize>| match how.map(|how| STATES.get(how)) {
        Some(Some(state)) => server.tell(&format!("{SERVICE} {state}")),
        Some(None) => server.freeze(true),
        None => {
            server.freeze(false);
            server.tell(&format!("{SERVICE} SERVING"));
        }
    });
    target("grpc", spec("grpc", &at, None), hows, act)
}
