//! A request as handlers see it: who asks, for what, with which parameters. It has been let in, and is of a known shape.

use std::fmt;

use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::fields::{Fields, Query, wrong};
use super::scope::{Access, Scope};
use crate::domain::ids::MentorId;
use crate::http::error::ErrorAnswer;

const ROWS: i64 = 50;
const MOST_ROWS: i64 = 100;

/// Who asks.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) subject: String,
    pub(super) scopes: Vec<Scope>,
}

impl Caller {
    pub(super) fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Who it is on record.
    pub(super) fn actor(&self) -> String {
        format!("api:{}", self.subject)
    }
}

/// For the log, where no address is spelled out.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject.split_once('@') {
            Some((name, host)) => write!(f, "{}…@{host}", name.chars().next().unwrap_or('…')),
            None => f.write_str(&self.subject),
        }
    }
}

/// A request.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) now: DateTime<Utc>,
    /// The `{id}` of the path.
    pub(super) id: String,
    pub(super) query: Query,
    pub(super) fields: Fields,
    /// The `Idempotency-Key`; every write has one.
    pub(super) key: String,
}

impl Call {
    /// The key as it is kept: two subjects, or two kinds of write, never have one by accident.
    pub(super) fn kept_key(&self, kind: &str) -> String {
        format!("api:{}:{kind}:{}", utf8_percent_encode(&self.caller.subject, NON_ALPHANUMERIC), self.key)
    }

    pub(super) fn mentor(&self) -> MentorId {
        MentorId::new(&self.id)
    }

    /// How many rows a page is to have.
    pub(super) fn limit(&self) -> Result<i64, ErrorAnswer> {
        let limit = self.query.number("limit")?.unwrap_or(ROWS);
        match limit {
            1..=MOST_ROWS => Ok(limit),
            _ => Err(wrong("limit", format!("must be from 1 to {MOST_ROWS}"))),
        }
    }

    /// Where the page before ended.
    pub(super) fn after<T>(&self, list: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, ErrorAnswer> {
        let Some(cursor) = self.query.text("cursor") else { return Ok(None) };
        let place = super::cursor::key_in(cursor, list).and_then(|key| read(&key));
        place.map(Some).ok_or_else(|| wrong("cursor", "is not one that this list gave: leave it out to begin anew"))
    }

    /// Whether this caller may ask. What is refused says nothing about what there is.
    pub(super) fn allowed(caller: &Caller, access: Access, id: &str) -> Result<(), String> {
        let needed = |scope: Scope| Err(format!("this needs a token with the scope {scope}"));
        let admin = caller.has(Scope::AdminRead);
        match access {
            Access::Anybody => Ok(()),
            Access::AdminRead if !admin => needed(Scope::AdminRead),
            Access::AdminWrite if !caller.has(Scope::AdminWrite) => needed(Scope::AdminWrite),
            Access::AdminRead | Access::AdminWrite => Ok(()),
            Access::Reader | Access::OwnMentor if admin => Ok(()),
            Access::Reader | Access::OwnMentor if !caller.has(Scope::MentorRead) => {
                Err(format!("this needs a token with the scope {} or {}", Scope::MentorRead, Scope::AdminRead))
            }
            Access::OwnMentor if caller.subject != id => Err(of_another()),
            Access::Reader | Access::OwnMentor => Ok(()),
        }
    }
}

/// What a mentor hears who asks about another, whether there is such a one or not.
pub(super) fn of_another() -> String {
    format!("{} is for the token's own subject; for others it needs the scope {}", Scope::MentorRead, Scope::AdminRead)
}
