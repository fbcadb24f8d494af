//! Other spellings of paths: what is protected is reached by none, and what is not there is not there.

use crate::fort::{Fort, count, event, good_signature, raw, request};
use crate::issuer::SECRET;

/// Given authentic webhooks for paths that only look like ours, then they are not taken; given forms that HTTP allows for the
/// same path, then they are.
#[test]
fn webhooks_have_one_path() {
    let fort = Fort::with(&[]);
    let mut taken = 0;
    for (number, (line, wanted)) in [
        ("POST //webhooks/stripe HTTP/1.1", 404),
        ("POST /webhooks//stripe HTTP/1.1", 404),
        ("POST /webhooks/stripe/ HTTP/1.1", 404),
        ("POST /./webhooks/stripe HTTP/1.1", 404),
        ("POST /webhooks/../webhooks/stripe HTTP/1.1", 404),
        ("POST /x/../webhooks/stripe HTTP/1.1", 404),
        ("POST /webhooks%2Fstripe HTTP/1.1", 404),
        ("POST /webhooks%2fstripe HTTP/1.1", 404),
        ("POST /%77ebhooks/stripe HTTP/1.1", 404),
        ("POST /webhooks/stripe%00 HTTP/1.1", 404),
        ("POST /webhooks/stripe;a=b HTTP/1.1", 404),
        ("POST /WEBHOOKS/STRIPE HTTP/1.1", 404),
        ("POST /webhooks\\stripe HTTP/1.1", 404),
        ("POST /webhooks/stripe?account=acct_1 HTTP/1.1", 200),
        ("POST http://elsewhere.example.com/webhooks/stripe HTTP/1.1", 200),
        ("POST /webhooks/stripe HTTP/1.0", 200),
        ("GET /webhooks/stripe HTTP/1.1", 405),
        ("HEAD /webhooks/stripe HTTP/1.1", 405),
        ("TRACE /webhooks/stripe HTTP/1.1", 405),
        ("OPTIONS * HTTP/1.1", 404),
        ("post /webhooks/stripe HTTP/1.1", 405),
        ("POST webhooks/stripe HTTP/1.1", 400),
        ("POST /webhooks/stripe HTTP/2.0", 400),
        ("POST /webhooks/stripe HTTP/9.9", 400),
        ("POST /webhooks/stripe", 400),
        ("POST /webhooks/\0stripe HTTP/1.1", 400),
        ("CONNECT example.com:443 HTTP/1.1", 404),
    ]
    .into_iter()
    .enumerate()
    {
        let body = event(&format!("evt_{number}"));
        let signature = format!("Stripe-Signature: {}\r\n", good_signature(&body));
        let answer = raw(fort.at(), &request(line, &signature, &body));
        let status = answer.as_ref().map(|(status, _)| *status);
        let refused = wanted != 200 && status.is_none_or(|status| (400..500).contains(&status));
        assert!(refused || status == Some(wanted), "{line:?}: {answer:?}");
        taken += i64::from(wanted == 200);
        assert_eq!(fort.stored(), taken + 1, "{line:?}");
    }
    let long = format!("POST /{} HTTP/1.1", "a".repeat(1 << 20));
    assert!(raw(fort.at(), &request(&long, "", b"")).is_none_or(|(status, _)| (400..500).contains(&status)));
    fort.holds(taken);
}

/// Given no token, then no spelling of a protected path opens it, and the figures are not on the public address at all.
#[test]
fn no_spelling_opens_what_is_protected() {
    let secret = [("CRON_JWT_SECRET", SECRET), ("API_JWT_SECRET", SECRET)];
    let fort = Fort::with(&secret);
    let paths = ["/metrics", "/cron/transfer-funds", "/v1/payments", "/v1/report", "/v1/mentors/ada/balance"];
    let bends: [fn(&str) -> String; 12] = [
        |path| path.to_owned(),
        |path| format!("/{path}"),
        |path| path.replacen('/', "//", 2),
        |path| format!("/.{path}"),
        |path| format!("/healthz/..{path}"),
        |path| format!("/webhooks/..%2f..{path}"),
        |path| path.replacen('/', "/%2e/", 1),
        |path| path.replace('e', "%65"),
        |path| path.to_uppercase(),
        |path| format!("{path}/"),
        |path| format!("{path}%00"),
        |path| format!("http://127.0.0.1{path}"),
    ];
    for path in paths {
        for bend in bends {
            for method in ["GET", "POST", "HEAD"] {
                let line = format!("{method} {} HTTP/1.1", bend(path));
                for headers in
                    ["", "Authorization: Bearer\r\n", "X-Forwarded-For: 127.0.0.1\r\nX-Original-URL: /healthz\r\n"]
                {
                    let answer = raw(fort.at(), &request(&line, headers, b""));
                    let status = answer.as_ref().map(|(status, _)| *status);
                    assert!(status.is_none_or(|status| (400..500).contains(&status)), "{line}: {answer:?}");
                    let text = answer.map(|(_, text)| text).unwrap_or_default();
                    assert!(!text.contains("payoutd_"), "{line}: {text}");
                }
            }
        }
    }
    assert_eq!(count(&fort.world, "runs WHERE trigger = 'cron'"), 0);
    fort.holds(0);
}
