//! Tokens: whatever is changed about a good one, it is refused, or it says the very same.

use chrono::DateTime;
use serde_json::json;

use crate::issuer::{RSA, SECRET, check_with, hmac, secret_keys};
use crate::mutate::hold;

const NOW: i64 = 1_800_000_000;

#[test]
fn tokens_at_random() {
    let now = DateTime::from_timestamp(NOW, 0).expect("a time");
    let claims = json!({
        "iss": "payoutd", "aud": "payoutd", "iat": NOW, "exp": NOW + 300, "jti": "one", "scope": "payouts:run", "sub": "ada",
    });
    let by_secret = hmac(SECRET.as_bytes(), &claims);
    let by_rsa = RSA.sign(json!({}), &claims);
    let confused = hmac(RSA.public_pem.as_bytes(), &claims);
    let checks = [(check_with(secret_keys()), by_secret.clone()), (check_with(RSA.keys()), by_rsa.clone())];
    for (check, good) in &checks {
        assert!(check.check(good, now).is_ok());
        assert!(check.check(&confused, now).is_err());
    }
    let seeds = [by_secret, by_rsa, confused].map(String::into_bytes);
    hold("tokens", seeds.to_vec(), |token| {
        let token = String::from_utf8_lossy(token);
        for (check, good) in &checks {
            let signed = |token: &str| token.rsplit_once('.').map(|(message, _)| message.to_owned());
            match check.check(&token, now) {
                Ok(accepted) => {
                    assert_eq!(accepted.jti, "one");
                    assert_eq!(signed(&token), signed(good), "accepted: {token}");
                }
                Err(refusal) => {
                    let said = refusal.to_string();
                    assert!(!said.is_empty() && said.len() < 1_000, "{said}");
                }
            }
            if let Ok(bearer) = check.bearer(&token, now) {
                assert_eq!((bearer.subject.as_str(), signed(&token)), ("ada", signed(good)));
            }
        }
    });
}
