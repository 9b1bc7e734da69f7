//! Where the database is, as people write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// What is understood, for messages.
const ACCEPTED: &str = "sqlite:./kubekuma.db or postgres://user:password@host:5432/database";

/// The database of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A SQLite file: `sqlite:./kubekuma.db`, `sqlite:/path`, `sqlite:///path`.
    Sqlite(PathBuf),
    /// A PostgreSQL database: `postgres://…` or `postgresql://…`.
    Postgres(PostgresUrl),
}

/// The URL of a PostgreSQL database. Neither its text nor its errors show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

/// A text that names no database. Holds nothing of the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Neither SQLite nor PostgreSQL.
    #[error("the database URL begins with `{0}`; it should look like {ACCEPTED}")]
    Scheme(String),
    /// No scheme at all.
    #[error("this is no database URL; it should look like {ACCEPTED}")]
    NoScheme,
    /// `sqlite:` and nothing.
    #[error("the database URL names no file; it should look like sqlite:./kubekuma.db")]
    NoFile,
    /// Not understood.
    #[error(
        "the PostgreSQL URL cannot be read ({0}); it should look like \
         postgres://user:password@host:5432/database?sslmode=verify-full, with characters such as \
         @ : / ? # % in user name and password written as %40 %3A %2F %3F %23 %25"
    )]
    Postgres(String),
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let (scheme, rest) = text.split_once(':').ok_or(DatabaseUrlError::NoScheme)?;
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() {
                    return Err(DatabaseUrlError::NoFile);
                }
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            "postgres" | "postgresql" => Ok(Self::Postgres(text.parse()?)),
            _ => Err(scheme_error(scheme)),
        }
    }
}

/// Shows a scheme only where it is one: what was forgotten before the colon may be a secret.
fn scheme_error(scheme: &str) -> DatabaseUrlError {
    const OTHERS: [&str; 7] =
        ["mysql", "mariadb", "mongodb", "redis", "http", "https", "cockroachdb"];
    if OTHERS.contains(&scheme) {
        DatabaseUrlError::Scheme(format!("{scheme}:"))
    } else {
        DatabaseUrlError::NoScheme
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl FromStr for PostgresUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let url = Self(text.to_owned());
        url.options()?;
        Ok(url)
    }
}

impl PostgresUrl {
    /// What the URL says, and what `PGPASSWORD`, `PGUSER` and the like say where it says nothing.
    ///
    /// # Errors
    /// [`DatabaseUrlError::Postgres`].
    pub(crate) fn options(&self) -> Result<PgConnectOptions, DatabaseUrlError> {
        self.0.parse().map_err(|error: sqlx::Error| {
            let why = match error {
                sqlx::Error::Configuration(why) => why.to_string(),
                other => other.to_string(),
            };
            DatabaseUrlError::Postgres(self.without_secret(&why))
        })
    }

    /// A text about this URL without what stands between the first `:` of user and password and
    /// the last `@`.
    fn without_secret(&self, text: &str) -> String {
        match self.secret() {
            Some(secret) if !secret.is_empty() => text.replace(secret, "…"),
            _ => text.to_owned(),
        }
    }

    fn secret(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once("://")?;
        let (credentials, _) = rest.rsplit_once('@')?;
        credentials.split_once(':').map(|(_, password)| password)
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(options) = self.options() else {
            return f.write_str("postgres://…");
        };
        write!(f, "postgres://{}@", options.get_username())?;
        match options.get_socket() {
            Some(socket) => write!(f, "{}", socket.display())?,
            None => write!(f, "{}:{}", options.get_host(), options.get_port())?,
        }
        write!(f, "/{}", options.get_database().unwrap_or_else(|| options.get_username()))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        text.parse::<DatabaseUrl>().map(|url| url.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn urls_of_both_databases_are_read_as_documented() {
        assert_eq!(parse("sqlite:./kubekuma.db").unwrap(), "sqlite:./kubekuma.db");
        assert_eq!(parse("sqlite:/data/kubekuma.db").unwrap(), "sqlite:/data/kubekuma.db");
        assert_eq!(parse("sqlite:///data/kubekuma.db").unwrap(), "sqlite:/data/kubekuma.db");
        for scheme in ["postgres", "postgresql"] {
            let url = format!("{scheme}://kuma:s3cret@db.example:5433/history?sslmode=require");
            assert_eq!(parse(&url).unwrap(), "postgres://kuma@db.example:5433/history");
        }
        let socket = "postgres://kuma@%2Frun%2Fpostgresql/history";
        assert_eq!(parse(socket).unwrap(), "postgres://kuma@/run/postgresql/history");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (text, says) in [
            ("mysql://root:hunter2@x/y", "begins with `mysql:`"),
            ("hunter2", "no database URL"),
            ("hunter2://x", "no database URL"),
            ("sqlite:", "names no file"),
            ("postgres://kuma:hunter2/x@host:99999/db", "cannot be read"),
            ("postgres://kuma:hunter2@host:port/db", "cannot be read"),
            ("postgres://kuma:hunter2@host/db?sslmode=sometimes", "sslmode"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn neither_text_nor_debug_shows_the_password() {
        let url: DatabaseUrl = "postgres://kuma:hunter2@h/db".parse().unwrap();
        assert!(!format!("{url} {url:?}").contains("hunter2"));
    }
}
