//! Where the database is, and opening it for commands that only read.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use kuma_core::ports::Store;
use kuma_core::shard::MemberId;
use kuma_store::{DatabaseUrl, PostgresOptions, PostgresStore, SqliteStore};

use crate::clock::SystemClock;

/// The database of a command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Database {
    /// Where history is kept: `sqlite:./kubekuma.db`, `sqlite:/path`, or `postgres://…` for
    /// several instances that share it.
    #[arg(
        long = "database",
        env = "DATABASE_URL",
        default_value = "sqlite:./kubekuma.db",
        value_name = "URL",
        hide_env_values = true
    )]
    url: String,
}

impl Database {
    #[cfg(test)]
    pub(crate) fn at(path: &std::path::Path) -> Self {
        Self { url: format!("sqlite:{}", path.display()) }
    }

    /// Where it is.
    ///
    /// # Errors
    /// Says what is accepted.
    pub(crate) fn location(&self) -> anyhow::Result<DatabaseUrl> {
        Ok(self.url.parse()?)
    }

    /// The file of a SQLite URL, for commands that look into files.
    ///
    /// # Errors
    /// Says what is accepted.
    pub(crate) fn path(&self) -> anyhow::Result<PathBuf> {
        match self.location()? {
            DatabaseUrl::Sqlite(path) => Ok(path),
            DatabaseUrl::Postgres(_) => bail!(
                "this command reads SQLite files only; `status` and `incidents` read PostgreSQL too, and \
                 psql finds the same views there (docs/postgresql.md)"
            ),
        }
    }

    /// Opens an existing database for reading, beside a running `serve`.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn open_read_only(&self) -> anyhow::Result<Arc<dyn Store>> {
        let url = match self.location()? {
            DatabaseUrl::Sqlite(_) => return Ok(Arc::new(self.open_file().await?)),
            DatabaseUrl::Postgres(url) => url,
        };
        let options = PostgresOptions {
            url,
            clock: Arc::new(SystemClock::start()),
            product_version: env!("CARGO_PKG_VERSION").to_owned(),
            // It takes part in nothing.
            member: MemberId(String::new()),
        };
        let store = PostgresStore::open_read_only(options).await;
        Ok(Arc::new(store.context(
            "the database cannot be opened; check that the server runs and that --database names it",
        )?))
    }

    /// Opens an existing SQLite file for reading, beside a running `serve`.
    ///
    /// # Errors
    /// When there is none, and for another database.
    pub(crate) async fn open_file(&self) -> anyhow::Result<SqliteStore> {
        let path = self.path()?;
        if !path.exists() {
            bail!(
                "there is no database at {}; start `kubekuma serve` first, or name it with --database",
                path.display()
            );
        }
        SqliteStore::open_read_only(path.clone(), Arc::new(SystemClock::start()))
            .await
            .with_context(|| format!("{} cannot be opened", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_urls_are_read_as_documented() {
        let path =
            |url: &str| Database { url: url.to_owned() }.path().map(|p| p.display().to_string());
        assert_eq!(path("sqlite:./kubekuma.db").unwrap(), "./kubekuma.db");
        assert_eq!(path("sqlite:/data/kubekuma.db").unwrap(), "/data/kubekuma.db");
        assert_eq!(path("sqlite:///data/kubekuma.db").unwrap(), "/data/kubekuma.db");
        assert!(path("mysql://x").unwrap_err().to_string().contains("sqlite:"));
        // Not what is wrong with the URL, but what reads it.
        let postgres = path("postgres://kuma@db.example/kuma").unwrap_err().to_string();
        assert!(postgres.contains("reads SQLite files only"), "{postgres}");
        assert!(postgres.contains("`status` and `incidents`"), "{postgres}");
        assert!(path("sqlite:").is_err());
    }
}
