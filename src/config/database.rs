//! `[database]`: where the rows are. A password in the URL is shown to nobody.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::reader::Reader;
use super::value::{FromRaw, Raw, words};

/// Where the database is and how it is brought up to date.
#[derive(Debug, Clone)]
pub struct Database {
    /// SQLite file or PostgreSQL server.
    pub url: DatabaseUrl,
    /// Who runs migrations.
    pub migrate: Migrate,
    /// Connections kept open at most.
    pub pool_size: u32,
}

/// Who brings the database up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// The daemon, at start.
    Auto,
    /// A person, with `payoutd migrate`; the daemon refuses to start on an old database.
    Manual,
}
words!(Migrate { "auto" => Migrate::Auto, "manual" => Migrate::Manual });

/// A database URL whose `Debug` and `Display` never show a password.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// An SQLite file.
    Sqlite {
        /// The file, relative to the working directory unless it begins with `/`.
        path: PathBuf,
    },
    /// A PostgreSQL server.
    Postgres {
        /// As it was written, with the password.
        url: SecretString,
    },
}

impl DatabaseUrl {
    /// The embedded database under the state directory.
    pub fn in_state_dir(state_dir: &Path) -> Self {
        DatabaseUrl::Sqlite { path: state_dir.join("payoutd.db") }
    }

    /// Whether the URL gives away what should be kept.
    pub(super) fn has_password(&self) -> bool {
        match self {
            DatabaseUrl::Sqlite { .. } => false,
            DatabaseUrl::Postgres { url } => {
                let url = url.expose_secret();
                let user_info = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
                user_info.is_some_and(|(info, _)| info.contains(':')) || url.contains("password=")
            }
        }
    }

    /// What a driver needs, password included: never log it.
    pub fn expose(&self) -> String {
        match self {
            DatabaseUrl::Sqlite { path } => format!("sqlite://{}", path.display()),
            DatabaseUrl::Postgres { url } => url.expose_secret().to_owned(),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabaseUrl::Sqlite { .. } => f.write_str(&self.expose()),
            DatabaseUrl::Postgres { url } => f.write_str(&redact(url.expose_secret())),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hides what stands between the user's name and the host, and every parameter. It looks for the
/// *last* `@`, so that a password with an unescaped `/`, `:` or `?` is hidden too: better to hide
/// a host than to show half a password.
fn redact(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (user, place) = match rest.rsplit_once('@') {
        Some((user_info, place)) => (user_info.split(':').next(), place),
        None => (None, rest),
    };
    let user = user.map_or(String::new(), |user| format!("{user}:***@"));
    let place = match place.split_once('?') {
        Some((place, _)) => format!("{place}?***"),
        None => place.to_owned(),
    };
    format!("{scheme}://{user}{place}")
}

impl FromRaw for DatabaseUrl {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        let form = "write \"sqlite:///path/to/payoutd.db\" or \"postgres://user:password@host:5432/database\"";
        let url = String::from_raw(raw)?;
        match url.split_once("://") {
            Some(("sqlite", path)) => sqlite(path),
            Some(("postgres" | "postgresql", _)) => postgres(url.clone()),
            _ if url.starts_with("sqlite:") => {
                Err(format!("an SQLite URL begins with sqlite:// and names a file: {form}"))
            }
            _ => Err(format!("is not a database URL: {form}")),
        }
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

fn sqlite(path: &str) -> Result<DatabaseUrl, String> {
    if path.is_empty() || path.contains(":memory:") {
        return Err("an SQLite database must be a file, since what is only in memory is lost: \
             write \"sqlite:///path/to/payoutd.db\""
            .to_owned());
    }
    if path.contains(['?', '#']) {
        return Err("an SQLite URL takes no parameters: write the path alone".to_owned());
    }
    Ok(DatabaseUrl::Sqlite { path: PathBuf::from(path) })
}

fn postgres(url: String) -> Result<DatabaseUrl, String> {
    // The driver's own words are left out: they could quote a part of the password.
    if url.parse::<tokio_postgres::Config>().is_err() {
        return Err("is not a PostgreSQL URL: write \"postgres://user:password@host:5432/database\", \
             with %40 for an @ and %2F for a / in the password"
            .to_owned());
    }
    Ok(DatabaseUrl::Postgres { url: url.into() })
}

impl Database {
    pub(super) fn read(r: &mut Reader, state_dir: &Path) -> Self {
        Database {
            url: r.take("database.url", DatabaseUrl::in_state_dir(state_dir)),
            migrate: r.take("database.migrate", Migrate::Auto),
            // Two: one connection holds the advisory lock of a scheduled singleton while it works.
            pool_size: r.number("database.pool_size", 10, 2..=200),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://payoutd:s3cret@db/pay", "postgres://payoutd:***@db/pay"),
            ("postgres://payoutd@db/pay", "postgres://payoutd:***@db/pay"),
            ("postgres://db/pay?password=s3cret", "postgres://db/pay?***"),
            ("postgres://payoutd:s3@/cret@db/pay", "postgres://payoutd:***@db/pay"),
            ("postgres:///pay", "postgres:///pay"),
        ] {
            assert_eq!(redact(url), shown);
            let url = DatabaseUrl::Postgres { url: url.into() };
            assert_eq!(format!("{url:?} {url}"), format!("{shown} {shown}"));
        }
    }

    #[test]
    fn the_driver_gets_what_was_written() {
        for url in ["sqlite:///srv/p.db", "sqlite://p.db", "postgres://a:b@c/d"] {
            let parsed = DatabaseUrl::from_raw(&Raw::Text(url.to_owned()));
            assert_eq!(parsed.map(|url| url.expose()), Ok(url.to_owned()));
        }
    }
}
