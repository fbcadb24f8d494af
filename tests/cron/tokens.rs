//! The table of tokens: what is accepted, and for what exact reason everything else is not.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;
use payoutd::http::{KeyError, Keys, MintError, Parties, TokenCheck, mint};
use serde_json::{Value, json};

use crate::issuer::{ED, RSA, SECRET, STRANGER, check_with, hmac, hmac_text, secret_keys, unsigned};

const NOW: i64 = 1_800_000_000;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).expect("a time")
}

fn claims() -> Value {
    json!({
        "iss": "payoutd", "aud": "payoutd", "iat": NOW - 10, "exp": NOW + 290, "jti": "one", "scope": "payouts:run",
    })
}

/// The good claims, but for these.
fn but(changes: Value) -> Value {
    let mut all = claims();
    for (name, value) in changes.as_object().expect("an object") {
        all[name] = value.clone();
    }
    all
}

fn without(name: &str) -> Value {
    let mut all = claims();
    all.as_object_mut().expect("an object").remove(name).expect("it was there");
    all
}

fn signed(claims: &Value) -> String {
    hmac(SECRET.as_bytes(), claims)
}

const GOOD: &str = "";

/// `why` is a part of the reason, or [`GOOD`].
#[track_caller]
fn see(check: &TokenCheck, rows: Vec<(&str, String, &str)>) {
    for (what, token, why) in rows {
        match (check.check(&token, now()), why) {
            (Ok(accepted), GOOD) => assert_eq!(accepted.jti, "one", "{what}"),
            (Ok(_), why) => panic!("{what} is accepted, but should be refused: {why}"),
            (Err(refusal), GOOD) => panic!("{what} is refused: {refusal}"),
            (Err(refusal), why) => {
                assert!(refusal.to_string().contains(why), "{what}: {refusal}");
                let signature = token.rsplit('.').next().unwrap_or_default();
                let says_it = signature.len() > 10 && refusal.to_string().contains(signature);
                assert!(!says_it, "{what}: the reason repeats the token");
            }
        }
    }
}

#[test]
fn good_claims_are_accepted_and_nothing_else() {
    let now_and = |name: &str, at: i64| but(json!({ name: at }));
    let span = |iat: i64, exp: i64| but(json!({ "iat": NOW + iat, "exp": NOW + exp }));
    let rows = [
        ("a plain one", claims(), GOOD),
        ("our audience among others", but(json!({ "aud": ["other", "payoutd"] })), GOOD),
        ("our scope among others", but(json!({ "scope": "read payouts:run write" })), GOOD),
        ("claims that say more", but(json!({ "sub": "timer", "email": "ops@example.com" })), GOOD),
        ("nbf past", now_and("nbf", NOW - 5), GOOD),
        ("nbf within the leeway", now_and("nbf", NOW + 30), GOOD),
        ("iat within the leeway", span(30, 90), GOOD),
        ("an hour", span(0, 3_600), GOOD),
        ("expired within the leeway", span(-329, -29), GOOD),
        ("expired by the leeway", span(-330, -30), "expired 30 s ago"),
        ("expired long ago", span(-90_000, -86_400), "expired 86400 s ago"),
        ("iat in the future", span(31, 90), "issued (iat) 31 s in the future"),
        ("nbf in the future", now_and("nbf", NOW + 31), "not valid yet (nbf), for another 31 s"),
        ("nbf at the end of time", now_and("nbf", i64::MAX), "not valid yet"),
        ("a second more than an hour", span(0, 3_601), "valid for 3601 s"),
        ("a year", span(0, 31_536_000), "valid for 31536000 s"),
        ("for ever", but(json!({ "exp": i64::MAX, "iat": i64::MIN })), "valid for"),
        ("over before it began", span(10, 5), "valid for -5 s"),
        ("no exp", without("exp"), "`exp`"),
        ("no iat", without("iat"), "`iat`"),
        ("no iss", without("iss"), "`iss`"),
        ("no aud", without("aud"), "`aud` is missing"),
        ("no jti", without("jti"), "`jti`"),
        ("no scope", without("scope"), "`scope`"),
        ("exp as text", but(json!({ "exp": "1800000290" })), "claims cannot be read"),
        ("exp of null", but(json!({ "exp": null })), "claims cannot be read"),
        ("exp with a fraction", but(json!({ "exp": 1_800_000_290.5 })), "claims cannot be read"),
        ("exp beyond numbers", but(json!({ "exp": u64::MAX })), "claims cannot be read"),
        ("another's iss", but(json!({ "iss": "somebody" })), "(iss) is not"),
        ("iss as a list with ours", but(json!({ "iss": ["payoutd", "somebody"] })), "claims cannot be read"),
        ("another's aud", but(json!({ "aud": "staging" })), "(aud) does not"),
        ("aud that begins like ours", but(json!({ "aud": "payoutd-staging" })), "(aud) does not"),
        ("aud of nobody", but(json!({ "aud": [] })), "(aud) does not"),
        ("another scope", but(json!({ "scope": "payouts:read" })), "scope does not"),
        ("a scope that begins like ours", but(json!({ "scope": "payouts:runner" })), "scope does not"),
        ("a scope that ends like ours", but(json!({ "scope": "no-payouts:run" })), "scope does not"),
        ("a scope below ours", but(json!({ "scope": "payouts:run:all" })), "scope does not"),
        ("our scope in capitals", but(json!({ "scope": "PAYOUTS:RUN" })), "scope does not"),
        ("scopes with commas", but(json!({ "scope": "read,payouts:run" })), "scope does not"),
        ("no scope at all", but(json!({ "scope": "" })), "scope does not"),
        ("scope as a list", but(json!({ "scope": ["payouts:run"] })), "claims cannot be read"),
        ("an empty jti", but(json!({ "jti": "" })), "(jti) is empty"),
        ("a long jti", but(json!({ "jti": "x".repeat(129) })), "longer than 128 bytes"),
        ("a jti that no database takes", but(json!({ "jti": "a\0b" })), "control characters"),
        ("a jti that is a number", but(json!({ "jti": 7 })), "claims cannot be read"),
    ];
    assert!(rows.len() >= 20);
    see(&check_with(secret_keys()), rows.iter().map(|(what, claims, why)| (*what, signed(claims), *why)).collect());
}

