//! Configurations that work, and the words for those that do not.

use kube::core::Status;

use super::*;

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n\
contexts: [{name: here, context: {cluster: c, user: u, namespace: shop}}]\n\
users: [{name: u, user: {token: t}}]\n";

#[tokio::test]
async fn a_kubeconfig_is_read_without_asking_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    std::fs::write(&path, KUBECONFIG).unwrap();
    let cluster = connect(Some(&path), "1.2.3").await.unwrap();
    assert_eq!(cluster.server, "http://127.0.0.1:1");
    assert_eq!(cluster.default_namespace, "shop");
    let fault = within(cluster.client.apiserver_version()).await.unwrap_err();
    assert!(matches!(fault, Fault::Away(why) if why.contains("refused")));
}

#[tokio::test]
async fn several_kubeconfigs_are_merged_as_kubectl_does() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    std::fs::write(&first, "apiVersion: v1\nkind: Config\ncurrent-context: here\n").unwrap();
    std::fs::write(&second, KUBECONFIG).unwrap();
    let both = std::env::join_paths([first, second]).unwrap();
    let cluster = connect(Some(Path::new(&both)), "1.2.3").await.unwrap();
    assert_eq!(cluster.default_namespace, "shop");
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_says_which_and_what_to_do() {
    let error = connect(Some(Path::new("/nowhere/config")), "1").await.unwrap_err().to_string();
    assert!(error.contains("the kubeconfig /nowhere/config cannot be used"), "{error}");
    assert!(error.contains("No such file") && error.contains("--kubeconfig"), "{error}");
}

#[test]
fn an_answer_says_what_to_do_next() {
    let status = |code: u16| Fault::of_status(&Status { code, ..Status::default() });
    assert_eq!(status(403), Fault::Forbidden);
    assert_eq!(status(404), Fault::Missing);
    assert_eq!(status(409), Fault::Conflict);
    assert_eq!(status(410), Fault::Expired);
    assert!(matches!(status(401), Fault::Away(why) if why.contains("who we are")));
    assert!(matches!(status(503), Fault::Away(_)));
}

#[test]
fn every_kind_has_its_place() {
    let places: Vec<_> = Kind::OURS
        .into_iter()
        .chain([Kind::Secret, Kind::Namespace])
        .map(|kind| (kind, resource(kind)))
        .collect();
    for (kind, place) in &places {
        assert_eq!(place.kind, kind.as_str());
    }
    assert_eq!(places[0].1.api_version, "monitoring.kubekuma.io/v1");
    assert_eq!(places[3].1.plural, "notificationpolicies");
    assert_eq!(
        (places[10].1.api_version.as_str(), places[10].1.plural.as_str()),
        ("v1", "secrets")
    );
}
