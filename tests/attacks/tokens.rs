//! Forged tokens at both doors of the real daemon, once with secrets and once with a public key. What is wrong with a token
//! in detail is `tests/cron/tokens.rs`; here it is that nothing of it opens a door, and that a token is used up once.

use std::thread;

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::fort::{Fort, count, now, raw, request};
use crate::issuer::{Issuer, RSA, SECRET, STRANGER, hmac, hmac_text, unsigned};
use crate::world::{CONFIG, Serving, World};

/// A door: what is asked there, and what a good token for it says.
struct Door {
    line: &'static str,
    audience: &'static str,
    scope: &'static str,
}

const DOORS: [Door; 2] = [
    Door { line: "POST /cron/transfer-funds HTTP/1.1", audience: "payoutd", scope: "payouts:run" },
    Door { line: "GET /v1/payments HTTP/1.1", audience: "payoutd-api", scope: "admin:read" },
];

impl Door {
    fn claims(&self, changes: Value) -> Value {
        let mut all = json!({
            "iss": "payoutd", "aud": self.audience, "iat": now() - 5, "exp": now() + 290, "sub": "console",
            "jti": "one", "scope": self.scope,
        });
        for (name, value) in changes.as_object().expect("an object") {
            all[name] = value.clone();
        }
        all.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        all
    }

    fn ask(&self, at: std::net::SocketAddr, token: &str) -> (u16, String) {
        let header = format!("Authorization: Bearer {token}\r\n");
        raw(at, &request(self.line, &header, b"")).expect("an answer")
    }

    /// Claims that are signed as they should be, and say what they should not.
    fn wrong_claims(&self) -> Vec<(&'static str, Value)> {
        let year = 365 * 86_400;
        vec![
            ("aud of another", json!({ "aud": "staging" })),
            (
                "the other door's aud",
                json!({ "aud": if self.audience == "payoutd" { "payoutd-api" } else { "payoutd" } }),
            ),
            ("no aud", json!({ "aud": null })),
            ("an empty list of aud", json!({ "aud": [] })),
            ("iss of another", json!({ "iss": "somebody" })),
            ("no iss", json!({ "iss": null })),
            ("another scope", json!({ "scope": "mentor:write" })),
            (
                "the other door's scope",
                json!({ "scope": if self.scope == "payouts:run" { "admin:read" } else { "payouts:run" } }),
            ),
            ("a scope that begins alike", json!({ "scope": format!("{}s", self.scope) })),
            ("no scope", json!({ "scope": null })),
            ("expired", json!({ "iat": now() - 900, "exp": now() - 600 })),
            ("not yet valid", json!({ "nbf": now() + 200 })),
            ("issued later than now", json!({ "iat": now() + 200, "exp": now() + 290 })),
            ("no exp", json!({ "exp": null })),
            ("no iat", json!({ "iat": null })),
            ("exp as text", json!({ "exp": (now() + 290).to_string() })),
            ("for a year", json!({ "exp": now() + year })),
            ("for ever", json!({ "exp": i64::MAX })),
            ("for ever, and since for ever", json!({ "iat": i64::MIN, "exp": i64::MAX })),
            ("a huge claim", json!({ "more": "x".repeat(20_000) })),
        ]
    }
}

/// Tokens that are right but for who signed them, and how.
fn wrong_signatures(door: &Door, ours: &Issuer) -> Vec<(&'static str, String)> {
    let claims = door.claims(json!({}));
    let text = claims.to_string();
    let none = |alg: &str| unsigned(&json!({ "alg": alg, "typ": "JWT" }), &text);
    let good = hmac(SECRET.as_bytes(), &claims);
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let with = |header: Value| STRANGER.sign(header, &claims);
    let pem = ours.public_pem.as_bytes();
    vec![
        ("alg none", format!("{}.", none("none"))),
        ("alg None", format!("{}.", none("None"))),
        ("alg nOnE, with a signature", format!("{}.{signature}", none("nOnE"))),
        ("alg none, two parts", none("none")),
        ("no signature", format!("{message}.")),
        ("another's secret", hmac(b"a secret of somebody else, also 32 bytes long", &claims)),
        ("an empty secret", hmac(b"", &claims)),
        ("HS256 with the public key's text", hmac(pem, &claims)),
        ("HS256 with the public key's text, trimmed", hmac(ours.public_pem.trim().as_bytes(), &claims)),
        ("HS256 with the public key's bytes", hmac(&ours.public_der, &claims)),
        (
            "HS256 by the public key, said to be RS256",
            hmac_text(pem, Algorithm::HS256, json!({ "alg": "RS256" }), &text),
        ),
        ("HS512 with the public key's text", hmac_text(pem, Algorithm::HS512, json!({}), &text)),
        ("RS256 by a stranger", with(json!({}))),
        ("who brings the key along", with(json!({ "jwk": STRANGER.jwk(None) }))),
        ("who says where it is", with(json!({ "jku": "https://example.com/jwks", "x5u": "https://example.com/x" }))),
        ("who names a file as the key", with(json!({ "kid": "../../../../dev/null" }))),
        ("who names a query as the key", with(json!({ "kid": "x' UNION SELECT 'secret" }))),
        ("nothing but dots", "..".into()),
        ("a huge one", format!("{message}.{}", "A".repeat(40_000))),
        ("not a token", "' OR 1=1 --".into()),
    ]
}

