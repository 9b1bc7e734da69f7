//! The API server as whoever calls the plugin may use it, and what its refusals mean.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::{ApiResource, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::DynamicObject;
use kube::{Api, Client, Config, Resource};
use kuma_core::id::ObjectName;
use serde_json::Value;

use super::Shared;

/// Objects asked for at a time.
const PAGE: u32 = 500;
/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The field manager of what people write through the plugin.
const FIELD_MANAGER: &str = "kubectl-kuma";

/// A way to the API server.
pub(super) struct Cluster {
    client: Client,
    server: String,
    /// The namespace that is meant where none is named.
    pub(super) namespace: String,
}

impl Cluster {
    /// Reads the kubeconfig. Nothing is sent yet.
    pub(super) async fn connect(shared: &Shared) -> anyhow::Result<Self> {
        let mut config = config(shared).await?;
        config.connect_timeout = Some(CONNECT_WITHIN);
        config.read_timeout = Some(ANSWER_WITHIN);
        // A person waits; whoever wants another try asks again.
        config.default_retry = false;
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let namespace = shared.namespace.as_ref().unwrap_or(&config.default_namespace).clone();
        let client = Client::try_from(config)
            .map_err(|error| anyhow!(root_cause(&error)))
            .with_context(|| format!("the kubeconfig's way to {server} cannot be used"))?;
        Ok(Self { client, server, namespace })
    }

    /// For what asks the API server by itself.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// All objects of a kind, with those labels, in one namespace or in all.
    pub(super) async fn list<K: Resource<DynamicType = ()>>(
        &self,
        namespace: Option<&str>,
        labels: Option<&str>,
    ) -> anyhow::Result<Vec<Value>> {
        let resource = ApiResource::erase::<K>(&());
        let api = self.api(&resource, namespace);
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector = labels.map(str::to_owned);
        let mut found = Vec::new();
        loop {
            let place = namespace.map_or_else(
                || "in all namespaces".to_owned(),
                |namespace| format!("in namespace {namespace}"),
            );
            let page = api.list(&params).await.map_err(|error| {
                self.refusal(&error, &format!("list {} {place}", resource.plural))
            })?;
            for item in page.items {
                found.push(typed(&resource, item)?);
            }
            params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if params.continue_token.is_none() {
                return Ok(found);
            }
        }
    }

    /// One object, if it is there.
    pub(super) async fn get<K: Resource<DynamicType = ()>>(
        &self,
        name: &ObjectName,
    ) -> anyhow::Result<Option<Value>> {
        let resource = ApiResource::erase::<K>(&());
        let found = self
            .api(&resource, Some(&name.namespace))
            .get_opt(&name.name)
            .await
            .map_err(|error| self.refusal(&error, &format!("read {} {name}", resource.kind)))?;
        found.map(|object| typed(&resource, object)).transpose()
    }

    /// Creates an object.
    pub(super) async fn create<K: Resource<DynamicType = ()>>(
        &self,
        namespace: &str,
        object: &Value,
    ) -> anyhow::Result<()> {
        let resource = ApiResource::erase::<K>(&());
        let object: DynamicObject = serde_json::from_value(object.clone())?;
        let params =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        self.api(&resource, Some(namespace)).create(&params, &object).await.map_err(|error| {
            let doing = format!("create a {} in namespace {namespace}", resource.kind);
            self.refusal(&error, &doing)
        })?;
        Ok(())
    }

    /// Changes some fields of an object.
    pub(super) async fn change<K: Resource<DynamicType = ()>>(
        &self,
        name: &ObjectName,
        fields: &Value,
    ) -> anyhow::Result<()> {
        let resource = ApiResource::erase::<K>(&());
        let params =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        self.api(&resource, Some(&name.namespace))
            .patch(&name.name, &params, &Patch::Merge(fields))
            .await
            .map_err(|error| self.refusal(&error, &format!("change {} {name}", resource.kind)))?;
        Ok(())
    }

    /// Who the API server takes us for. Not every one says.
    pub(super) async fn user(&self) -> Option<String> {
        let api: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let review =
            api.create(&PostParams::default(), &SelfSubjectReview::default()).await.ok()?;
        review.status?.user_info?.username
    }

    fn api(&self, resource: &ApiResource, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace {
            // Objects outside namespaces have an empty one.
            None | Some("") => Api::all_with(self.client.clone(), resource),
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
        }
    }

    fn refusal(&self, error: &kube::Error, doing: &str) -> anyhow::Error {
        let kube::Error::Api(status) = error else {
            return anyhow!(root_cause(error))
                .context(format!("the API server at {} cannot be reached", self.server));
        };
        let server = &self.server;
        let advice = match status.code {
            401 => format!("the API server at {server} does not know you; sign in again"),
            403 if status.message.contains(kuma_api::kinds::GROUP) => format!(
                "you may not {doing}; docs/kubernetes/rbac.md has roles for people \
                 (components/people)"
            ),
            403 => format!("you may not {doing}"),
            404 => format!(
                "the cluster at {server} has no KubeKuma kinds, or not these; install them with \
                 `kubekuma crds | kubectl apply --server-side -f -`"
            ),
            409 => format!("cannot {doing}: it was made or changed at the same time; try again"),
            410 => format!("cannot {doing}: the list changed too fast; try again"),
            _ => format!("cannot {doing}"),
        };
        anyhow!("the API server says: {}", status.message).context(advice)
    }
}

/// The namespace that is meant where none is named; reads the kubeconfig only if it has to.
pub(super) async fn namespace(shared: &Shared) -> anyhow::Result<String> {
    match &shared.namespace {
        Some(namespace) => Ok(namespace.clone()),
        None => Ok(config(shared).await?.default_namespace),
    }
}

async fn config(shared: &Shared) -> anyhow::Result<Config> {
    let options = KubeConfigOptions { context: shared.context.clone(), ..Default::default() };
    if let Some(path) = &shared.kubeconfig {
        let file = Kubeconfig::read_from(path).map_err(|error| unusable(&error))?;
        return Config::from_custom_kubeconfig(file, &options)
            .await
            .map_err(|error| unusable(&error));
    }
    let error = match Config::from_kubeconfig(&options).await {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    // Without a kubeconfig this may be a pod.
    if shared.context.is_none()
        && let Ok(config) = Config::incluster()
    {
        return Ok(config);
    }
    Err(unusable(&error))
}

/// Why a kubeconfig does not do, without the text around the place: a token may stand there.
fn unusable(error: &KubeconfigError) -> anyhow::Error {
    let why = error.to_string();
    let why = why.lines().next().unwrap_or_default();
    match error {
        KubeconfigError::ReadConfig(error, path) => anyhow!(error.to_string()).context(format!(
            "the kubeconfig {} cannot be read; name one with --kubeconfig or KUBECONFIG",
            path.display()
        )),
        KubeconfigError::LoadContext(context) => anyhow!(
            "the kubeconfig has no context `{context}`; `kubectl config get-contexts` lists them"
        ),
        KubeconfigError::CurrentContextNotSet => {
            anyhow!("the kubeconfig has no current context; name one with --context")
        }
        _ => anyhow!("{why}").context("the kubeconfig cannot be used"),
    }
}

/// Lists leave out of their items what they say once for all.
fn typed(resource: &ApiResource, object: DynamicObject) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(object)?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("apiVersion".to_owned(), resource.api_version.clone().into());
        fields.insert("kind".to_owned(), resource.kind.clone().into());
    }
    Ok(value)
}

/// The innermost error: what a connection failed of, without the layers around it.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}
