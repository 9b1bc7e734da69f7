//! How the API server is reached: from a kubeconfig or from within a pod. One client for
//! everything, and one way to say what it refused.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Client, Config};
use kuma_api::kinds;
use kuma_core::id::Kind;
use kuma_core::observation::bounded;

/// The field manager of all we write, and the name of the controller in Events.
pub const FIELD_MANAGER: &str = "kubekuma";
/// How long one request may take that is not a watch.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest text of the API server that is repeated.
const MAX_WORDS: usize = 400;

/// A way to the API server.
#[derive(Clone)]
pub struct Cluster {
    /// Makes the requests.
    pub client: Client,
    /// Where the API server is, for people.
    pub server: String,
    /// The namespace of the kubeconfig's context, or of the pod.
    pub default_namespace: String,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Why there is no way to the API server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be used.
    #[error(
        "the kubeconfig {at} cannot be used: {why}; name one with --kubeconfig or KUBECONFIG, or \
         try `kubectl --kubeconfig {at} get namespaces`"
    )]
    Kubeconfig {
        /// Where it is.
        at: String,
        /// What is wrong with it.
        why: String,
    },
    /// What a pod has to reach its API server is not all there.
    #[error(
        "this looks like a pod, but its ServiceAccount cannot be used: {0}; set \
         `automountServiceAccountToken: true` and name a ServiceAccount in the pod's spec"
    )]
    InCluster(String),
    /// The client cannot be built from the configuration.
    #[error(
        "the API server at {server} cannot be used: {why}; check the certificates, the proxy and the user of the kubeconfig"
    )]
    Client {
        /// Where it is.
        server: String,
        /// What is wrong.
        why: String,
    },
}

/// Whether this process runs in a pod.
pub fn detect_in_cluster() -> bool {
    !matches!(
        Config::incluster(),
        Err(InClusterError::ReadEnvironmentVariable(_) | InClusterError::ParseClusterPort(_))
    )
}

/// Connects: with the kubeconfig that was named (several paths as in `KUBECONFIG`), else as the
/// pod this process runs in, else with the kubeconfig where kubectl looks for it. Nothing is sent
/// yet, so an API server that is away is no error here.
///
/// # Errors
/// When there is no configuration, or it cannot be used.
pub async fn connect(kubeconfig: Option<&Path>, version: &str) -> Result<Cluster, ConnectError> {
    let mut config = match kubeconfig {
        Some(paths) => from_kubeconfig(paths).await?,
        None if detect_in_cluster() => {
            Config::incluster().map_err(|error| ConnectError::InCluster(words(&error)))?
        }
        None => Config::from_kubeconfig(&KubeConfigOptions::default()).await.map_err(|error| {
            ConnectError::Kubeconfig { at: "~/.kube/config".to_owned(), why: words(&error) }
        })?,
    };
    // Its delays grow to a quarter of an hour; every loop of ours tries again by itself.
    config.default_retry = false;
    let agent = HeaderValue::try_from(format!("kubekuma/{version}"));
    config.headers.extend(agent.ok().map(|agent| (USER_AGENT, agent)));
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let default_namespace = config.default_namespace.clone();
    let client = Client::try_from(config)
        .map_err(|error| ConnectError::Client { server: server.clone(), why: words(&error) })?;
    Ok(Cluster { client, server, default_namespace })
}

async fn from_kubeconfig(paths: &Path) -> Result<Config, ConnectError> {
    let bad = |error: KubeconfigError| ConnectError::Kubeconfig {
        at: paths.display().to_string(),
        why: words(&error),
    };
    let mut merged: Option<Kubeconfig> = None;
    for path in std::env::split_paths(paths).filter(|path: &PathBuf| !path.as_os_str().is_empty()) {
        let next = Kubeconfig::read_from(path).map_err(bad)?;
        merged = Some(match merged {
            Some(before) => before.merge(next).map_err(bad)?,
            None => next,
        });
    }
    let options = KubeConfigOptions::default();
    Config::from_custom_kubeconfig(merged.unwrap_or_default(), &options).await.map_err(bad)
}

/// Where the objects of a kind are found.
pub fn resource(kind: Kind) -> ApiResource {
    use k8s_openapi::api::core::v1;
    match kind {
        Kind::Monitor => ApiResource::erase::<kinds::Monitor>(&()),
        Kind::MonitorSet => ApiResource::erase::<kinds::MonitorSet>(&()),
        Kind::NotificationProvider => ApiResource::erase::<kinds::NotificationProvider>(&()),
        Kind::NotificationPolicy => ApiResource::erase::<kinds::NotificationPolicy>(&()),
        Kind::StatusPage => ApiResource::erase::<kinds::StatusPage>(&()),
        Kind::MaintenanceWindow => ApiResource::erase::<kinds::MaintenanceWindow>(&()),
        Kind::Silence => ApiResource::erase::<kinds::Silence>(&()),
        Kind::LocalUser => ApiResource::erase::<kinds::LocalUser>(&()),
        Kind::ApiKey => ApiResource::erase::<kinds::ApiKey>(&()),
        Kind::KubeKumaSettings => ApiResource::erase::<kinds::KubeKumaSettings>(&()),
        Kind::Secret => ApiResource::erase::<v1::Secret>(&()),
        Kind::Namespace => ApiResource::erase::<v1::Namespace>(&()),
    }
}

/// Why a request was not done, as far as what to do next depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// RBAC refuses it.
    Forbidden,
    /// There is no such object, or no such resource.
    Missing,
    /// The object changed, or exists already.
    Conflict,
    /// The place in the history of changes is gone; a list is needed.
    Expired,
    /// The API server did not answer, or not with anything that helps.
    Away(String),
}

impl Fault {
    /// What an error means.
    pub fn of(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status),
            // The layers above it say only that there was an error.
            kube::Error::Service(cause) => Self::Away(words(innermost(&**cause))),
            other => Self::Away(words(other)),
        }
    }

    /// What it means that a watch broke off.
    pub fn of_watch(error: &watcher::Error) -> Self {
        match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => Self::of(error),
            watcher::Error::WatchError(status) => Self::of_status(status),
            watcher::Error::NoResourceVersion => Self::Away(error.to_string()),
        }
    }

    /// What a status that is no success means.
    pub fn of_status(status: &kube::core::Status) -> Self {
        match status.code {
            403 => Self::Forbidden,
            404 => Self::Missing,
            409 => Self::Conflict,
            410 => Self::Expired,
            401 => Self::Away(
                "it does not know who we are (401); the token or client certificate is not valid"
                    .to_owned(),
            ),
            code => Self::Away(bounded(format!("{code}: {}", status.message), MAX_WORDS)),
        }
    }
}

/// A request, cut off after [`REQUEST_TIMEOUT`].
pub async fn within<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Fault> {
    within_time(REQUEST_TIMEOUT, request).await
}

/// A request, cut off after `patience`.
pub async fn within_time<T>(
    patience: Duration,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Fault> {
    match tokio::time::timeout(patience, request).await {
        Ok(answer) => answer.map_err(|error| Fault::of(&error)),
        Err(_) => Err(Fault::Away(format!("it gave no answer within {} s", patience.as_secs()))),
    }
}

/// What caused an error in the first place, but for the system's number of it.
fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a dyn std::error::Error {
    let mut at: &(dyn std::error::Error + 'static) = error;
    while let Some(cause) = at.source().filter(|cause| !cause.is::<std::io::Error>()) {
        at = cause;
    }
    at
}

/// An error and what caused it, without saying anything twice.
pub fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    bounded(text, MAX_WORDS)
}

#[cfg(test)]
mod tests;
