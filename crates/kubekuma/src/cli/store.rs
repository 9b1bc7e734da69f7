//! Where the database is, and opening it for commands that only read.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use kuma_store::SqliteStore;

use crate::clock::SystemClock;

/// The database of a command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Database {
    /// Where history is kept: `sqlite:./kubekuma.db` or `sqlite:/path`.
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

    /// The file of a SQLite URL.
    ///
    /// # Errors
    /// Says what is accepted.
    pub(crate) fn path(&self) -> anyhow::Result<PathBuf> {
        if self.url.starts_with("postgres://") || self.url.starts_with("postgresql://") {
            bail!(
                "this build stores in SQLite only; set DATABASE_URL to sqlite:./kubekuma.db or another path"
            );
        }
        let path = self.url.strip_prefix("sqlite:").with_context(|| {
            format!("`{}` is no database URL; it should look like sqlite:./kubekuma.db", self.url)
        })?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            bail!("`{}` names no file; it should look like sqlite:./kubekuma.db", self.url);
        }
        Ok(PathBuf::from(path))
    }

    /// Opens an existing database for reading, beside a running `serve`.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn open_read_only(&self) -> anyhow::Result<SqliteStore> {
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
        assert!(path("postgres://x").is_err());
        assert!(path("sqlite:").is_err());
    }
}
