//! Opens the store that a URL names.

use std::sync::Arc;

use anyhow::Context as _;
use kuma_core::ports::{Membership, Store, StoreError};
use kuma_core::shard::MemberId;
use kuma_core::stats::Stats;
use kuma_store::{DatabaseUrl, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore};

use crate::clock::SystemClock;

/// An open store.
#[derive(Clone)]
pub struct Storage {
    /// History and state.
    pub store: Arc<dyn Store>,
    /// Its numbers.
    pub stats: Arc<dyn Stats>,
    /// Who takes part, on a store that several processes can share.
    pub membership: Option<Arc<dyn Membership>>,
}

/// Opens a store; makes it where there is none.
///
/// # Errors
/// Says what is wrong and what to do about it.
pub(crate) async fn open(
    url: &DatabaseUrl,
    member: MemberId,
    clock: SystemClock,
) -> anyhow::Result<Storage> {
    let (clock, product_version) = (Arc::new(clock), env!("CARGO_PKG_VERSION").to_owned());
    match url {
        DatabaseUrl::Sqlite(path) => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                anyhow::ensure!(
                    folder.is_dir(),
                    "there is no folder {} for the database; make it, or name another with --database",
                    folder.display()
                );
            }
            let options = SqliteOptions { path: path.clone(), clock, product_version };
            let store = SqliteStore::open(options).await.map_err(|error| {
                let what_to_do = match error {
                    StoreError::Damaged(_) => {
                        ": restore a backup of it, or move it away (with -wal and -shm) to begin anew"
                    }
                    _ => "",
                };
                let at = path.display();
                anyhow::Error::from(error)
                    .context(format!("the database {at} cannot be opened{what_to_do}"))
            })?;
            let store = Arc::new(store);
            Ok(Storage { store: store.clone(), stats: store, membership: None })
        }
        DatabaseUrl::Postgres(url) => {
            let options = PostgresOptions { url: url.clone(), clock, product_version, member };
            let store = PostgresStore::open(options)
                .await
                .with_context(|| format!("the database {url} cannot be opened"))?;
            let store = Arc::new(store);
            Ok(Storage { store: store.clone(), stats: store.clone(), membership: Some(store) })
        }
    }
}
