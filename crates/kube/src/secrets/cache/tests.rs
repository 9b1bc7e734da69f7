//! What becomes of a value under every answer.

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kuma_core::secret::USE_LABEL;

use super::*;

fn name(text: &str) -> ObjectName {
    text.parse().unwrap()
}

fn at(name: &str, key: &str) -> SecretRef {
    SecretRef { name: name.to_owned(), key: key.to_owned() }
}

fn found(version: &str, value: &[u8], labelled: bool) -> Answer {
    let labels = labelled.then(|| BTreeMap::from([(USE_LABEL.to_owned(), "true".to_owned())]));
    Answer::Found(Contents::of(Secret {
        metadata: ObjectMeta {
            resource_version: Some(version.to_owned()),
            labels,
            ..ObjectMeta::default()
        },
        data: Some([("token".to_owned(), ByteString(value.to_vec()))].into()),
        ..Secret::default()
    }))
}

fn rules(isolated: bool) -> Rules {
    Rules { system_namespace: "kubekuma".to_owned(), isolated }
}

/// A cache in which one Secret is referred to.
fn cache(of: &str) -> Cache {
    let mut cache = Cache::default();
    assert_eq!(cache.refer(rules(false), &[name(of)].into()), [name(of)]);
    cache
}

fn value(cache: &Cache, namespace: &str) -> Result<String, SecretError> {
    cache.get(namespace, &at("api", "token")).map(|value| value.expose_secret().to_owned())
}

#[test]
fn a_value_is_had_once_it_was_read_and_in_its_own_namespace_only() {
    let mut cache = cache("shop/api");
    assert!(matches!(value(&cache, "shop"), Err(SecretError::Unread { .. })));
    let first = cache.take(&name("shop/api"), found("1", b"one", false));
    assert!(matches!(first, Some(Change::Applied { new: true, .. })));
    assert_eq!(value(&cache, "shop").unwrap(), "one");
    assert!(matches!(value(&cache, "bank"), Err(SecretError::Unread { .. })));
    let other = cache.get("shop", &at("api", "other"));
    assert!(matches!(other, Err(SecretError::Missing { .. })));
}

#[test]
fn a_rotated_value_is_a_change_and_a_touched_secret_is_none() {
    let mut cache = cache("shop/api");
    cache.take(&name("shop/api"), found("1", b"one", false));
    assert_eq!(cache.take(&name("shop/api"), found("2", b"one", false)), None);
    let rotated = cache.take(&name("shop/api"), found("3", b"two", false));
    assert!(matches!(rotated, Some(Change::Applied { new: false, .. })));
    assert_eq!(value(&cache, "shop").unwrap(), "two");
}

#[test]
fn an_api_server_that_is_away_takes_no_value_away() {
    let mut cache = cache("shop/api");
    let away = || Answer::Away("connection refused".to_owned());
    assert_eq!(cache.take(&name("shop/api"), away()), None);
    let error = value(&cache, "shop").unwrap_err().to_string();
    assert_eq!(error, "Secret shop/api could not be read yet: connection refused");
    cache.take(&name("shop/api"), found("1", b"one", false));
    assert_eq!(cache.take(&name("shop/api"), away()), None);
    assert_eq!(value(&cache, "shop").unwrap(), "one");
}

#[test]
fn a_deleted_or_forbidden_secret_is_not_used_any_more() {
    let mut cache = cache("shop/api");
    cache.take(&name("shop/api"), found("1", b"one", false));
    let deleted = cache.take(&name("shop/api"), Answer::Missing);
    assert!(matches!(deleted, Some(Change::Deleted { .. })));
    assert!(matches!(value(&cache, "shop"), Err(SecretError::Missing { .. })));
    assert_eq!(cache.take(&name("shop/api"), Answer::Missing), None);
    cache.take(&name("shop/api"), Answer::Forbidden);
    let error = value(&cache, "shop").unwrap_err().to_string();
    assert_eq!(
        error,
        "Secret shop/api may not be read: add the rule {apiGroups: [\"\"], resources: [secrets], \
         verbs: [get]} to a Role in namespace shop, bound to KubeKuma's ServiceAccount"
    );
}

#[test]
fn the_label_opens_secrets_where_it_is_needed() {
    let mut ours = cache("kubekuma/api");
    ours.take(&name("kubekuma/api"), found("1", b"one", false));
    assert!(matches!(value(&ours, "kubekuma"), Err(SecretError::NotAllowed { .. })));
    ours.take(&name("kubekuma/api"), found("2", b"one", true));
    assert_eq!(value(&ours, "kubekuma").unwrap(), "one");

    let mut tenant = cache("shop/api");
    tenant.take(&name("shop/api"), found("1", b"one", false));
    tenant.refer(rules(true), &[name("shop/api")].into());
    assert!(matches!(value(&tenant, "shop"), Err(SecretError::NotAllowed { .. })));
}

#[test]
fn what_nobody_refers_to_is_forgotten_and_its_late_answers_are_dropped() {
    let mut cache = cache("shop/api");
    cache.take(&name("shop/api"), found("1", b"one", false));
    assert_eq!(cache.refer(rules(false), &[name("shop/b")].into()), [name("shop/b")]);
    assert_eq!(cache.names(), [name("shop/b")].into());
    assert_eq!(cache.take(&name("shop/api"), found("2", b"two", false)), None);
    assert!(value(&cache, "shop").is_err());
    // What is still referred to is not read again.
    assert!(cache.refer(rules(false), &[name("shop/b")].into()).is_empty());
}

#[test]
fn a_watch_asks_for_what_it_saw_change_and_nothing_else() {
    let mut cache = cache("shop/api");
    assert!(cache.is_stale(&name("shop/api"), Some("1")));
    assert_eq!(cache.unsettled(true), [name("shop/api")].into());
    cache.take(&name("shop/api"), found("1", b"one", false));
    assert!(!cache.is_stale(&name("shop/api"), Some("1")));
    assert!(cache.is_stale(&name("shop/api"), Some("2")));
    assert!(cache.is_stale(&name("shop/api"), None));
    assert!(!cache.is_stale(&name("shop/unknown"), Some("1")));
    cache.take(&name("shop/api"), Answer::Missing);
    assert!(!cache.is_stale(&name("shop/api"), None));
    assert!(cache.unsettled(true).is_empty());
    assert_eq!(cache.unsettled(false), [name("shop/api")].into());
}

#[test]
fn values_that_are_no_text_are_refused_and_none_is_ever_printed() {
    let mut cache = cache("shop/api");
    cache.take(&name("shop/api"), found("1", b"\xff", false));
    assert!(matches!(value(&cache, "shop"), Err(SecretError::NotText { .. })));
    cache.take(&name("shop/api"), found("2", b"hunter2", false));
    let shown = format!("{cache:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
}

#[test]
fn one_that_lacks_its_label_is_asked_for_again_soon() {
    let mut cache = Cache::default();
    cache.refer(rules(true), &[name("shop/api")].into());
    cache.take(&name("shop/api"), found("1", b"one", false));
    assert!(matches!(value(&cache, "shop"), Err(SecretError::NotAllowed { .. })));
    assert_eq!(cache.unsettled(false), [name("shop/api")].into());
    assert!(cache.unsettled(true).is_empty(), "a watch tells");
    cache.take(&name("shop/api"), found("2", b"one", true));
    assert!(cache.unsettled(false).is_empty());
}
