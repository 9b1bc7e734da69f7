//! What programs ask of us: the parameters of `/probe`, of which anybody may write any when free
//! targets are allowed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use kuma_api::read::{ReadContext, read_file};
use kuma_core::catalog::{BuildInput, Catalog, build};
use kuma_core::id::{MonitorId, ObjectKey, ObjectName};
use kuma_core::object::Object;
use kuma_server::blackbox::module::{Parameters, asked};

/// Modules of every type that can be given a target, and settings that allow any.
const DOCUMENTS: &str = include_str!("../modules.yaml");

/// The objects of [`DOCUMENTS`].
pub(crate) static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| Arc::new(catalog()));

/// Lines: target, module, host name.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let target = lines.next().unwrap_or_default();
    let mut named = || lines.next().filter(|line| !line.is_empty());
    let parameters = Parameters { target, module: named(), hostname: named() };
    if let Ok(asked) = asked(&CATALOG, parameters) {
        // A reference in a target would be filled in from our Secrets and sent to a stranger.
        let spec = asked.spec.map(|spec| spec.to_string()).unwrap_or_default();
        assert!(!spec.contains("${SECRET:"), "{parameters:?} is sent a secret: {spec}");
        let _ = asked.monitor.check.target();
    }
}

fn catalog() -> Catalog {
    let context = ReadContext::default();
    let reading = read_file(Path::new("modules.yaml"), DOCUMENTS.as_bytes(), &context);
    assert!(reading.findings.iter().all(|it| !it.is_error()), "{:?}", reading.findings);
    let objects: BTreeMap<ObjectKey, Object> =
        reading.objects.into_iter().map(|object| (object.key.clone(), object)).collect();
    build(BuildInput {
        objects: &objects,
        reports: &BTreeMap::new(),
        system_namespace: "kubekuma",
        ids: &|_: &ObjectName| MonitorId(1),
        version: 1,
    })
}
