//! What is refused, and in which words: the place, the field and the fix.

use crate::{good, parse};

/// One bad file, the whole complaint.
#[track_caller]
fn refused(text: &str, complaint: &str) {
    let error = parse(text, &[]).expect_err(text);
    assert_eq!(error.to_string(), complaint, "for: {text}");
}

/// One bad environment, the whole complaint.
#[track_caller]
fn refused_env(name: &str, value: &str, complaint: &str) {
    let error = parse("", &[(name, value)]).expect_err(name);
    assert_eq!(error.to_string(), complaint);
}

#[test]
fn an_unknown_key_gets_the_nearest_name() {
    for (text, complaint) in [
        (
            "[releas]\nschedule = \"0 * * * * *\"",
            "payoutd.toml:2: unknown key `releas.schedule`: did you mean `release.schedule`?",
        ),
        (
            "[release]\n\nbatchsize = 10",
            "payoutd.toml:3: unknown key `release.batchsize`: did you mean `release.batch_size`?",
        ),
        (
            "[stripe]\ntolerance = \"5m\"",
            "payoutd.toml:2: unknown key `stripe.tolerance`: did you mean `webhook.tolerance`?",
        ),
        (
            "platform_fee_bps = 10",
            "payoutd.toml:1: unknown key `platform_fee_bps`: did you mean `fees.platform_fee_bps`?",
        ),
        (
            "[mial]\nmax_attempts = 3",
            "payoutd.toml:2: unknown key `mial.max_attempts`: did you mean `mail.max_attempts`?",
        ),
        ("[shutdown]\ncolour = 1", "payoutd.toml:2: unknown key `shutdown.colour`: [shutdown] has grace"),
        ("[colours]\nx = 1", "payoutd.toml:2: unknown key `colours.x`: config/payoutd.toml shows every key there is"),
        ("[colours]", "payoutd.toml:1: unknown key `colours`: config/payoutd.toml shows every key there is"),
        ("release = 5", "payoutd.toml:1: `release` is a section: write its keys under [release]"),
    ] {
        refused(text, complaint);
    }
    good("[release]\n[minimums]\n", &[]);
    good("[stripe]\napi_base = \"http://127.0.0.1:12111\"\n[rescue]\nabsence_grace = \"1m\"\n", &[]);
}

#[test]
fn an_unknown_variable_gets_the_nearest_name() {
    for (name, complaint) in [
        ("PAYOUTD_RELEASE_SHEDULE", "did you mean `PAYOUTD_RELEASE_SCHEDULE`?"),
        ("PAYOUTD_DATABASE_URL", "did you mean `DATABASE_URL`?"),
        ("PAYOUTD_STRIPE_WEBHOOK_SECRETS", "did you mean `STRIPE_WEBHOOK_SECRET`?"),
        ("PAYOUTD_COLOUR", "a setting is PAYOUTD_<SECTION>_<KEY>"),
    ] {
        let complaint = format!("environment {name}: unknown variable: {complaint}");
        refused_env(name, "1", &complaint);
    }
    // Other programs' variables are not ours to judge, and the tests' own are no settings.
    good("", &[("PATH", "/bin"), ("STRIPE_CLI", "x"), ("PAYOUTD_TEST_PG", "x")]);
}

