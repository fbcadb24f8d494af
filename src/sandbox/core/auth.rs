//! The secret key: as a bearer token, or as the user name of basic authentication.

use super::error::StripeError;

/// Refuses a request without this key.
pub(super) fn check(header: Option<&str>, secret_key: &str) -> Result<(), StripeError> {
    let Some(header) = header else {
        return Err(unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using \
             Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
                .into(),
        ));
    };
    let basic = format!("Basic {}", base64(format!("{secret_key}:").as_bytes()));
    if header == format!("Bearer {secret_key}") || header == basic {
        return Ok(());
    }
    let given = header.strip_prefix("Bearer ").unwrap_or_default();
    Err(unauthorized(format!("Invalid API Key provided: {}", masked(given))))
}

fn unauthorized(text: String) -> StripeError {
    StripeError::before_execution(401, None, text)
}

/// The kind of key and its last four characters.
fn masked(key: &str) -> String {
    let characters: Vec<char> = key.chars().collect();
    let shown = |c: &[char]| c.iter().collect::<String>();
    match characters.len() {
        0..=12 => "*".repeat(characters.len()),
        length => format!("{}{}{}", shown(&characters[..8]), "*".repeat(length - 12), shown(&characters[length - 4..])),
    }
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = ALPHABET[(word >> (18 - 6 * place)) as usize & 63];
            text.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_authentication_are_taken_and_no_other_key() {
        let key = "sk_test_abcdefghijkl";
        assert_eq!(base64(b"ab:"), "YWI6");
        assert_eq!(base64(b"a:"), "YTo=");
        assert_eq!(check(Some(&format!("Bearer {key}")), key), Ok(()));
        assert_eq!(check(Some(&format!("Basic {}", base64(b"sk_test_abcdefghijkl:"))), key), Ok(()));
        let refused = check(Some("Bearer sk_test_somebody_else"), key).unwrap_err();
        assert_eq!(refused.status, 401);
        assert!(refused.message.ends_with("sk_test_*********else"), "{}", refused.message);
    }
}
