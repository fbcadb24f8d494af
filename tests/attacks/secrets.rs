//! Secrets that are planted everywhere a secret may stand, and everything that the program prints, whatever goes wrong.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use payoutd::config::Config;
use payoutd::stripe::{DEFAULT_TOLERANCE, Signatures};

use crate::fort::{raw, request};
use crate::issuer::{SECRET as JWT_SECRET, hmac};
use crate::world::{Serving, World, get};

/// Each secret with a part that nothing else has.
const PARTS: [&str; 8] = [
    "seedStripeKey",
    "seedHookOne",
    "seedHookTwo",
    "seedCronKey",
    "seedApiKey",
    "seedMailPass",
    "seedBasePass",
    "seedOther",
];

const SECRETS: [(&str, &str); 6] = [
    ("STRIPE_SECRET_KEY", "sk_test_seedStripeKey7731"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_seedHookOne7731,whsec_seedHookTwo7731"),
    ("CRON_JWT_SECRET", "seedCronKey7731 and so on, to 32 bytes or more"),
    ("API_JWT_SECRET", "seedApiKey7731 and so on, to 32 bytes or more"),
    ("SMTP_URL", "smtp://payoutd:seedMailPass7731@127.0.0.1:9"),
    ("DATABASE_URL", "postgres://payoutd:seedBasePass7731@127.0.0.1:9/payoutd?sslmode=disable"),
];

/// The settings as text, for a file that holds them all.
fn configured(database: &str, smtp: &str) -> String {
    format!(
        r#"[stripe]
secret_key = "{}"
webhook_secrets = ["whsec_seedHookOne7731", "whsec_seedHookTwo7731"]
api_base = "http://127.0.0.1:9"
[database]
url = "{database}"
[webhook]
listen = "127.0.0.1:0"
[metrics]
listen = "127.0.0.1:0"
[cron]
jwt_secret = "{}"
[api]
jwt_secret = "{}"
[mail]
transport = "smtp"
smtp_url = "{smtp}"
admin_email = "admin@example.com"
from = "payouts@example.com"
digest = "off"
[log]
format = "json"
filter = "trace"
"#,
        SECRETS[0].1, SECRETS[2].1, SECRETS[3].1
    )
}

#[track_caller]
fn keeps_quiet(what: &str, text: &str) {
    for part in PARTS {
        assert!(!text.contains(part), "{what} shows {part}: {text}");
    }
}

/// A command to its end; what it printed has none of them.
fn printed(command: &mut Command) -> String {
    let shown = format!("{:?}", command.get_args().collect::<Vec<_>>());
    let output = command.env("RUST_BACKTRACE", "1").output().expect("it runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    keeps_quiet(&shown, &text);
    text
}

const COMMANDS: [&[&str]; 22] = [
    &["check"],
    &["check", "--json"],
    &["serve"],
    &["run"],
    &["run", "--dry-run"],
    &["status"],
    &["status", "--json"],
    &["config", "show"],
    &["config", "show", "--json"],
    &["migrate"],
    &["payments"],
    &["runs"],
    &["webhooks", "list"],
    &["emails", "list"],
    &["operations", "list"],
    &["mentor", "list"],
    &["mentor", "show", "ada"],
    &["explain", "1"],
    &["token"],
    &["audit"],
    &["report"],
    &["nonsense"],
];

/// Given every secret in the environment and nothing that answers, then no command prints one, whatever it fails at.
#[test]
fn no_command_prints_a_secret_when_nothing_answers() {
    let world = World::new();
    world.configure(
        "[stripe]\napi_base = \"http://127.0.0.1:9\"\n[mail]\ntransport = \"smtp\"\nfrom = \"payouts@example.com\"\n",
    );
    let mut said = 0;
    for arguments in COMMANDS {
        for level in ["error", "trace"] {
            let mut command = world.payoutd(arguments);
            let text = printed(command.envs(SECRETS).env("PAYOUTD_LOG_FILTER", level));
            assert!(!text.contains("unknown variable"), "{text}");
            said += text.len();
        }
    }
    assert!(said > 10_000, "the commands say something: {said}");
}

/// Given all that the suite prints, then it is where `tests/run` searches it for secrets: this line is found there.
#[test]
fn what_is_printed_is_searched() {
    println!("canary of the search for secrets");
}

/// Given a file with every secret and a mistake in it, then what is told of the mistake tells no secret.
#[test]
fn no_mistake_in_a_setting_prints_it() {
    let world = World::new();
    let good =
        configured("postgres://payoutd:seedBasePass7731@127.0.0.1:9/p", "smtp://payoutd:seedMailPass7731@127.0.0.1:9");
    let swaps = [
        ("sk_test_seedStripeKey7731", "pk_test_seedStripeKey7731"),
        ("sk_test_seedStripeKey7731", "sk_test_seedStripeKey7731\\n"),
        ("\"sk_test_seedStripeKey7731\"", "sk_test_seedStripeKey7731"),
        ("\"sk_test_seedStripeKey7731\"", "\"sk_test_seedStripeKey7731"),
        ("\"sk_test_seedStripeKey7731\"", "[\"sk_test_seedStripeKey7731\"]"),
        ("\"sk_test_seedStripeKey7731\"", "{ key = \"sk_test_seedStripeKey7731\" }"),
        ("whsec_seedHookOne7731", "seedHookOne7731"),
        ("[\"whsec_seedHookOne7731\", \"whsec_seedHookTwo7731\"]", "\"whsec_seedHookOne7731 whsec_seedHookTwo7731\""),
        ("[\"whsec_seedHookOne7731\", ", "[7, [\"whsec_seedHookOne7731\"], "),
        ("seedCronKey7731 and so on, to 32 bytes or more", "seedCronKey7731"),
        ("seedApiKey7731 and so on, to 32 bytes or more", "seedApiKey7731"),
        ("postgres://payoutd:seedBasePass7731@", "mysql://payoutd:seedBasePass7731@"),
        ("postgres://payoutd:seedBasePass7731@127.0.0.1:9/p", "postgres://payoutd:seed BasePass seedBasePass7731@@:x/"),
        ("payoutd:seedBasePass7731@127.0.0.1:9/p", "127.0.0.1/p?password=seedBasePass7731&sslmode=maybe"),
        ("postgres://payoutd:seedBasePass7731@127.0.0.1:9/p", "seedBasePass7731"),
        ("smtp://payoutd:seedMailPass7731@", "imap://payoutd:seedMailPass7731@"),
        ("payoutd:seedMailPass7731@127.0.0.1:9", "payoutd:seedMailPass7731/@?#@:x"),
        ("payoutd:seedMailPass7731@127.0.0.1:9", "payoutd:seedMailPass7731@mail.example.com?tls=maybe"),
        ("smtp://payoutd:seedMailPass7731@127.0.0.1:9", "seedMailPass7731"),
        ("api_base = \"http://127.0.0.1:9\"", "api_base = \"https://me:seedOther7731@127.0.0.1:9\""),
        ("[log]", "[log]\nseedless = 1"),
        ("transport = \"smtp\"", "transport = \"pigeon\""),
    ];
    for (from, to) in swaps {
        assert!(good.contains(from), "{from}");
        world.configure(&good.replacen(from, to, 1));
        for arguments in [&["check"][..], &["serve"], &["config", "show"], &["status", "--json"], &["token"]] {
            printed(&mut world.payoutd(arguments));
        }
    }
    // Open to all: the file is refused, by its keys.
    world.write("payoutd.toml", &good, 0o644);
    assert!(printed(&mut world.payoutd(&["check"])).contains("chmod"));
}

/// Answers every connection with the same, as a server does that takes no password.
fn refusing(answers: &'static [&'static str]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let at = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                for answer in answers {
                    if stream.write_all(answer.as_bytes()).is_err() || stream.read(&mut [0; 4096]).unwrap_or(0) == 0 {
                        return;
                    }
                }
            });
        }
    });
    at
}

