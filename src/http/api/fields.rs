//! What a request says, read strictly: each thing once, none that is not known, each of its kind. Whatever is wrong is
//! answered by its name and with the fix.

use std::collections::BTreeMap;
use std::fmt;

use axum::http::StatusCode;
use chrono::{DateTime, SubsecRound, Utc};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use crate::http::error::ErrorAnswer;

/// Longer words are not read by anybody.
const MOST_CHARS: usize = 1_000;

/// The parameters of a query.
#[derive(Debug, Default)]
pub(super) struct Query(BTreeMap<String, String>);

/// The fields of a body.
#[derive(Debug, Default)]
pub(super) struct Fields(BTreeMap<String, Value>);

pub(super) fn wrong(field: &str, message: impl fmt::Display) -> ErrorAnswer {
    ErrorAnswer::new(StatusCode::BAD_REQUEST, "invalid_field", format!("`{field}` {message}")).about(field)
}

pub(super) fn missing(field: &str, message: &str) -> ErrorAnswer {
    ErrorAnswer::new(StatusCode::BAD_REQUEST, "missing_field", format!("`{field}` is missing: {message}")).about(field)
}

fn unknown(field: &str, known: &[&str]) -> ErrorAnswer {
    let shown: String = field.chars().take(64).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let message = format!("`{shown}` is not known here; what can be given: {known}");
    ErrorAnswer::new(StatusCode::BAD_REQUEST, "unknown_field", message).about(shown)
}

/// Text that both databases take.
fn storable(field: &str, text: &str) -> Result<String, ErrorAnswer> {
    if text.contains('\0') {
        return Err(wrong(field, "has a NUL character"));
    }
    match text.char_indices().nth(MOST_CHARS) {
        Some(_) => Err(wrong(field, format!("is longer than {MOST_CHARS} characters"))),
        None => Ok(text.to_owned()),
    }
}

impl Query {
    pub(super) fn read(query: &str, known: &[&str]) -> Result<Self, ErrorAnswer> {
        let mut read = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(unknown(&name, known));
            }
            if read.insert(name.to_string(), storable(&name, &value)?).is_some() {
                return Err(wrong(&name, "is given twice"));
            }
        }
        Ok(Self(read))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, ErrorAnswer> {
        let read = |text: &str| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|_| whole);
            number.ok_or_else(|| wrong(name, "must be a whole number, of minor units where it is an amount"))
        };
        self.text(name).map(read).transpose()
    }
}

impl Fields {
    pub(super) fn read(body: &[u8], known: &[&str]) -> Result<Self, ErrorAnswer> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let fields: Self = serde_json::from_slice(body).map_err(|why| {
            let message = format!("the body is not a JSON object: {why}");
            ErrorAnswer::new(StatusCode::BAD_REQUEST, "invalid_json", message)
        })?;
        match fields.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(unknown(name, known)),
            None => Ok(fields),
        }
    }

    /// `null` says nothing.
    fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ErrorAnswer> {
        let text = |value: &Value| {
            let text = value.as_str().ok_or_else(|| wrong(name, "must be a text"))?;
            storable(name, text)
        };
        self.value(name).map(text).transpose()
    }

    /// Words that must be given.
    pub(super) fn words(&self, name: &str, why: &str) -> Result<String, ErrorAnswer> {
        let text = self.text(name)?.map(|text| text.trim().to_owned());
        text.filter(|text| !text.is_empty()).ok_or_else(|| missing(name, why))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, ErrorAnswer> {
        let flag = |value: &Value| value.as_bool().ok_or_else(|| wrong(name, "must be true or false"));
        Ok(self.value(name).map(flag).transpose()?.unwrap_or(false))
    }

    /// An amount in minor units, as it was written: it may be less than nothing.
    pub(super) fn amount(&self, name: &str) -> Result<Option<i64>, ErrorAnswer> {
        let amount = |value: &Value| {
            let whole = "must be a whole number of minor units (1250 is 12.50 USD)";
            match value {
                Value::Number(number) => number
                    .as_i64()
                    .ok_or_else(|| wrong(name, format!("{whole}, without a fraction or exponent, up to {}", i64::MAX))),
                _ => Err(wrong(name, format!("{whole}, as a JSON number"))),
            }
        };
        self.value(name).map(amount).transpose()
    }

    pub(super) fn time(&self, name: &str) -> Result<Option<DateTime<Utc>>, ErrorAnswer> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let at = DateTime::parse_from_rfc3339(&text);
        let at = at.map_err(|_| wrong(name, "must be a time such as 2026-11-21T15:00:00Z"))?;
        Ok(Some(at.to_utc().trunc_subsecs(3)))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EachOnce)
    }
}

