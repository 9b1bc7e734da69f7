//! The webhook on a real API server: it refuses what cannot run, keeps nobody from working when it
//! is away, and converts between versions, of which the second exists only here.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kuma_core::id::Kind;
use kuma_e2e::{ControlPlane, until};
use kuma_fixture::authority::Authority;
use kuma_kube::admission::{CertificateFiles, Certificates, Conversions, Webhook, router, serve};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The webhook, listening on loopback with a certificate of an authority of its own.
struct Listener {
    runtime: Option<Runtime>,
    port: u16,
    authority: String,
}

impl Listener {
    fn start(plane: &ControlPlane, conversions: Conversions) -> Self {
        let authority = Authority::new();
        let identity = authority.issue(&["127.0.0.1"]);
        let files = CertificateFiles::in_folder(plane.folder());
        std::fs::write(&files.certificate, &identity.certificate).unwrap();
        std::fs::write(&files.key, &identity.key).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let certificates = Certificates::new(files);
        let stop = CancellationToken::new();
        let fresh = Arc::clone(&certificates);
        let stopped = stop.clone();
        runtime.spawn(async move { fresh.keep_fresh(Duration::from_millis(100), stopped).await });
        until("the certificate to be in use", || {
            if certificates.is_ready() { Ok(()) } else { Err("none".to_owned()) }
        });
        let routes = router(Webhook::new("kubekuma", None, conversions));
        runtime.spawn(serve(listener, certificates, routes, stop));
        Self { runtime: Some(runtime), port, authority: authority.pem() }
    }

    /// How an API server finds it.
    fn client_config(&self, path: &str) -> Value {
        json!({
            "url": format!("https://127.0.0.1:{}{path}", self.port),
            "caBundle": STANDARD.encode(&self.authority),
        })
    }

    fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A window whose rule for repeating cannot be read, which no schema sees.
fn broken_window() -> Value {
    json!({
        "apiVersion": "monitoring.kubekuma.io/v1",
        "kind": "MaintenanceWindow",
        "metadata": {"name": "nightly", "namespace": "default"},
        "spec": {"schedule": {
            "start": "2030-01-01T02:00:00",
            "durationMinutes": 60,
            "recurrence": {"rrule": "FREQ=SOMETIMES"},
        }},
    })
}

#[test]
fn what_cannot_run_is_refused_while_the_webhook_is_there() {
    let Some(plane) = ControlPlane::own("webhook") else { return };
    plane.install_crds();
    let mut listener = Listener::start(&plane, Conversions::new());
    plane.kubectl().apply(&[json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "kubekuma"},
        "webhooks": [{
            "name": "validate.monitoring.kubekuma.io",
            "admissionReviewVersions": ["v1"],
            "clientConfig": listener.client_config("/admission/validate"),
            "failurePolicy": "Ignore",
            "timeoutSeconds": 3,
            "sideEffects": "None",
            "rules": [{
                "apiGroups": ["monitoring.kubekuma.io"],
                "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["*"],
            }],
        }],
    })]);
    let document = broken_window().to_string();
    // The API server takes a webhook up some time after it was applied.
    let refusal = until("a refusal", || {
        let dry = ["apply", "--dry-run=server", "-f", "-"];
        let told = plane.kubectl().tell(&dry, Some(&document));
        if told.success { Err(told.out) } else { Ok(told.err) }
    });
    for part in ["spec.schedule.recurrence.rrule", "SOMETIMES"] {
        assert!(refusal.contains(part), "{part} is not in: {refusal}");
    }
    let mut sound = broken_window();
    sound["spec"]["schedule"]["recurrence"]["rrule"] = json!("FREQ=DAILY");
    plane.kubectl().apply(&[sound]);
    // Whoever repairs KubeKuma must be able to.
    listener.stop();
    plane.kubectl().apply(&[broken_window()]);
}

/// The version that does not exist: `reason` is `why` in it.
fn rename(object: Value, from: &str, to: &str) -> Result<Value, String> {
    let mut object = object;
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut)
        && let Some(text) = spec.shift_remove(from)
    {
        if text == "unspeakable" {
            return Err("there is no word for it".to_owned());
        }
        spec.insert(to.to_owned(), text);
    }
    Ok(object)
}

fn conversions() -> Conversions {
    Conversions::new().with(
        Kind::Silence,
        "v2test",
        |object| rename(object, "why", "reason"),
        |object| rename(object, "reason", "why"),
    )
}

