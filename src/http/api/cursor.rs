//! Where a page of a list ended, as callers hold it: opaque to them, and good for the list that gave it alone.

/// Of a list, after the row with this key.
pub(super) fn of(list: &str, key: &str) -> String {
    format!("{list}:{key}").bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The key, where it is this list's cursor.
pub(super) fn key_in(cursor: &str, list: &str) -> Option<String> {
    let digits = cursor.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    let text = String::from_utf8(bytes?).ok()?;
    Some(text.strip_prefix(list)?.strip_prefix(':')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_nothing_else_does() {
        let cursor = of("history", "42:usd");
        assert_eq!(key_in(&cursor, "history").as_deref(), Some("42:usd"));
        for (other, list) in
            [(cursor.as_str(), "payments"), ("", "history"), ("42", "history"), ("é1", "history"), ("ff", "history")]
        {
            assert_eq!(key_in(other, list), None, "{other} of {list}");
        }
    }
}