/// A name that is given twice would mean one thing to us and another to whoever reads the log.
struct EachOnce;

impl<'de> Visitor<'de> for EachOnce {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format_args!("`{}` is given twice", name.escape_debug())));
            }
            fields.insert(name, value);
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Result<Fields, ErrorAnswer> {
        Fields::read(body.as_bytes(), &["amount", "reason", "by_policy", "at"])
    }

    #[test]
    fn amounts_are_whole_numbers_of_minor_units() {
        for (written, read) in [
            ("1250", Ok(Some(1250))),
            ("-5", Ok(Some(-5))),
            ("0", Ok(Some(0))),
            ("null", Ok(None)),
            ("9223372036854775807", Ok(Some(i64::MAX))),
            ("9223372036854775808", Err("up to 9223372036854775807")),
            ("99999999999999999999999", Err("without a fraction")),
            ("12.50", Err("without a fraction")),
            ("12.0", Err("without a fraction")),
            ("1e3", Err("without a fraction")),
            ("\"1250\"", Err("as a JSON number")),
            ("true", Err("as a JSON number")),
            ("[1250]", Err("as a JSON number")),
        ] {
            let amount = fields(&format!("{{\"amount\": {written}}}")).unwrap().amount("amount");
            match (amount, read) {
                (Ok(amount), Ok(read)) => assert_eq!(amount, read, "{written}"),
                (Err(error), Err(words)) => assert!(format!("{error:?}").contains(words), "{written}: {error:?}"),
                (amount, _) => panic!("{written}: {amount:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_known_or_given_twice_is_refused_by_name() {
        for (body, code, words) in [
            ("{\"amont\": 5}", "unknown_field", "`amont` is not known here; what can be given: amount"),
            ("{\"amount\": 5, \"amount\": 6}", "invalid_json", "`amount` is given twice"),
            ("[]", "invalid_json", "expected an object"),
            ("5", "invalid_json", "expected an object"),
            ("{\"amount\": 5", "invalid_json", "EOF"),
            ("{\"amount\": 5} x", "invalid_json", "trailing"),
            ("\u{feff}{}", "invalid_json", "JSON"),
        ] {
            let error = fields(body).unwrap_err();
            assert_eq!(error.code(), code, "{body}");
            assert!(format!("{error:?}").contains(words), "{body}: {error:?}");
        }
        assert!(fields("").is_ok());
    }

    #[test]
    fn words_flags_and_times() {
        let error = |body: &str, read: fn(&Fields) -> Result<(), ErrorAnswer>| {
            format!("{:?}", read(&fields(body).unwrap()).unwrap_err())
        };
        let words = |f: &Fields| f.words("reason", "say why").map(|_| ());
        assert!(error("{}", words).contains("missing"));
        assert!(error("{\"reason\": \" \"}", words).contains("missing"));
        assert!(error("{\"reason\": \"a\\u0000b\"}", words).contains("NUL"));
        assert!(error("{\"reason\": 5}", words).contains("must be a text"));
        assert!(error(&format!("{{\"reason\": \"{}\"}}", "é".repeat(1_001)), words).contains("longer than 1000"));
        assert!(error("{\"by_policy\": \"true\"}", |f| f.flag("by_policy").map(|_| ())).contains("true or false"));
        assert!(error("{\"at\": \"today\"}", |f| f.time("at").map(|_| ())).contains("2026-11-21T15:00:00Z"));
        let at = fields("{\"at\": \"2026-11-21T16:00:00.1239+01:00\"}").unwrap().time("at").unwrap();
        assert_eq!(at.unwrap().to_rfc3339(), "2026-11-21T15:00:00.123+00:00");
    }

    #[test]
    fn queries_are_read_as_strictly() {
        let read = |query: &str| Query::read(query, &["limit", "mentor"]);
        assert_eq!(read("limit=5&mentor=a%20b").unwrap().text("mentor"), Some("a b"));
        assert_eq!(read("limit=5").unwrap().number("limit").unwrap(), Some(5));
        for limit in ["", "+5", "5.0", "five", "99999999999999999999", "-", " 5"] {
            let query = Query(BTreeMap::from([("limit".to_owned(), limit.to_owned())]));
            assert!(query.number("limit").is_err(), "{limit}");
        }
        assert_eq!(read("limit=1&limit=2").unwrap_err().code(), "invalid_field");
        assert_eq!(read("page=1").unwrap_err().code(), "unknown_field");
        assert_eq!(read("mentor=%00").unwrap_err().code(), "invalid_field");
    }
}