#[test]
fn a_forger_has_no_luck_with_a_secret() {
    let good = signed(&claims());
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let claims_text = claims().to_string();
    let with_header = |header| hmac_text(SECRET.as_bytes(), Algorithm::HS256, header, &claims_text);
    let none = unsigned(&json!({ "alg": "none", "typ": "JWT" }), &claims_text);
    let other_claims = unsigned(&json!({ "alg": "HS256", "typ": "JWT" }), &but(json!({ "jti": "two" })).to_string());
    let twice = claims_text.replacen('{', "{\"jti\":\"two\",", 1);
    let rows = vec![
        ("alg none", format!("{none}."), "no JWT"),
        ("alg none with a signature", format!("{none}.{signature}"), "no JWT"),
        ("alg None", with_header(json!({ "alg": "None" })), "no JWT"),
        ("alg of nothing", with_header(json!({ "alg": "" })), "no JWT"),
        ("no signature", format!("{message}."), "signature is wrong"),
        ("another's signature", hmac(b"another secret of 32 bytes or longer....", &claims()), "signature is wrong"),
        ("the empty secret", hmac(b"", &claims()), "signature is wrong"),
        ("other claims under it", format!("{other_claims}.{signature}"), "signature is wrong"),
        ("half a signature", format!("{message}.{}", &signature[..20]), "signature is wrong"),
        ("HS384", hmac_text(SECRET.as_bytes(), Algorithm::HS384, json!({}), &claims_text), "not the one of the"),
        ("HS512", hmac_text(SECRET.as_bytes(), Algorithm::HS512, json!({}), &claims_text), "not the one of the"),
        ("RS256 by a stranger", STRANGER.sign(json!({}), &claims()), "not the one of the configured key"),
        ("said to be RS256", with_header(json!({ "alg": "RS256" })), "not the one of the configured key"),
        ("a kid, which a secret does not have", with_header(json!({ "kid": "../../dev/null" })), GOOD),
        ("extensions that must be known", with_header(json!({ "crit": ["b64"], "b64": false })), "crit"),
        ("a claim twice", hmac_text(SECRET.as_bytes(), Algorithm::HS256, json!({}), &twice), "duplicate field"),
        ("claims that are a list", hmac_text(SECRET.as_bytes(), Algorithm::HS256, json!({}), "[]"), "cannot be read"),
        ("claims that are no JSON", hmac_text(SECRET.as_bytes(), Algorithm::HS256, json!({}), "x"), "cannot be read"),
        ("huge", signed(&but(json!({ "more": "x".repeat(9_000) }))), "bytes, more than any token"),
        ("nothing", String::new(), "no JWT"),
        ("two parts", message.to_owned(), "no JWT"),
        ("four parts", format!("{good}.{signature}"), "no JWT"),
        ("dots", "....".to_owned(), "no JWT"),
        ("no base64", "ä.ö.ü".to_owned(), "no JWT"),
        ("padded base64", format!("{good}="), "no JWT"),
        ("garbage", "garbage".to_owned(), "no JWT"),
    ];
    see(&check_with(secret_keys()), rows);
}

