//! Secrets: only those that objects refer to are read, and a change is in use at once.

use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::secret::{ExposeSecret, Rules, SecretError, SecretRef, SecretSource};
use kuma_core::source::Change;
use kuma_kube::secrets::{ClusterSecrets, references};
use kuma_kube::watch::{ClusterSource, Scope};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::fake::Fake;
use crate::kit::{PATIENCE, cluster, monitor, source, until};

fn secret(name: &str, token: &str) -> Value {
    let base64 = match token {
        "one" => "b25l",
        "two" => "dHdv",
        _ => "bmV2ZXI=",
    };
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": "shop"}, "data": {"token": base64},
        "type": token,
    })
}

fn value(secrets: &ClusterSecrets) -> Result<String, SecretError> {
    let at = SecretRef { name: "api".to_owned(), key: "token".to_owned() };
    secrets.get("shop", &at).map(|value| value.expose_secret().to_owned())
}

/// A source with one monitor that uses the Secret `api`, and its Secrets.
async fn started(fake: &Fake, stop: &CancellationToken) -> (ClusterSource, ClusterSecrets) {
    fake.put("monitors", monitor("web", 80));
    let source = source(fake).await;
    assert!(source.synced_within(PATIENCE).await);
    let snapshot = source.take().snapshot;
    let secrets = ClusterSecrets::new(&cluster(fake).await, Scope::Cluster, source.feed());
    let rules = Rules { system_namespace: "kubekuma".to_owned(), isolated: false };
    secrets.refer(rules, references(&snapshot, "kubekuma")).await;
    let (running, stop) = (secrets.clone(), stop.clone());
    tokio::spawn(async move { running.run(&stop).await });
    (source, secrets)
}

#[tokio::test]
async fn a_rotated_secret_is_in_use_at_once_and_no_other_is_ever_read() {
    let fake = Fake::start().await;
    fake.put("secrets", secret("api", "one"));
    fake.put("secrets", secret("other", "never"));
    let stop = CancellationToken::new();
    let (source, secrets) = started(&fake, &stop).await;
    assert_eq!(value(&secrets).unwrap(), "one");

    fake.put("secrets", secret("other", "never again"));
    fake.put("secrets", secret("api", "two"));
    let named = ObjectKey { kind: Kind::Secret, name: ObjectName::new("shop", "api") };
    let rotated = until(&source, |news| !news.seen.is_empty()).await;
    let paths = vec!["data".to_owned()];
    assert_eq!(rotated.seen.len(), 1);
    assert_eq!(rotated.seen[0].change, Change::Applied { key: named.clone(), paths, new: false });
    assert_eq!(value(&secrets).unwrap(), "two");

    fake.delete("secrets", "shop", "api");
    let deleted = until(&source, |news| !news.seen.is_empty()).await;
    assert_eq!(deleted.seen[0].change, Change::Deleted { key: named });
    assert!(matches!(value(&secrets), Err(SecretError::Missing { .. })));

    for request in fake.requests().iter().filter(|it| it.contains(" secrets")) {
        let targeted = request == "get secrets/api";
        assert!(targeted || request.ends_with("secrets metadata"), "{request}");
    }
    stop.cancel();
}

#[tokio::test]
async fn an_api_server_that_is_away_takes_no_value_away() {
    let fake = Fake::start().await;
    fake.put("secrets", secret("api", "one"));
    let stop = CancellationToken::new();
    let (source, secrets) = started(&fake, &stop).await;
    fake.cut(true);
    until(&source, |_| !source.remarks().is_empty()).await;
    assert_eq!(value(&secrets).unwrap(), "one");
    fake.put("secrets", secret("api", "two"));
    fake.compact();
    fake.cut(false);
    until(&source, |_| value(&secrets).unwrap() == "two").await;
    stop.cancel();
}

#[tokio::test]
async fn a_secret_that_rbac_hides_says_which_rule_opens_it() {
    let fake = Fake::start().await;
    for verb in ["get", "list", "watch"] {
        fake.forbid(verb, "secrets", true);
    }
    fake.put("secrets", secret("api", "one"));
    let stop = CancellationToken::new();
    let (source, secrets) = started(&fake, &stop).await;
    assert!(matches!(value(&secrets), Err(SecretError::Forbidden { .. })));
    fake.forbid("get", "secrets", false);
    let opened = until(&source, |news| !news.seen.is_empty()).await;
    assert!(
        matches!(&opened.seen[0].change, Change::Applied { key, .. } if key.kind == Kind::Secret)
    );
    assert_eq!(value(&secrets).unwrap(), "one");
    stop.cancel();
}