#[test]
fn a_wrong_type_gets_the_line_the_field_and_the_fix() {
    for (text, complaint) in [
        ("[release]\nbatch_size = \"many\"", "payoutd.toml:2: release.batch_size: expected a whole number, found text"),
        (
            "[release]\nbatch_size = 1.5",
            "payoutd.toml:2: release.batch_size: expected a whole number, found a fraction",
        ),
        (
            "[release]\nbatch_size = 99999999999",
            "payoutd.toml:2: release.batch_size: is out of range: write a number from 1 to 1000",
        ),
        (
            "[fees]\nplatform_fee_bps = -1",
            "payoutd.toml:2: fees.platform_fee_bps: is a negative fee: write basis points from 0 to 10000 (1000 is 10 %)",
        ),
        (
            "[minimums]\nusd = 9223372036854775808",
            "payoutd.toml:2: minimums.usd: is more than any amount can be (64 bits)",
        ),
        (
            "[window]\ndispute_window = 72",
            "payoutd.toml:2: window.dispute_window: 72 has no unit: write \"72s\" for seconds (ms, s, m, h or d)",
        ),
        (
            "[window]\ndispute_window = \"3 days\"",
            "payoutd.toml:2: window.dispute_window: \"3 days\" has the unknown unit \" days\": use ms, s, m, h or d",
        ),
        (
            "[stripe]\nwebhook_secrets = \"whsec_a\"",
            "payoutd.toml:2: stripe.webhook_secrets: expected a list, such as [\"one\", \"two\"], found text",
        ),
        (
            "[webhook]\nlisten = \"localhost\"",
            "payoutd.toml:2: webhook.listen: \"localhost\" is not an IP address and a port, such as \"127.0.0.1:8080\"",
        ),
        (
            "[mail]\ntransport = \"pigeon\"",
            "payoutd.toml:2: mail.transport: expected one of \"smtp\" \"file\" \"sendmail\"",
        ),
        ("[database]\nmigrate = true", "payoutd.toml:2: database.migrate: expected one of \"auto\" \"manual\""),
        (
            "[stripe]\napi_base = \"stripe\"",
            "payoutd.toml:2: stripe.api_base: is not a URL, such as \"https://api.stripe.com\": relative URL without a base",
        ),
    ] {
        refused(text, complaint);
    }
}

#[test]
fn text_that_is_not_toml_gets_the_line() {
    refused("[release\n", "payoutd.toml:1: not valid TOML: unclosed table, expected `]`");
    refused("[a]\nx = \n", "payoutd.toml:2: not valid TOML: string values must be quoted, expected literal string");
    refused("[log]\nfilter = \"a\"\nfilter = \"b\"", "payoutd.toml:3: not valid TOML: duplicate key");
}