#[test]
fn a_public_key_is_for_one_algorithm_and_never_a_secret() {
    let good = claims();
    let text = good.to_string();
    let embedded = STRANGER.sign(json!({ "jwk": STRANGER.jwk(None), "jku": "https://example.com/jwks" }), &good);
    let rows = vec![
        ("RS256", RSA.sign(json!({}), &good), GOOD),
        ("RS256 with a kid", RSA.sign(json!({ "kid": "any" }), &good), GOOD),
        ("RS384 by the same key", RSA.sign_as(Algorithm::RS384, &good), "not the one of the configured key"),
        ("PS256 by the same key", RSA.sign_as(Algorithm::PS256, &good), "not the one of the configured key"),
        ("by a stranger", STRANGER.sign(json!({}), &good), "signature is wrong"),
        ("by a stranger who brings the key along", embedded, "signature is wrong"),
        ("EdDSA", ED.sign(json!({}), &good), "not the one of the configured key"),
        ("HS256 with the public key as the secret", hmac(RSA.public_pem.as_bytes(), &good), "not the one of the"),
        ("HS256 with the key's bytes as the secret", hmac(&RSA.public_der, &good), "not the one of the"),
        (
            "HS256 by the public key, said to be RS256",
            hmac_text(RSA.public_pem.as_bytes(), Algorithm::HS256, json!({ "alg": "RS256" }), &text),
            "signature is wrong",
        ),
        ("expired", RSA.sign(json!({}), &but(json!({ "iat": NOW - 600, "exp": NOW - 300 }))), "expired 300 s ago"),
        ("without aud", RSA.sign(json!({}), &without("aud")), "`aud` is missing"),
    ];
    see(&check_with(RSA.keys()), rows);
    let rows = vec![
        ("EdDSA", ED.sign(json!({}), &good), GOOD),
        ("RS256", RSA.sign(json!({}), &good), "not the one of the configured key"),
        ("HS256 with the public key as the secret", hmac(ED.public_pem.as_bytes(), &good), "not the one of the"),
    ];
    see(&check_with(ED.keys()), rows);
}

#[test]
fn a_set_of_keys_is_asked_for_the_one_that_the_token_names() {
    let good = claims();
    let mut for_encryption = STRANGER.jwk(Some("enc"));
    for_encryption["use"] = json!("enc");
    let elliptic = json!({ "kty": "EC", "crv": "P-256", "kid": "ec", "x": "AA", "y": "AA" });
    let set = json!({ "keys": [RSA.jwk(Some("rsa")), ED.jwk(Some("ed")), for_encryption, elliptic] });
    let keys = Keys::jwks(set.to_string().as_bytes()).expect("a set");
    assert_eq!(keys.algorithms(), "EdDSA, RS256");
    let kid = |kid: &str| json!({ "kid": kid });
    let rows = vec![
        ("RS256", RSA.sign(kid("rsa"), &good), GOOD),
        ("EdDSA", ED.sign(kid("ed"), &good), GOOD),
        ("no kid", RSA.sign(json!({}), &good), "not in the configured set (kid)"),
        ("an unknown kid", RSA.sign(kid("new"), &good), "not in the configured set (kid)"),
        ("another key's kid", RSA.sign(kid("ed"), &good), "not the one of the configured key"),
        ("a stranger under a known kid", STRANGER.sign(kid("rsa"), &good), "signature is wrong"),
        ("a key that is not for signatures", STRANGER.sign(kid("enc"), &good), "not in the configured set (kid)"),
    ];
    see(&check_with(keys), rows);

    let alone = json!({ "keys": [ED.jwk(Some("ed"))] });
    let rows = vec![
        ("the only key needs no kid", ED.sign(json!({}), &good), GOOD),
        ("nor is it taken for another", ED.sign(kid("other"), &good), "not in the configured set (kid)"),
    ];
    see(&check_with(Keys::jwks(alone.to_string().as_bytes()).expect("a set")), rows);
}

