//! Where objects come from: a folder or the API server, with what the store kept of them.

use std::path::PathBuf;
use std::sync::Arc;

use kuma_core::ports::StoredObject;

use super::{Objects, Options, load};
use crate::clock::SystemClock;
use crate::cluster::{InCluster, Listening};
use crate::secrets::{self, LocalSecrets, Secrets};
use crate::source::Source;
use crate::source::files::Files;

/// Where objects come from, and what comes with it.
pub(super) struct Supply {
    pub(super) source: Box<dyn Source>,
    pub(super) secrets: Arc<dyn Secrets>,
    pub(super) cluster: Option<Arc<InCluster>>,
}

/// Gets them from where the options say.
pub(super) async fn supply(
    options: &Options,
    kept: Vec<StoredObject>,
    listening: Option<Listening>,
    clock: SystemClock,
) -> anyhow::Result<Supply> {
    match &options.objects {
        Objects::Folder { roots, secrets_dir } => {
            let last_valid = load::last_valid(kept);
            // What ran before goes on without the folder; where nothing did, the path is a mistake.
            if last_valid.is_empty() {
                refuse(missing_root(options))?;
            }
            Ok(Supply {
                source: Box::new(Files::new(roots.clone(), &options.namespace, last_valid, clock)),
                secrets: Arc::new(LocalSecrets::new(secrets_dir.clone(), secrets::environment())),
                cluster: None,
            })
        }
        Objects::Cluster(cluster) => {
            let listening = listening.unwrap_or_else(|| Listening::begin(cluster, options, clock));
            let (source, secrets, cluster) = listening.adopt(kept).await;
            Ok(Supply {
                source: Box::new(source),
                secrets: Arc::new(secrets),
                cluster: Some(cluster),
            })
        }
    }
}

/// A root that is not there, if one is.
pub(super) fn missing_root(options: &Options) -> Option<&PathBuf> {
    match &options.objects {
        Objects::Folder { roots, .. } => roots.iter().find(|root| !root.exists()),
        Objects::Cluster(_) => None,
    }
}

/// An error that names the root that is missing, if one is.
pub(super) fn refuse(missing: Option<&PathBuf>) -> anyhow::Result<()> {
    missing.map_or(Ok(()), |root| {
        let root = root.display();
        anyhow::bail!("there is no folder or file {root}; name the one that holds your YAML")
    })
}