fn refused(fort: &Fort, door: &Door, rows: &[(&'static str, String)]) {
    for (what, token) in rows {
        let (status, text) = door.ask(fort.at(), token);
        assert!([401, 403, 431].contains(&status), "{what} at {}: {text}", door.line);
        assert!(status != 403 || what.contains("scope"), "{what} at {}: {text}", door.line);
        let kind = ["expired", "signature", "audience", "issuer"].iter().find(|word| text.contains(*word));
        assert_eq!(kind, None, "{what} at {}: a forger is told why: {text}", door.line);
    }
}

fn attacked(fort: &Fort, sign: impl Fn(&Value) -> String) -> usize {
    let mut tried = 0;
    for door in &DOORS {
        let by_claims = door.wrong_claims().into_iter();
        let rows: Vec<_> = by_claims.map(|(what, changes)| (what, sign(&door.claims(changes)))).collect();
        refused(fort, door, &rows);
        let forged = wrong_signatures(door, &RSA);
        refused(fort, door, &forged);
        tried += rows.len() + forged.len();
        assert_eq!(count(&fort.world, "used_tokens"), 0, "a refused token uses nothing up");
    }
    assert_eq!(count(&fort.world, "runs WHERE trigger = 'cron'"), 0);
    for door in &DOORS {
        let (status, text) = door.ask(fort.at(), &sign(&door.claims(json!({}))));
        assert_eq!(status, 200, "and the good one opens it: {text}");
    }
    assert_eq!(count(&fort.world, "runs WHERE trigger = 'cron'"), 1);
    fort.holds(0);
    tried
}

#[test]
fn forged_tokens_against_secrets() {
    let fort = Fort::with(&[("CRON_JWT_SECRET", SECRET), ("API_JWT_SECRET", SECRET)]);
    assert_eq!(attacked(&fort, |claims| hmac(SECRET.as_bytes(), claims)), 80);
}

#[test]
fn forged_tokens_against_a_public_key() {
    let pem = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(pem.path(), &RSA.public_pem).expect("writable");
    let path = pem.path().to_str().expect("text");
    let fort = Fort::with(&[("PAYOUTD_CRON_PUBLIC_KEY_FILE", path), ("PAYOUTD_API_PUBLIC_KEY_FILE", path)]);
    assert_eq!(attacked(&fort, |claims| RSA.sign(json!({}), claims)), 80);
    // What opens the other daemon's doors opens none of these.
    for door in &DOORS {
        assert_eq!(door.ask(fort.at(), &hmac(SECRET.as_bytes(), &door.claims(json!({ "jti": "two" })))).0, 401);
    }
}

/// Given one good token that many send at once, then one of them has a run done, and also after a restart nobody else has.
#[test]
fn a_token_is_used_up_once() {
    let world = World::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback").local_addr().expect("bound");
    world.configure(&CONFIG.replacen("127.0.0.1:0", &port.to_string(), 1));
    let variables = [("CRON_JWT_SECRET", SECRET), ("PAYOUTD_CRON_REQUESTS_PER_MINUTE", "100")];
    let serve = || Serving::start(world.payoutd(&["serve"]).envs(variables));
    let serving = serve();
    let door = &DOORS[0];
    let token = hmac(SECRET.as_bytes(), &door.claims(json!({ "jti": "only" })));
    let statuses: Vec<u16> = thread::scope(|scope| {
        let asked: Vec<_> = (0..16).map(|_| scope.spawn(|| door.ask(serving.webhooks, &token).0)).collect();
        asked.into_iter().map(|asked| asked.join().expect("answered")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 15, "{statuses:?}");
    serving.signal("TERM");
    serving.ended();
    let serving = serve();
    assert_eq!(door.ask(serving.webhooks, &token).0, 401, "a restart forgets nothing");
    assert_eq!(count(&world, "runs WHERE trigger = 'cron'"), 1);
}