#[test]
fn every_rule_has_its_words() {
    for (text, complaint) in [
        (
            "[fees]\nplatform_fee_bps = 10001",
            "payoutd.toml:2: fees.platform_fee_bps: is a fee above 100 %: write basis points from 0 to 10000 (1000 is 10 %)",
        ),
        ("[window]\ndispute_window = \"0s\"", "payoutd.toml:2: window.dispute_window: must be longer than nothing"),
        (
            "[window]\ndispute_window = \"91d\"",
            "payoutd.toml:2: window.dispute_window: 91d is too long: write at most 90d, since Stripe does not let a platform hold funds longer in most countries",
        ),
        (
            "[release]\nschedule = \"* * * * *\"",
            "payoutd.toml:2: release.schedule: \"* * * * *\" has five fields: seconds come first, write \"0 * * * * *\"",
        ),
        (
            "[release]\nschedule = \"0 99 * * * *\"",
            "payoutd.toml:2: release.schedule: \"0 99 * * * *\" is not a schedule: write six fields, \"second minute hour day month weekday\", such as \"0 * * * * *\" for each minute",
        ),
        (
            "[release]\nschedule = \"@daily\"",
            "payoutd.toml:2: release.schedule: \"@daily\" is not a schedule: write six fields, \"second minute hour day month weekday\", such as \"0 * * * * *\" for each minute",
        ),
        (
            "[release]\nschedule = \"0 0 0 31 4 *\"",
            "payoutd.toml:2: release.schedule: \"0 0 0 31 4 *\" never comes: there is no such date",
        ),
        (
            "[audit]\nschedule = \"never\"",
            "payoutd.toml:2: audit.schedule: \"never\" is not a schedule: write six fields, \"second minute hour day month weekday\", such as \"0 * * * * *\" for each minute; or \"off\"",
        ),
        (
            "[mail]\ndigest = \"0 7 * * *\"",
            "payoutd.toml:2: mail.digest: \"0 7 * * *\" has five fields: seconds come first, write \"0 0 7 * * *\"; or \"off\"",
        ),
        (
            "[release]\nplatform_limit = \"10d\"\nlimit_warn_before = \"10d\"",
            "payoutd.toml:3: release.limit_warn_before: is not within release.platform_limit 10d",
        ),
        (
            "[release]\ntime_zone = \"Europe/Berln\"",
            "payoutd.toml:2: release.time_zone: \"Europe/Berln\" is not a time zone: did you mean \"Europe/Berlin\"?",
        ),
        (
            "[mail]\ntime_zone = \"CEST\"",
            "payoutd.toml:2: mail.time_zone: \"CEST\" is not a time zone: write \"UTC\", or a name such as \"Europe/Berlin\"",
        ),
        (
            "[release]\nbatch_size = 0",
            "payoutd.toml:2: release.batch_size: is out of range: write a number from 1 to 1000",
        ),
        (
            "[rescue]\nlease = \"30s\"",
            "payoutd.toml:2: rescue.lease: 30s is too short for stripe.call_timeout 30s: write at least 45s",
        ),
        (
            "[rescue]\nabsence_grace = \"1m\"",
            "payoutd.toml:2: rescue.absence_grace: 1m is too short for rescue.lease 2m: write at least 7m, since a request \
             may still be under way",
        ),
        (
            "[rescue]\nkey_max_age = \"24h\"",
            "payoutd.toml:2: rescue.key_max_age: 24h is too long: write at most 23h, since Stripe forgets an idempotency key after 24h, and then pays again",
        ),
        (
            "[retry]\nbase = \"2m\"",
            "retry.max: is shorter than retry.base: it is the longest wait, so write at least as much",
        ),
        (
            "[minimums]\nusd = 0",
            "payoutd.toml:2: minimums.usd: 0 is no amount: write minor units above 0 (50 is 0.50 USD)",
        ),
        (
            "[minimums]\nUSD = 50",
            "payoutd.toml:2: minimums.USD: is not a currency: write its three letters in lower case, such as usd",
        ),
        (
            "[cron]\njwt_secret = \"0123456789abcdef0123456789abcdef\"\npublic_key_file = \"/k.pem\"",
            "payoutd.toml:3: cron.public_key_file: is set, and cron.jwt_secret too: only one of them can say which tokens are good",
        ),
        (
            "[cron]\npublic_key_file = \"/k.pem\"\njwks_file = \"/k.json\"",
            "payoutd.toml:3: cron.jwks_file: is set, and cron.public_key_file too: only one of them can say which tokens are good",
        ),
        (
            "[api]\njwt_secret = \"0123456789abcdef0123456789abcdef\"\njwks_file = \"/k.json\"",
            "payoutd.toml:3: api.jwks_file: is set, and api.jwt_secret too: only one of them can say which tokens are good",
        ),
        (
            "[api]\nrequests_per_minute = 6001",
            "payoutd.toml:2: api.requests_per_minute: is out of range: write a number from 1 to 6000",
        ),
        (
            "[cron]\nanswer_after = \"2m\"",
            "payoutd.toml:2: cron.answer_after: 2m is too long: write at most 1m, since hosted cron services and proxies do not wait longer for an answer",
        ),
        (
            "[cron]\nrequests_per_minute = 0",
            "payoutd.toml:2: cron.requests_per_minute: is out of range: write a number from 1 to 600",
        ),
        (
            "[cron]\njwt_secret = \"short\"",
            "payoutd.toml:2: cron.jwt_secret: is shorter than 32 bytes and could be guessed: make one with `openssl rand -base64 32`",
        ),
        (
            "[log]\nfilter = \"payoutd=loud\"",
            "payoutd.toml:2: log.filter: \"payoutd=loud\" is not a filter: write a level (error, warn, info, debug, trace) or \"payoutd=debug,info\"",
        ),
        (
            "[metadata]\nmentor_id = []",
            "payoutd.toml:2: metadata.mentor_id: is an empty list: without a name to look for, no charge has a mentor",
        ),
        (
            "[metadata]\nbooking_id = [\"a[b]\"]",
            "payoutd.toml:2: metadata.booking_id: \"a[b]\" cannot be a name in Stripe's metadata: 1 to 40 characters, no brackets",
        ),
        (
            "[mail]\nadmin_email = \"ada\"",
            "payoutd.toml:2: mail.admin_email: \"ada\" is not an email address: write one address, such as \"payouts@example.com\"",
        ),
        (
            "[mail]\nfrom = \"Pay <ada>\"",
            "payoutd.toml:2: mail.from: \"ada\" is not an email address: write one address, such as \"payouts@example.com\"",
        ),
    ] {
        refused(text, complaint);
    }
}