#[test]
fn keys_that_cannot_be_used_are_refused_at_start() {
    let pem = |text: &str| Keys::pem(text.as_bytes()).map(|_| ());
    let jwks = |set: Value| Keys::jwks(set.to_string().as_bytes()).map(|_| ());
    let certificate = RSA.public_pem.replace("PUBLIC KEY", "CERTIFICATE REQUEST");
    assert_eq!(Keys::secret(&"short".into()).map(|_| ()), Err(KeyError::ShortSecret));
    assert_eq!(pem(&RSA.private_pem), Err(KeyError::Private));
    assert_eq!(pem(&ED.private_pem), Err(KeyError::Private));
    assert_eq!(pem(&certificate), Err(KeyError::NotPem));
    assert_eq!(pem(""), Err(KeyError::NotPem));
    assert_eq!(pem(SECRET), Err(KeyError::NotPem));

    let mut private = ED.jwk(None);
    private["d"] = json!("AA");
    let mut short = RSA.jwk(None);
    short["n"] = json!(short["n"].as_str().expect("a modulus")[..171]);
    let elliptic = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" });
    for (what, keys, error) in [
        ("a private key", json!([private]), KeyError::Private),
        ("a secret", json!([{ "kty": "oct", "k": "AA" }]), KeyError::Private),
        ("a short key", json!([short]), KeyError::ShortRsa),
        ("nothing", json!([]), KeyError::NoneUsable),
        ("nothing for us", json!([elliptic]), KeyError::NoneUsable),
        ("two without a name", json!([RSA.jwk(None), ED.jwk(None)]), KeyError::NoKid),
        ("two of a name", json!([RSA.jwk(Some("a")), ED.jwk(Some("a"))]), KeyError::NoKid),
        ("one of two without a name", json!([RSA.jwk(Some("a")), ED.jwk(None)]), KeyError::NoKid),
        ("no list", json!({}), KeyError::NotJwks),
    ] {
        assert_eq!(jwks(json!({ "keys": keys })), Err(error), "{what}");
    }
    assert_eq!(Keys::jwks(b"not json").map(|_| ()), Err(KeyError::NotJwks));
    assert_eq!(Keys::jwks(RSA.public_pem.as_bytes()).map(|_| ()), Err(KeyError::NotJwks));
}

#[test]
fn a_minted_token_is_accepted_until_it_expires() {
    let parties = Parties { issuer: "payoutd".into(), audience: "payoutd".into() };
    let begin = now() + TimeDelta::milliseconds(700);
    let mint = |ttl_s| mint(&SECRET.into(), &parties, Duration::from_secs(ttl_s), begin);
    let (one, two) = (mint(300).expect("a token"), mint(300).expect("a token"));
    assert_ne!(one.jti, two.jti);
    assert_eq!(one.jti.len(), 32);
    assert_eq!(one.expires_at, now() + TimeDelta::seconds(300));

    let check = check_with(secret_keys());
    let accepted = check.check(&one.token, begin).expect("good");
    assert_eq!(accepted.jti, one.jti);
    let last = accepted.refused_from - TimeDelta::seconds(1);
    assert!(check.check(&one.token, last).is_ok());
    assert!(check.check(&one.token, accepted.refused_from).is_err());
    assert!(check_with(RSA.keys()).check(&one.token, begin).is_err());

    assert!(mint(3_600).is_ok());
    for ttl_s in [0, 3_601, u64::MAX] {
        assert_eq!(mint(ttl_s), Err(MintError::Lifetime), "{ttl_s}");
    }
}
