//! The `Authorization` header: one, with one token in it. It judges no token.

use axum::http::{HeaderMap, header};

/// The one token of the one `Authorization` header; the scheme's case does not matter (RFC 9110, 11.1).
pub(in crate::http) fn bearer(headers: &HeaderMap) -> Result<&str, String> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| "the Authorization header is no text")?,
        (None, _) => return Err("there is no Authorization header".into()),
        (Some(_), Some(_)) => return Err("there are several Authorization headers".into()),
    };
    let (scheme, token) = value.split_once(' ').ok_or("the Authorization header has no token")?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains([' ', ',']) {
        return Err("the Authorization header is not `Bearer` and one token".into());
    }
    Ok(token)
}
