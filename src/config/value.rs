//! From what stands in the file or the environment to a typed value, or a sentence saying why not.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use toml::de::DeValue;
use url::Url;

use super::duration::{no_unit, parse_duration, show_duration};

/// A value before it has a type.
#[derive(Clone, Hash)]
pub(super) enum Raw {
    /// Of the environment: everything is text there.
    Env(String),
    Text(String),
    /// Beyond i128 it saturates, which no type accepts.
    Integer(i128),
    Boolean(bool),
    List(Vec<Raw>),
    /// A table without keys, or a type that no setting has (a date, a fraction).
    Other(&'static str),
}

impl Raw {
    pub(super) fn from_toml(value: &DeValue<'_>) -> Raw {
        match value {
            DeValue::String(text) => Raw::Text(text.to_string()),
            DeValue::Integer(n) => Raw::Integer(i128::from_str_radix(n.as_str(), n.radix()).unwrap_or(i128::MAX)),
            DeValue::Boolean(b) => Raw::Boolean(*b),
            DeValue::Array(items) => Raw::List(items.iter().map(|item| Raw::from_toml(item.get_ref())).collect()),
            DeValue::Float(_) => Raw::Other("a fraction"),
            DeValue::Datetime(_) => Raw::Other("a date"),
            DeValue::Table(_) => Raw::Other("a table"),
        }
    }

    /// The empty text means "not set": compose files and units pass empty variables on.
    pub(super) fn is_empty_text(&self) -> bool {
        matches!(self, Raw::Env(text) | Raw::Text(text) if text.trim().is_empty())
    }

    /// Never the value itself: it may be a secret that stands under the wrong key.
    fn kind(&self) -> &'static str {
        match self {
            Raw::Env(_) | Raw::Text(_) => "text",
            Raw::Integer(_) => "a number",
            Raw::Boolean(_) => "true or false",
            Raw::List(_) => "a list",
            Raw::Other(kind) => kind,
        }
    }

    fn text(&self, expected: &str) -> Result<&str, String> {
        match self {
            Raw::Env(text) | Raw::Text(text) => Ok(text.trim()),
            other => Err(mismatch(expected, other)),
        }
    }
}

fn mismatch(expected: &str, found: &Raw) -> String {
    format!("expected {expected}, found {}", found.kind())
}

/// A type that a setting can have.
pub(super) trait FromRaw: Sized {
    /// The sentence returned says what is wrong and how to write it; it follows `section.key: `.
    fn from_raw(raw: &Raw) -> Result<Self, String>;

    /// The value for people, never a secret.
    fn shown(&self) -> String;
}

/// What stands for a secret.
pub(super) const SET: &str = "(set)";
/// How Stripe's secrets begin; one that stands under the wrong key is not shown either.
const LIKE_SECRETS: [&str; 4] = ["sk_", "rk_", "whsec_", "-----BEGIN"];

impl FromRaw for String {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        raw.text("text in quotes").map(str::to_owned)
    }

    fn shown(&self) -> String {
        match LIKE_SECRETS.iter().any(|start| self.starts_with(start)) {
            true => "(looks like a secret)".to_owned(),
            false => self.clone(),
        }
    }
}

impl FromRaw for SecretString {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        raw.text("text in quotes").map(SecretString::from)
    }

    fn shown(&self) -> String {
        SET.to_owned()
    }
}

impl FromRaw for PathBuf {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        raw.text("a path in quotes").map(PathBuf::from)
    }

    fn shown(&self) -> String {
        self.display().to_string()
    }
}

impl FromRaw for SocketAddr {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        let expected = "an IP address and a port, such as \"127.0.0.1:8080\"";
        let text = raw.text(expected)?;
        text.parse().map_err(|_| format!("\"{text}\" is not {expected}"))
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl FromRaw for Url {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        let expected = "a URL, such as \"https://api.stripe.com\"";
        // The text is not repeated: a URL may carry a password.
        Url::parse(raw.text(expected)?).map_err(|why| format!("is not {expected}: {why}"))
    }

    fn shown(&self) -> String {
        match self.username().is_empty() && self.password().is_none() && self.query().is_none() {
            true => self.to_string(),
            false => SET.to_owned(),
        }
    }
}

impl FromRaw for Duration {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Integer(n) => Err(no_unit(n)),
            other => parse_duration(other.text("a duration with its unit, such as \"72h\"")?),
        }
    }

    fn shown(&self) -> String {
        show_duration(*self)
    }
}

impl FromRaw for bool {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Boolean(b) => Ok(*b),
            Raw::Env(text) if text.trim() == "true" => Ok(true),
            Raw::Env(text) if text.trim() == "false" => Ok(false),
            other => Err(mismatch("true or false", other)),
        }
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl FromRaw for i128 {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Integer(n) => Ok(*n),
            Raw::Env(text) => text.trim().parse().map_err(|_| mismatch("a whole number", raw)),
            other => Err(mismatch("a whole number", other)),
        }
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl FromRaw for i64 {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        i64::try_from(i128::from_raw(raw)?).map_err(|_| "is more than any amount can be (64 bits)".to_owned())
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl<T: FromRaw> FromRaw for Vec<T> {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::List(items) => items.iter().map(T::from_raw).collect(),
            Raw::Env(text) => text
                .split([',', '\n'])
                .filter(|part| !part.trim().is_empty())
                .map(|part| T::from_raw(&Raw::Env(part.to_owned())))
                .collect(),
            other => Err(mismatch("a list, such as [\"one\", \"two\"]", other)),
        }
    }

    fn shown(&self) -> String {
        let items: Vec<String> = self.iter().map(T::shown).collect();
        if items.is_empty() { "none".to_owned() } else { items.join(", ") }
    }
}

/// Gives a closed set of words its `FromRaw`, its words and its complaint.
macro_rules! words {
    ($t:ty { $($word:literal => $variant:expr),+ $(,)? }) => {
        impl $crate::config::value::FromRaw for $t {
            fn from_raw(raw: &$crate::config::value::Raw) -> Result<Self, String> {
                let expected = concat!("one of", $(" \"", $word, "\""),+);
                let text = <String as $crate::config::value::FromRaw>::from_raw(raw).map_err(|_| format!("expected {expected}"))?;
                match text.as_str() {
                    $($word => Ok($variant),)+
                    _ => Err(format!("expected {expected}")),
                }
            }

            fn shown(&self) -> String {
                match self { $(value if *value == $variant => $word,)+ _ => "" }.to_owned()
            }
        }
    };
}
pub(super) use words;