/// The definition of silences with both versions, of which one is stored.
fn two_versions(listener: &Listener, stored: &str) -> Value {
    let definition = kuma_api::crd::crd(Kind::Silence).unwrap();
    let mut definition = serde_json::to_value(definition).unwrap();
    let first = definition["spec"]["versions"][0].clone();
    let mut second = first.clone();
    second["name"] = json!("v2test");
    let spec = &mut second["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    let fields = spec.as_object_mut().unwrap();
    let reason = fields.shift_remove("reason").unwrap();
    fields.insert("why".to_owned(), reason);
    for column in second["additionalPrinterColumns"].as_array_mut().unwrap() {
        if column["jsonPath"] == ".spec.reason" {
            column["jsonPath"] = json!(".spec.why");
        }
    }
    let mut versions = vec![first, second];
    for version in &mut versions {
        version["storage"] = json!(version["name"] == stored);
    }
    definition["spec"]["versions"] = json!(versions);
    definition["spec"]["conversion"] = json!({
        "strategy": "Webhook",
        "webhook": {
            "conversionReviewVersions": ["v1"],
            "clientConfig": listener.client_config("/admission/convert"),
        },
    });
    definition
}

fn silence(version: &str, name: &str, field: &str, text: &str) -> Value {
    json!({
        "apiVersion": format!("monitoring.kubekuma.io/{version}"),
        "kind": "Silence",
        "metadata": {"name": name, "namespace": "default", "labels": {"team": "a"}},
        "spec": {"expiresAt": "2030-01-01T00:00:00Z", field: text},
    })
}

/// What is read of a silence in a version; none while that version cannot be read.
fn read(plane: &ControlPlane, version: &str, name: &str) -> Result<Value, String> {
    let resource = format!("silences.{version}.monitoring.kubekuma.io");
    let told = plane.kubectl().tell(&["get", &resource, name, "-o", "json"], None);
    if told.success { Ok(serde_json::from_str(&told.out).unwrap()) } else { Err(told.err) }
}

#[test]
fn a_later_version_is_read_and_written_beside_the_first() {
    let Some(plane) = ControlPlane::own("conversion") else { return };
    plane.install_crds();
    plane.kubectl().apply(&[silence("v1", "old", "reason", "upgrade")]);
    let listener = Listener::start(&plane, conversions());
    let definition = |stored: &str| {
        let text = two_versions(&listener, stored).to_string();
        let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        let told = plane.kubectl().tell(&apply, Some(&text));
        assert!(told.success, "{}", told.err);
    };
    definition("v1");
    // Stored in one version, read in the other.
    let old = until("the second version", || read(&plane, "v2test", "old"));
    assert_eq!((&old["spec"]["why"], &old["spec"]["reason"]), (&json!("upgrade"), &Value::Null));
    assert_eq!(old["metadata"]["labels"]["team"], "a");
    // Written in one, read in the other.
    plane.kubectl().apply(&[silence("v2test", "new", "why", "move")]);
    assert_eq!(read(&plane, "v1", "new").unwrap()["spec"]["reason"], "move");
    // The schema of each version holds for what is written in it.
    let wrong = silence("v2test", "wrong", "reason", "x").to_string();
    let refusal = plane.kubectl().refused(&["apply", "-f", "-"], Some(&wrong));
    assert!(refusal.contains("unknown field \"spec.reason\""), "{refusal}");
    // From now on the second is stored; what is there already is still read in both.
    definition("v2test");
    plane.kubectl().apply(&[silence("v1", "newer", "reason", "again")]);
    until("all of them in both versions", || {
        for (name, text) in [("old", "upgrade"), ("new", "move"), ("newer", "again")] {
            let (first, second) = (read(&plane, "v1", name)?, read(&plane, "v2test", name)?);
            if first["spec"]["reason"] != text || second["spec"]["why"] != text {
                return Err(format!("{first} {second}"));
            }
        }
        Ok(())
    });
    // What cannot be converted is said to whoever asks.
    plane.kubectl().apply(&[silence("v2test", "dark", "why", "dark")]);
    let dark = silence("v1", "dark", "reason", "unspeakable").to_string();
    let refusal = plane.kubectl().refused(&["apply", "-f", "-"], Some(&dark));
    assert!(refusal.contains("there is no word for it"), "{refusal}");
}