/// Given a mail server that takes no password, an impossible Stripe, and a daemon that logs all it can, when webhooks, tokens
/// and scrapes come, then no secret is in its log, its answers or its figures, to its end.
#[test]
fn no_log_line_answer_or_figure_shows_a_secret() {
    let smtp = refusing(&[
        "220 mail.example.com\r\n",
        "250-mail.example.com\r\n250 AUTH PLAIN LOGIN\r\n",
        "535 5.7.8 seedless: authentication failed\r\n",
        "221 bye\r\n",
    ]);
    let stripe = refusing(&[
        "HTTP/1.1 401 No\r\nContent-Length: 61\r\nConnection: close\r\n\r\n{\"error\":{\"message\":\"Invalid API Key\",\"type\":\"x\"}}           ",
    ]);
    let world = World::new();
    let database = format!("sqlite://{}", world.path("state/payoutd.db").display());
    std::fs::create_dir(world.path("state")).expect("made");
    let text = configured(&database, &format!("smtp://payoutd:seedMailPass7731@{smtp}"));
    world.configure(&text.replace("http://127.0.0.1:9", &format!("http://{stripe}")));
    let mut command = world.payoutd(&["serve"]);
    let serving = Serving::start(command.env("PAYOUTD_RELEASE_SCHEDULE", "* * * * * *").env("RUST_BACKTRACE", "1"));
    let mut answers = String::new();
    for (charge, secret) in [("ch_1", "whsec_seedHookOne7731"), ("ch_2", "whsec_seedHookTwo7731")] {
        assert_eq!(crate::world::send_charge(serving.webhooks, secret, charge), 200);
    }
    let weird = [
        request("POST /webhooks/stripe HTTP/1.1", "Stripe-Signature: t=1,v1=00\r\n", b"{}"),
        request("POST /webhooks/stripe HTTP/1.1", "", b"\xff"),
        request(
            "POST /cron/transfer-funds HTTP/1.1",
            &format!("Authorization: Bearer {}\r\n", hmac(JWT_SECRET.as_bytes(), &serde_json::json!({}))),
            b"",
        ),
        request("POST /v1/payments/1/holds HTTP/1.1", "Authorization: Bearer x\r\n", b"{}"),
        request("GET /v1/openapi.json HTTP/1.1", "", b""),
        request("GET /readyz HTTP/1.1", "", b""),
        b"\0\0\0\r\n\r\n".to_vec(),
    ];
    answers.extend(weird.iter().filter_map(|bytes| raw(serving.webhooks, bytes)).map(|(_, text)| text));
    let minted = printed(world.payoutd(&["token"]).stdin(Stdio::null()));
    let cron = format!("Authorization: Bearer {}\r\n", minted.trim());
    answers.extend(
        raw(serving.webhooks, &request("POST /cron/transfer-funds HTTP/1.1", &cron, b"")).map(|(_, text)| text),
    );
    for arguments in
        [&["status"][..], &["check"], &["emails", "list"], &["payments"], &["config", "show"], &["webhooks", "list"]]
    {
        answers.push_str(&printed(&mut world.payoutd(arguments)));
    }
    // An email was tried, and the server's no was heard.
    let begun = std::time::Instant::now();
    while !answers.contains("535") && begun.elapsed() < crate::world::PATIENCE {
        answers.push_str(&printed(&mut world.payoutd(&["emails", "list"])));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(answers.contains("535"), "{answers}");
    answers.push_str(&get(serving.metrics, "/metrics").1);
    keeps_quiet("an answer", &answers);
    serving.signal("HUP");
    serving.signal("TERM");
    let log = serving.lines_until_the_end().join("\n");
    assert!(
        (log.contains("TRACE") || log.contains("DEBUG")) && log.len() > 2_000,
        "it logs all that it can: {} bytes",
        log.len()
    );
    keeps_quiet("the log", &log);
    let token = minted.trim().rsplit_once('.').expect("a token").1;
    assert!(!log.contains(token), "a token is logged");
}

/// Given a PostgreSQL that takes another password, then the refusal tells the user and not the password.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_database_password_is_not_repeated() {
    let db = crate::support::TestDb::postgres().await;
    // The tests' cluster trusts its own user; nobody else is one of its.
    let (_, rest) = db.url().split_once("://").expect("a URL");
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let wrong = format!("postgres://nobody_here:seedBasePass7731@{place}");
    let world = World::new();
    for arguments in [&["status"][..], &["serve"], &["check"], &["migrate"], &["payments"]] {
        let text = printed(world.payoutd(arguments).env("DATABASE_URL", &wrong).env("PAYOUTD_LOG_FILTER", "trace"));
        assert!(text.contains("database"), "{arguments:?}: {text}");
    }
}

/// Given the types that hold secrets, then what `Debug` shows of them is none.
#[test]
fn debug_shows_no_secret() {
    let env = SECRETS.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect::<BTreeMap<_, _>>();
    let config = Config::parse(Path::new("payoutd.toml"), "", &env).expect("well formed");
    let signatures = Signatures::new(&config.stripe.webhook_secrets, DEFAULT_TOLERANCE).expect("secrets");
    let shown = [
        format!("{config:?}"),
        format!("{config:#?}"),
        format!("{:?}", config.shown()),
        format!("{:?}", config.origins()),
        format!("{:?} {}", config.database.url, config.database.url),
        format!("{:?}", config.stripe),
        format!("{:?}", config.cron),
        format!("{:?}", config.api),
        format!("{:?}", config.mail),
        format!("{:?}", config.clone()),
        format!("{signatures:?}"),
    ];
    for text in shown {
        keeps_quiet("Debug", &text);
    }
    // The planted parts are where they are looked for.
    let all = SECRETS.map(|(_, secret)| secret).concat();
    assert!(PARTS[..7].iter().all(|part| all.contains(part)));
}