#[test]
fn a_database_is_a_file_or_a_postgresql_server() {
    for (url, complaint) in [
        ("sqlite::memory:", "an SQLite URL begins with sqlite:// and names a file"),
        ("sqlite:payoutd.db", "an SQLite URL begins with sqlite:// and names a file"),
        ("sqlite://:memory:", "an SQLite database must be a file"),
        ("sqlite://", "an SQLite database must be a file"),
        ("sqlite://a.db?mode=ro", "takes no parameters"),
        ("mysql://root:s3cret@db/pay", "is not a database URL"),
        ("postgres://u:s3cret@db:port/pay", "is not a PostgreSQL URL"),
        ("s3cret", "is not a database URL"),
    ] {
        let error = parse("", &[("DATABASE_URL", url)]).expect_err(url).to_string();
        assert!(error.starts_with("environment DATABASE_URL: database.url: "), "{error}");
        assert!(error.contains(complaint), "{url}: {error}");
        assert!(!error.contains("s3cret"), "shows a password: {error}");
    }
    let postgres = good("", &[("DATABASE_URL", "postgres://u:s3cret@db/pay")]).database;
    assert_eq!(postgres.url.expose(), "postgres://u:s3cret@db/pay");
    assert_eq!(postgres.url.to_string(), "postgres://u:***@db/pay");
}

#[test]
fn a_key_is_a_secret_key_and_never_shown() {
    for (key, complaint) in [
        ("pk_live_x", "is a publishable key (pk_)"),
        ("whsec_x", "is a webhook's signing secret"),
        ("sk_prod_x", "is not a secret key"),
        ("sk_test_a b", "has a space or a letter in it"),
    ] {
        let error = parse("", &[("STRIPE_SECRET_KEY", key)]).expect_err(key).to_string();
        let place = "environment STRIPE_SECRET_KEY: stripe.secret_key: ";
        assert!(error.starts_with(place) && error.contains(complaint), "{key}: {error}");
        assert!(!error.contains(key), "shows the key: {error}");
    }
    refused_env(
        "STRIPE_WEBHOOK_SECRET",
        "whsec_a,b",
        "environment STRIPE_WEBHOOK_SECRET: stripe.webhook_secrets: 1 of 2 is not a signing secret: \
         it begins with whsec_ and stands in the Stripe dashboard under Developers, Webhooks",
    );
}

#[test]
fn a_live_key_goes_to_stripe_alone() {
    let with = |key, base| parse("", &[("STRIPE_SECRET_KEY", key), ("STRIPE_API_BASE", base)]);
    for key in ["sk_live_x", "rk_live_x"] {
        for (base, complaint) in [
            ("http://api.stripe.com", "a live key is never sent over plain http"),
            ("http://127.0.0.1:12111", "a live key is never sent over plain http"),
            ("https://127.0.0.1:12111", "a live key is only sent to Stripe, not to 127.0.0.1"),
            ("https://api.stripe.com.example.org", "only sent to Stripe, not to api.stripe.com.example.org"),
            ("https://api.stripe.com@example.org", "without user or parameters"),
        ] {
            let error = with(key, base).expect_err(base).to_string();
            assert!(error.starts_with("environment STRIPE_API_BASE: stripe.api_base: "), "{error}");
            assert!(error.contains(complaint), "{base}: {error}");
        }
        assert!(with(key, "https://api.stripe.com").is_ok());
    }
    assert!(with("sk_test_x", "http://127.0.0.1:12111").is_ok());
    let error = with("sk_test_x", "ftp://127.0.0.1").expect_err("no HTTP").to_string();
    assert!(error.contains("is not an HTTP address"), "{error}");
}

#[test]
fn all_problems_come_at_once_and_in_order() {
    let text = "[release]\nbatch_size = \"x\"\nshedule = \"0 * * * * *\"\n[fees]\nplatform_fee_bps = 20000";
    let variables = [("ADMIN_EMAIL", "nobody"), ("PAYOUTD_RETRY_BASE", "1")];
    let error = parse(text, &variables).expect_err("five problems");
    assert_eq!(error.problems().len(), 5);
    assert_eq!(
        error.to_string(),
        "the configuration has 5 problems:
  payoutd.toml:2: release.batch_size: expected a whole number, found text
  payoutd.toml:3: unknown key `release.shedule`: did you mean `release.schedule`?
  payoutd.toml:5: fees.platform_fee_bps: is a fee above 100 %: write basis points from 0 to 10000 (1000 is 10 %)
  environment ADMIN_EMAIL: mail.admin_email: \"nobody\" is not an email address: write one address, such as \"payouts@example.com\"
  environment PAYOUTD_RETRY_BASE: retry.base: 1 has no unit: write \"1s\" for seconds (ms, s, m, h or d)"
    );
}
